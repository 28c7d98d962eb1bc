"""The real program, killed with SIGKILL again and again and resumed each time, ends as if left alone."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, Demo, serve
from scanner.demo.story.accounts import ACQUIRED, CENTRAL, DEVELOPMENT
from scanner.demo.wire.call import Call

ROOT: Final = Path(__file__).parents[2]
SEED: Final = 20261122
CONTROLS: Final = (
    "account-region-assessed",
    "copy-arrives",
    "resource-in-backup-plan",
    "survives-region-loss",
)
SOME: Final = Counter({"start-up": 2, "collecting": 5, "judging": 3})
"""How many kills there must be of each kind at least."""
MANY: Final = Counter({"start-up": 8, "collecting": 20, "judging": 12})
ACCOUNTS: Final = (CENTRAL, DEVELOPMENT, ACQUIRED)
"""Few, to be quick; the last one cannot be entered, and the caller's own is not among them."""
PATIENCE: Final = 240.0

pytestmark = pytest.mark.slow

Key = tuple[str, str, str]


@dataclass
class Scan:
    """A scan folder, what ran on it, and which calls each run made."""

    demo: Demo
    folder: Path
    concurrency: int
    asked_again: set[Key] = field(default_factory=set)
    known: tuple[int, list[Any]] = (0, [])

    def lines(self) -> list[Any]:
        """The journal's whole lines."""
        try:
            size = (self.folder / "journal.jsonl").stat().st_size
        except FileNotFoundError:
            return []
        if size != self.known[0]:  # this is asked every few milliseconds, of a machine that is busy
            content = (self.folder / "journal.jsonl").read_bytes()
            self.known = len(content), [json.loads(line) for line in content.split(b"\n")[:-1]]
        return self.known[1]

    def phase(self) -> str:
        """How far the scan got."""
        lines = self.lines()
        if not lines:
            return "start-up"
        return "judging" if any("finished_at" in line for line in lines) else "collecting"

    def recorded(self) -> set[Key]:
        """What the finished shards' files say was asked. Global services are asked in any Region."""
        found: set[Key] = set()
        for line in self.lines():
            if (record := line.get("shard")) is None:
                continue
            content = gzip.decompress((self.folder / record["file"]).read_bytes())
            for call in map(json.loads, content.splitlines()):
                if call["operation"] not in {"GetCallerIdentity", "AssumeRole"}:
                    is_global = record["region"] in {"org", "aws-global"}
                    region = "" if is_global else record["region"]
                    what = f"{call['service']}:{call['operation']} {text(call['parameters'])}"
                    found.add((call.get("account") or record["account"], region, what))
        return found

    def run(self, until: "Callable[[Scan, float], bool] | None" = None) -> int:
        """Run or resume the program; kill it when `until` (told the seconds since its start) says so."""
        finished = self.recorded()
        scope = [
            "--org",
            "--role-name",
            self.demo.role_name,
            "--region",
            "eu-west-1",
            "--region",
            "us-east-1",
        ]
        scope += [word for account in ACCOUNTS for word in ("--account", account)]
        target = ["--resume"] if self.lines() else [*scope, "--out"]
        clock = DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")
        options = ["--format", "json", "--quiet", "--as-of", clock, "--concurrency", str(self.concurrency)]
        options += [word for control in CONTROLS for word in ("--controls", control)]
        with self.demo.log.listening() as calls:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "scanner",
                    "run",
                    "--allow-partial",
                    *target,
                    str(self.folder),
                    *options,
                ],
                env=self.demo.scrubbed(os.environ) | {"PYTHONPATH": str(ROOT)},
                stderr=subprocess.PIPE,
            )
            code = watch(process, lambda seconds: until is not None and until(self, seconds))
            self.asked_again |= finished & asked(calls)
        return code


def watch(process: "subprocess.Popen[bytes]", is_time: Callable[[float], bool]) -> int:
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() - begun < PATIENCE:
        if is_time(time.monotonic() - begun):
            process.kill()
        time.sleep(0.005)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, -signal.SIGKILL), err.decode()
    return process.returncode


def text(parameters: Mapping[str, Any]) -> str:
    """Parameters as the client took them and as they arrived are spelt alike."""
    told = {name.lower(): str(value) for name, value in parameters.items() if value not in (None, "", [], {})}
    return json.dumps(told, sort_keys=True)


def asked(calls: Iterable[Call]) -> set[Key]:
    """The calls that arrived, with and without their Region."""
    whats = ((call, f"{call.service}:{call.operation} {text(call.parameters)}") for call in list(calls))
    return {(call.account, region, what) for call, what in whats for region in (call.region, "")}


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with serve(DEFAULT_SEED) as running:
        yield running


def results(folder: Path) -> tuple[bytes, list[Any], Any]:
    """What must be equal: findings to the byte, and the manifest less times, checksums and ids."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    shards = [
        [row[key] for key in ("account", "region", "status", "calls", "errors", "file")]
        for row in manifest["shards"]
    ]
    kept = ("scope", "accounts", "caller", "evaluated_as_of")
    return (folder / "findings.jsonl.gz").read_bytes(), shards, {key: manifest[key] for key in kept}


def at_random(rng: random.Random, scan: Scan, times: Mapping[str, float], wanted: str) -> Any:
    """Choose a moment: when a phase is reached, or some shards later, and then a random while."""
    goal = len(scan.lines()) + rng.randint(1, 2)
    pause = rng.uniform(0, times[wanted])
    reached: list[float] = []

    def is_time(now: Scan, seconds: float) -> bool:
        if not reached:
            done = {"start-up": True, "collecting": len(now.lines()) >= goal}
            if done.get(wanted, now.phase() == "judging") or now.phase() == "judging":
                reached.append(seconds)
        return bool(reached) and seconds - reached[0] >= pause

    return is_time


@pytest.mark.parametrize("wanted_kills", [SOME, pytest.param(MANY, marks=pytest.mark.exhaustive)])
def test_the_findings_are_those_of_an_undisturbed_run(
    demo: Demo, tmp_path: Path, wanted_kills: Counter[str]
) -> None:
    whole = Scan(demo, tmp_path / "whole", 4)
    marks: dict[str, float] = {}

    def mark(scan: Scan, seconds: float) -> bool:
        marks.setdefault(scan.phase(), seconds)
        return False

    begun = time.monotonic()
    with demo.log.listening() as calls:
        assert whole.run(mark) == 0
    ended = time.monotonic() - begun
    assert whole.recorded() - asked(calls) == set()
    times = {"start-up": marks["collecting"], "collecting": 0.1, "judging": ended - marks["judging"]}

    rng = random.Random(SEED)  # noqa: S311 -- moments, not secrets
    kills: Counter[str] = Counter()
    for number in range(wanted_kills.total()):
        missing = wanted_kills - kills
        plan = [phase for phase, count in missing.items() for _ in range(min(count, 4))]
        if not plan:
            break
        scan = Scan(demo, tmp_path / str(number), rng.choice([1, 3, 8]))
        for wanted in plan:
            before = scan.phase()
            if scan.run(at_random(rng, scan, times, wanted)) == 0:
                break
            # A resumption that was killed before it came to anything was killed at its start.
            kills["start-up" if wanted == "start-up" and scan.phase() == before else scan.phase()] += 1
        assert scan.run() == 0
        assert scan.asked_again == set()
        assert results(scan.folder) == results(whole.folder)
        assert (
            json.loads((scan.folder / "manifest.json").read_bytes())["started_at"]
            == (scan.lines()[0]["started_at"])
        )
        assert not list(scan.folder.rglob("*.part"))
    assert not wanted_kills - kills
    sys.stderr.write(f"killed: {dict(kills)}\n")

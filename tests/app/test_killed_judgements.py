"""Evaluations that are killed before each file is opened for writing, renamed or removed, and each request.

A helper process imports the program once, and forks a child for each event, which is killed with SIGKILL at
that event. What the commands read afterwards is the complete old evaluation, the complete new one, or nothing
(exit code 6): never a mixture.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, rmtree
from textwrap import dedent
from typing import Any, Final

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.storage.place import Place
from scanner.storage.s3 import S3Options, upload
from tests.fakes.bundles import BundleBuilder, rule, volume_arn
from tests.fakes.environment import lead_to

OLD: Final = ("--controls", "vault-locked", "--as-of", "2026-11-22")
NEW: Final = ("--controls", "resource-in-backup-plan", "--as-of", "2026-11-25")
BUCKET: Final = "killed-scans"

KILLED: Final = """
    import os, shutil, signal, sys
    from pathlib import Path
    from scanner.cli import blast_radius, commands, judge_actions
    from scanner.cli.scan import destination, replacement
    from scanner.cli.commands import audit
    from scanner.storage import s3, s3_replace

    kill, source, target, numbers, *words = sys.argv[1:]
    REMOVING = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")

    def is_event(name, arguments, folder):
        if kill == "requests":
            return name == "http.client.send" and bytes(arguments[1][:4]) in (b"PUT ", b"DELE", b"POST")
        if name == "open":
            return str(arguments[0]).startswith(folder) and str(arguments[1] or "r")[0] in "wxa"
        return name in REMOVING and str(arguments[0]).startswith(folder)

    def run(number):
        folder, count = f"{target}/{number}", 0
        shutil.copytree(source, folder)
        def hook(name, arguments):
            nonlocal count
            if is_event(name, arguments, folder):
                count += 1
                if count == number:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        sys.stdout = sys.stderr = open(f"{target}/output", "w")
        try:
            audit([word.replace("FOLDER", str(number) if kill == "requests" else folder) for word in words])
        finally:
            Path(target, "count").write_text(str(count))
            sys.stdout.flush()
            os._exit(0)

    def fork(number):
        child = os.fork()
        if child == 0:
            run(number)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])

    Path(target).mkdir()
    fork(0)
    last = int(Path(target, "count").read_text())
    step = max(1, last // int(numbers))
    for number in sorted({*range(1, last, step), last, last + 1}):
        print(number, int(fork(number)), flush=True)
"""


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(audit, list(map(str, words)))
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = BundleBuilder(tmp_path_factory.mktemp("killed") / "bundle", scan_id="killed")
    shard = built.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    return built.write()


def evaluated(bundle: Path, folder: Path, *words: str) -> Path:
    copytree(bundle, folder)
    code, output = run("evaluate", folder, *words, "--format", "csv", "--quiet")
    assert code == 0, output
    return folder


@pytest.fixture(scope="module")
def old(bundle: Path) -> Path:
    return evaluated(bundle, bundle.with_name("old"), *OLD)


@pytest.fixture(scope="module")
def new(bundle: Path) -> Path:
    return evaluated(bundle, bundle.with_name("new"), *NEW)


def read(scan: Path | str, out: Path) -> tuple[object, ...] | None:
    """Return what the commands make of a scan; None: all of them refuse it."""
    rmtree(out, ignore_errors=True)
    commands: list[tuple[str | Path, ...]] = [("report", scan, "--format", "json,csv", "--out", out)]
    if isinstance(scan, Path):
        commands += [
            ("query", scan, "FROM resource", "--format", "csv"),
            ("query", scan, "FROM findings", "--format", "csv"),
            ("explain", scan, volume_arn("vol-1")),
            ("graph", scan, "--format", "json"),
        ]
    done = [run(*words) for words in commands]
    codes = {code for code, _ in done}
    if codes == {6}:
        return None
    assert codes == {0}, [
        (words[0], code, output[-200:]) for words, (code, output) in zip(commands, done, strict=True)
    ]
    reports = tuple((out / name).read_bytes() for name in ("findings.json", "findings.csv"))
    return (*reports, *(output.replace(str(out), "OUT") for _, output in done))


def killed(kill: str, source: Path, target: Path, numbers: int, *words: str | Path) -> dict[int, bool]:
    """Run a command in copies of a folder, and return by their numbers whether it was killed.

    `numbers`: into how many parts the events are divided, each of which has one kill.
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(KILLED), kill, source, target, str(numbers), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {
        int(number): bool(int(is_killed)) for number, is_killed in map(str.split, done.stdout.splitlines())
    }


def check_kills(old: Path, new: Path, tmp_path: Path, numbers: int) -> None:
    out = tmp_path / "out"
    complete = {"old": read(old, out), "new": read(new, out), "none": None}
    words = ("evaluate", "FOLDER", *NEW, "--format", "csv", "--quiet", "--force", "--jobs", "1")
    states = {}
    for number, is_killed in killed("files", old, tmp_path / "scans", numbers, *words).items():
        state = read(tmp_path / "scans" / str(number), out)
        states[number] = next((name for name, content in complete.items() if content == state), "mixture")
        assert is_killed or states[number] == "new"
    assert "mixture" not in states.values(), states
    assert set(states.values()) == {"old", "none", "new"}
    number = next(number for number, state in states.items() if state == "none")
    code, output = run("evaluate", tmp_path / "scans" / str(number), *NEW, "--format", "csv", "--quiet")
    assert code == 0, output
    assert read(tmp_path / "scans" / str(number), out) == complete["new"]


@pytest.mark.slow
def test_an_evaluation_that_is_killed_is_whole_or_not_there(old: Path, new: Path, tmp_path: Path) -> None:
    check_kills(old, new, tmp_path, 6)


@pytest.mark.exhaustive
def test_an_evaluation_that_is_killed_at_any_event(old: Path, new: Path, tmp_path: Path) -> None:
    check_kills(old, new, tmp_path, 10_000)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    lead_to(f"http://{host}:{port}", monkeypatch, scratch=tmp_path / "tmp")
    bucket = boto3.resource("s3").Bucket(BUCKET)
    bucket.create()
    yield bucket
    server.stop()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    "numbers", [pytest.param(8, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.exhaustive)]
)
def test_an_upload_that_is_killed_leaves_no_mixture(bundle: Path, tmp_path: Path, numbers: int) -> None:
    code, output = run("evaluate", bundle, *OLD, "--format", "csv", "--quiet", "--out", tmp_path / "old")
    assert code == 0, output
    for number in range(60):
        upload(tmp_path / "old", Place(BUCKET, str(number)), S3Options())
    code, output = run("evaluate", bundle, *NEW, "--format", "csv", "--quiet", "--out", f"s3://{BUCKET}/new")
    assert code == 0, output
    out = tmp_path / "out"
    complete = {"old": read(f"s3://{BUCKET}/0", out), "new": read(f"s3://{BUCKET}/new", out), "none": None}
    words = ("evaluate", bundle, *NEW, "--format", "csv", "--quiet", "--force", "--out")
    states = {}
    for number in killed("requests", bundle, tmp_path / "x", numbers, *words, f"s3://{BUCKET}/FOLDER"):
        state = read(f"s3://{BUCKET}/{number}", out)
        states[number] = next((name for name, content in complete.items() if content == state), "mixture")
    assert "mixture" not in states.values(), states
    assert set(states.values()) == {"old", "none", "new"}

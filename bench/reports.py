"""What each report costs by the number of findings, beside reading them once: the floor."""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson

from bench.measure import ROOT, Table, ratio
from scanner.app import judgement as app
from scanner.cli.judgement import judgement_of
from scanner.cli.requests import settings_of
from scanner.evidence.bundle import file_sha256
from scanner.report.read import read_scan
from scanner.report.view import build
from scanner.report.write import FORMATS, write_reports

_FLOOR: Final = "reading"
_SIZES: Final = (10_000, 100_000)
_LIMITS: Final = "Limits for 100,000 findings: HTML 5 MB; PDF 60 s, 600 MB, 60 pages."


def tables(*, tiny: bool = False) -> list[Table]:
    """Write every format of scans of growing size, each in a process of its own."""
    sizes = (2_000,) if tiny else _SIZES
    with tempfile.TemporaryDirectory() as place:
        judged = _judged(Path(place) / "judged")
        return [_table(grown(judged, Path(place) / str(size), size), size) for size in sizes]


def _judged(folder: Path) -> Path:
    judgement = judgement_of(settings_of(None), None, None)
    app.evaluate(ROOT / "sample_reports" / "bundle", folder, judgement, ())
    return folder


def grown(judged: Path, folder: Path, number: int) -> Path:
    """Make a scan of about `number` findings out of a judged one: its subjects, again and again."""
    folder.mkdir()
    (folder / "facts").symlink_to(judged / "facts")  # the population does not grow
    with gzip.open(judged / "findings.jsonl.gz") as lines:
        found = [orjson.loads(line) for line in lines]
    times = max(1, number // len(found))
    findings = folder / "findings.jsonl.gz"
    with gzip.open(findings, "wb", compresslevel=1) as file:
        file.writelines(orjson.dumps(each) + b"\n" for each in _again(found, times))
    manifest = orjson.loads((judged / "manifest.json").read_bytes())
    summary = orjson.loads((judged / "summary.json").read_bytes())
    manifest["files"][findings.name] = summary["scan"]["files"][findings.name] = file_sha256(findings)
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    (folder / "summary.json").write_bytes(orjson.dumps(summary))
    return folder


def _again(found: list[dict[str, Any]], times: int) -> Iterator[dict[str, Any]]:
    """Repeat findings under other names, in the order in which they are filed."""
    for _, group in groupby(found, key=lambda each: (each["control"], each["account"], each["region"])):
        made = [_renamed(each, copy) for each in group for copy in range(times)]
        yield from sorted(made, key=lambda each: str(each["subject"]))


def _renamed(finding: dict[str, Any], copy: int) -> dict[str, Any]:
    if not copy:
        return finding
    details = {**finding["details"], "name": f"{finding['details'].get('name') or 'unnamed'}-{copy}"}
    return {**finding, "subject": f"{finding['subject']}{copy:06}", "details": details}


def _table(folder: Path, size: int) -> Table:
    floor = _measured(_FLOOR, folder)
    rows = [_row(_FLOOR, floor, floor)]
    rows += [_row(name, _measured(name, folder), floor) for name in FORMATS]
    return Table(
        f"Reports of {size:,} findings",
        ("format", "wall s", "times the floor", "peak MB", "MB"),
        rows,
        (_LIMITS, "Each in a process of its own, the look over all findings included."),
    )


def _row(name: str, took: dict[str, float], floor: dict[str, float]) -> tuple[str, ...]:
    times = ratio(took["wall"], floor["wall"])
    return name, f"{took['wall']:.1f}", times, f"{took['rss']:.0f}", f"{took['bytes'] / 1e6:.1f}"


def _measured(name: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.reports", name, str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 -- our own
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main(name: str, folder: Path) -> None:
    """Make one report, and print what it took."""
    begun = time.perf_counter()
    made = 0
    if name == _FLOOR:
        made = _count(read_scan(folder).findings)
    else:
        made = sum(each.bytes for each in write_reports(build(read_scan(folder)), folder / "out", (name,)))
    wall = time.perf_counter() - begun
    peak = _peak_mb()
    sys.stdout.write(json.dumps({"wall": wall, "rss": peak, "bytes": made}))


def _peak_mb() -> float:
    """Read the peak of this process alone: what getrusage tells is inherited from the parent."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024


def _count(findings: Iterable[object]) -> int:
    return 0 * sum(1 for _ in findings)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

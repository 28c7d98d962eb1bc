"""One stage of judging, measured in a process of its own: `python -m bench.stage STAGE BUNDLE JUDGED OUT`.

A stage is a function that prepares and returns the work; only the work is measured. Its processor time (all
threads and ended children) and its wall time are printed as JSON. JUDGED is what `audit evaluate` made of
BUNDLE, OUT an empty folder.
"""

import gzip
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import orjson

from scanner.app import FINDINGS
from scanner.cli.judgement import judgement_of
from scanner.cli.requests import settings_of
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import Limits, Table, opened
from scanner.evaluate.engine import evaluate
from scanner.evaluate.reads import blinds
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.judging.tables import write_tables
from scanner.model.facts import TABLES
from scanner.report.json import findings_jsonl_gz
from scanner.report.read import read_scan
from scanner.report.view import build
from scanner.report.write import FORMATS, write_reports
from scanner.storage.files import write_atomically
from scanner.storage.parquet import open_parquet


@dataclass(frozen=True, slots=True)
class Folders:
    """The bundle, what `audit evaluate` made of it, and where a stage writes."""

    bundle: Path
    judged: Path
    out: Path


Work = Callable[[], object]
Stage = Callable[[Folders], Work]


def floor(folders: Folders) -> Work:
    """Unpack all evidence and decode each line: what nobody who reads the bundle can avoid."""
    files = sorted((folders.bundle / "evidence").rglob("*.jsonl.gz"))

    def work() -> None:
        for file in files:
            for line in gzip.decompress(file.read_bytes()).splitlines():
                orjson.loads(line)

    return work


def tables(folders: Folders, workers: int = 1) -> Work:
    """Parse the evidence and write the tables of the inventory and of the facts."""
    bundle, judgement = Bundle(folders.bundle), judgement_of(settings_of(None), None, None)
    request = FactsRequest(as_of=bundle.manifest.evaluated_as_of, blinds=blinds(judgement.controls))
    return lambda: write_tables(bundle, folders.out, request, workers)


def facts(folders: Folders) -> Work:
    """Read all columns of the facts that any control needs, and do nothing with them."""
    stored = _facts(folders)
    needed = needed_columns(map(compile_control, judgement_of(settings_of(None), None, None).controls))

    def work() -> None:
        for name, columns in needed.items():
            for _ in stored[name].to_batches(columns=list(columns), batch_size=4_096, batch_readahead=2):
                pass

    return work


def verdicts(folders: Folders) -> Work:
    """Ask every control for the status of every subject, and count them; no reasons, nothing is written."""
    compiled = tuple(map(compile_control, judgement_of(settings_of(None), None, None).controls))
    stored, as_of = _facts(folders), Bundle(folders.bundle).manifest.evaluated_as_of

    def work() -> None:
        with opened(stored, needed_columns(compiled), as_of, Limits()) as connection:
            for control in compiled:
                sql = f"SELECT status, count(*) FROM ({control.sql}) GROUP BY status"  # noqa: S608 -- checked SQL
                connection.execute(
                    sql, {name: control.control.parameters[name] for name in control.parameters}
                )

    return work


def findings(folders: Folders) -> Work:
    """Load the controls, judge the facts and file the findings."""
    stored, as_of = _facts(folders), Bundle(folders.bundle).manifest.evaluated_as_of

    def work() -> None:
        judgement = judgement_of(settings_of(None), None, None)
        judged = evaluate(stored, judgement.controls, judgement.parameters, as_of=as_of)
        write_atomically(folders.out / FINDINGS, findings_jsonl_gz(judged))

    return work


def view(folders: Folders) -> Work:
    """Read the judged scan back, count its findings and pick those that reports show."""
    return lambda: build(read_scan(folders.judged))


def report(format_: str, folders: Folders) -> Work:
    """Write a format of a view that is there already."""
    shown = build(read_scan(folders.judged))
    return lambda: write_reports(shown, folders.out, (format_,))


def _facts(folders: Folders) -> dict[str, Table]:
    return {name: open_parquet(folders.judged / "facts", name, row, new=True) for name, row in TABLES.items()}


STAGES: Final[Mapping[str, Stage]] = {
    "floor": floor,
    "tables": tables,
    "tables on 2 processes": partial(tables, workers=2),
    "facts read once": facts,
    "verdicts": verdicts,
    "findings": findings,
    "view": view,
    **{name: partial(report, name) for name in FORMATS if name != "pdf-letter"},
}


def main(name: str, folders: Iterable[str]) -> None:
    """Do one stage, and print what it took."""
    work = STAGES[name](Folders(*map(Path, folders)))
    began, cpu = time.perf_counter(), _processor()
    work()
    print(json.dumps({"cpu": _processor() - cpu, "wall": time.perf_counter() - began}))


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

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
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import orjson
import pyarrow.parquet as pq

from scanner.app import FINDINGS
from scanner.app.criteria import Judgement
from scanner.app.judged import read_judged
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import FactFiles, Limits, opened
from scanner.evaluate.decisions.tiers import Tiering
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evaluate.engine import Judge, loaded_columns
from scanner.evaluate.filing import file_findings, groups
from scanner.evaluate.needs import affected_controls
from scanner.evaluate.words import RenderedWords
from scanner.evidence.bundle import Bundle
from scanner.evidence.scan_files import FACTS
from scanner.facts.build import FactsRequest
from scanner.findings.filed import Filed
from scanner.findings.writing import FindingFiles
from scanner.judging.tables import write_tables
from scanner.model.decisions import Tiers
from scanner.model.facts import TABLES
from scanner.report.formats.json import findings_jsonl_gz
from scanner.report.read import read_scan
from scanner.report.view.view import build
from scanner.report.write import FORMATS, write_reports
from scanner.storage.files import write_atomically
from scanner.storage.parquet import open_parquet
from scanner.storage.table_files import table_files


@dataclass(frozen=True, slots=True)
class Folders:
    """The bundle, what `audit evaluate` made of it, and where a stage writes."""

    bundle: Path
    judged: Path
    out: Path


Work = Callable[[], object]
Stage = Callable[[Folders], Work]


def floor(folders: Folders) -> Work:
    """Unpack all evidence and decode each line: what reading a bundle costs at least."""
    files = sorted((folders.bundle / "evidence").rglob("*.jsonl.gz"))

    def work() -> None:
        for file in files:
            for line in gzip.decompress(file.read_bytes()).splitlines():
                orjson.loads(line)

    return work


def tables(folders: Folders, workers: int = 1) -> Work:
    """Parse the evidence and write the tables of the inventory and of the facts."""
    bundle, controls = Bundle(folders.bundle), _judgement().controls
    request = FactsRequest(
        as_of=bundle.manifest.evaluated_as_of, affected_controls=affected_controls(controls)
    )
    return lambda: write_tables(bundle, folders.out, request, workers)


def facts(folders: Folders) -> Work:
    """Read all columns of the facts that any control needs, and do nothing with them."""
    stored = {name: open_parquet(folders.judged / FACTS, name, row, new=True) for name, row in TABLES.items()}
    needed = needed_columns(map(compile_control, _judgement().controls))

    def work() -> None:
        for name, columns in needed.items():
            for _ in stored[name].to_batches(columns=list(columns), batch_size=4_096, batch_readahead=2):
                pass

    return work


def statuses(folders: Folders) -> Work:
    """Compute the status of every subject under every control. No texts, nothing is written."""
    files, as_of, limits = _fact_files(folders), Bundle(folders.bundle).manifest.evaluated_as_of, Limits()
    compiled, tiering = [compile_control(control) for control in _judgement().controls], Tiering(Tiers())
    columns = loaded_columns(compiled, tiering, files)
    subjects = Counter(item.control.subject for item in compiled)

    def work() -> None:
        for group in groups(files, subjects, limits.rows):
            with opened(group.tables, columns, as_of, limits) as connection:
                judge = Judge(connection, tiering, columns, limits)
                for item in compiled:
                    judge.verdicts(item, item.control.parameters)

    return work


def findings(folders: Folders) -> Work:
    """Load the controls, judge the facts and file the findings."""
    files, as_of = _fact_files(folders), Bundle(folders.bundle).manifest.evaluated_as_of

    def work() -> None:
        controls = _judgement().controls
        with FindingFiles(folders.out) as filed:
            file_findings(files, controls, {}, filed, as_of=as_of, waivers=Waivers((), as_of))

    return work


def view(folders: Folders) -> Work:
    """Read the judged scan back, count its findings and pick those that reports show."""
    return lambda: build(read_judged(folders.judged))


def lines(folders: Folders) -> Work:
    """Write all findings as lines; texts that are not filed are rendered from the facts."""
    scan = read_scan(folders.judged)
    assert isinstance(scan.findings, Filed)  # noqa: S101 -- this version filed them
    words = RenderedWords(
        facts=partial(table_files, folders.judged / FACTS),
        controls=scan.findings.controls,
        parameters=scan.parameters,
        as_of=scan.manifest.evaluated_as_of,
        has_tiers=False,
    )
    filed = scan.findings.with_words(words)
    return lambda: write_atomically(folders.out / FINDINGS, findings_jsonl_gz(filed))


def report(format_: str, folders: Folders) -> Work:
    """Write a format of a view that is there already."""
    shown = build(read_judged(folders.judged))
    return lambda: write_reports(shown, folders.out, (format_,))


@cache
def _judgement() -> Judgement:
    """Load the packaged controls, without any settings."""
    return judgement_of(settings_of(None), None, None)


def _fact_files(folders: Folders) -> dict[str, FactFiles]:
    """Return the files of facts, with the number of rows that each states."""
    paths = {name: table_files(folders.judged / FACTS, name).paths for name in TABLES}
    return {
        name: FactFiles(tuple(map(str, every)), tuple(map(_rows, every))) for name, every in paths.items()
    }


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


STAGES: Final[Mapping[str, Stage]] = {
    "floor": floor,
    "tables": tables,
    "tables on 2 processes": partial(tables, workers=2),
    "facts read once": facts,
    "statuses": statuses,
    "findings": findings,
    "view": view,
    **{name: partial(report, name) for name in FORMATS if name != "pdf-letter"},
    "jsonl": lines,
}


def main(name: str, folders: Iterable[str]) -> None:
    """Do one stage, and print what it took."""
    work = STAGES[name](Folders(*map(Path, folders)))
    began, cpu = time.perf_counter(), _processor()
    work()
    print(json.dumps({"cpu": _processor() - cpu, "wall": time.perf_counter() - began}))


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

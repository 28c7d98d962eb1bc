"""Judges made-up facts in a process of its own, as far as it is told, and says what it took.

`python -m bench.judged FOLDER STAGE`; the answer is JSON (`Judged`).
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.scan import peak, processor
from bench.shards import AS_OF
from scanner.evaluate.asking import BATCH
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.compiler import needed_columns
from scanner.evaluate.database import Limits, Table, opened
from scanner.evaluate.engine import evaluate
from scanner.evaluate.loader import load_controls
from scanner.model.control import Compiled
from scanner.model.facts import TABLES
from scanner.storage.parquet import open_parquet

_LIMITS: Final = Limits(threads=2)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a stage took: seconds of wall and processor, peak memory in MB. `answers`: what came of it."""

    answers: int
    wall: float
    cpu: float
    peak: float


def _compiled() -> tuple[Compiled, ...]:
    return tuple(compile_control(control) for control in load_controls())


def read(tables: dict[str, Table]) -> int:
    """Read all columns that any control asks, once, and do nothing with them."""
    rows = 0
    for name, columns in needed_columns(_compiled()).items():
        for batch in tables[name].to_batches(columns=list(columns), batch_size=4_096, batch_readahead=2):
            rows += batch.num_rows
    return rows


def verdicts(tables: dict[str, Table]) -> int:
    """Ask every control of every subject, and count how many have which status."""
    rows = 0
    with opened(tables, needed_columns(_compiled()), AS_OF, _LIMITS) as connection:
        for each in _compiled():
            sql = f"SELECT status, count(*) FROM ({each.sql}) GROUP BY status"  # noqa: S608 -- checked SQL
            bound = {name: each.control.parameters[name] for name in each.parameters}
            rows += sum(number for _, number in connection.execute(sql, bound).fetchall())
    return rows


def texts(tables: dict[str, Table]) -> int:
    """Make reason, details and evidence of each verdict as well, as Arrow batches."""
    rows = 0
    with opened(tables, needed_columns(_compiled()), AS_OF, _LIMITS) as connection:
        for each in _compiled():
            bound = {name: each.control.parameters[name] for name in each.parameters}
            for batch in connection.sql(each.sql, params=bound).to_arrow_reader(BATCH):
                rows += batch.num_rows
    return rows


def findings(tables: dict[str, Table]) -> int:
    """Give all findings, one after the other, as a scan does."""
    return sum(1 for _ in evaluate(tables, load_controls(), as_of=AS_OF, limits=_LIMITS))


STAGES: Final[dict[str, Callable[[dict[str, Table]], int]]] = {
    "read": read,
    "verdicts": verdicts,
    "texts": texts,
    "findings": findings,
}


def main(folder: Path, stage: str) -> None:
    """Do one stage, and print what it took as JSON."""
    _compiled()  # once a process, whatever the facts: not counted
    tables: dict[str, Table] = {name: open_parquet(folder, name, row) for name, row in TABLES.items()}
    started, begun = processor(), time.perf_counter()
    answers = STAGES[stage](tables)
    took = Judged(answers, time.perf_counter() - begun, processor() - started, peak())
    print(json.dumps(asdict(took)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

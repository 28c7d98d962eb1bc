"""Made-up fact tables in Parquet files, as a scan leaves them, of as many resources as are asked for.

The facts of some account-Regions are told as in a scan, and then told again of other accounts, until there
are enough: what tells facts takes half a millisecond a resource, and is measured elsewhere. Ten recovery
points a resource; what differs between these differs from row to row. Files are made once and kept.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.shards import AS_OF, Size, central_shards, organization, shard_of
from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.control_plane import ControlPlane, summarise
from scanner.model.facts import TABLES, AccountFacts, BackupJobTold, ResourceFacts, RestoreTold, Row
from scanner.storage.parquet import ROW_GROUP
from scanner.storage.tables import arrow_schema, arrow_table

POINTS: Final = 10
"""Recovery points a resource."""

_SHARDS: Final = 200
_RESOURCES: Final = 50
_PREFIX: Final = "1000000000"
"""The digits that all accounts of the first telling begin with."""


def fact_files(resources: int) -> Path:
    """Give the folder of the facts of some `resources` resources; make it where it is not there."""
    folder = Path(tempfile.gettempdir()) / f"vaultproof-bench-facts-{_version()}" / f"{resources}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make(folder, resources)
        (folder / "complete").touch()
    return folder


def _version() -> str:
    """Name the columns of all tables: facts that were made with others are of no use."""
    schemas = "\n".join(f"{name}\n{arrow_schema(name)}" for name in TABLES)
    return sha256(schemas.encode()).hexdigest()[:12]


def _make(folder: Path, resources: int) -> None:
    shards = min(_SHARDS, max(1, resources // _RESOURCES))
    told = {name: arrow_table(name, rows) for name, rows in _told(shards).items()}
    times = max(1, resources // (shards * _RESOURCES))
    for name, table in told.items():
        path = folder / f"{name}.parquet"
        with pq.ParquetWriter(path, table.schema, compression="zstd") as writer:
            for group in _groups(_again(name, table, number) for number in range(times)):
                writer.write_table(group, row_group_size=ROW_GROUP)


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut tables into row groups of the size that a scan writes."""
    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows >= ROW_GROUP:
            yield waiting.slice(0, ROW_GROUP).combine_chunks()
            waiting = waiting.slice(ROW_GROUP)
    if waiting is not None and waiting.num_rows:
        yield waiting.combine_chunks()


def _told(shards: int) -> Mapping[str, list[Row]]:
    size = Size(resources=_RESOURCES, points=POINTS)
    every = (*central_shards(), *(shard_of(number, size) for number in range(shards)))
    plane = ControlPlane(organization(shards), [summarise(each) for each in every])
    request = FactsRequest(as_of=AS_OF, blinds={})
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for number in range(shards):
        for name, more in build_facts(shard_of(number, size), plane, request).tables.items():
            rows[name] += more
    chance = Random(0)
    rows["resource"] = [_with_history(row, chance) for row in rows["resource"]]
    rows["account"] = [_account(name) for name in sorted({row.account for row in rows["resource"]})]
    return rows


def _account(name: str) -> AccountFacts:
    return AccountFacts(
        subject=f"account:{name}",
        subject_type="account",
        account=name,
        region="aws-global",
        name=name,
        not_applicable_because="",
        not_known=(),
        evidence=(),
        backup_policy=name.endswith("1"),
        policy_plans=(),
        policy_updated_at="",
        policy_valid=True,
    )


def _with_history(row: Row, chance: Random) -> Row:
    """Give a resource a week of backup jobs, and every second one a restore; of some nothing is known."""
    if not isinstance(row, ResourceFacts) or chance.random() < 0.02:  # noqa: PLR2004 -- few
        return row
    failing = chance.random() < 0.1  # noqa: PLR2004 -- few
    jobs = tuple(_job(row, day, failed=failing and chance.random() < 0.3) for day in range(7))  # noqa: PLR2004 -- few
    restores = (_restore(row, chance),) if chance.random() < 0.5 else ()  # noqa: PLR2004 -- half
    return replace(row, backup_jobs=jobs, restores=restores, type_restores=restores)


def _job(row: Row, day: int, *, failed: bool) -> BackupJobTold:
    return BackupJobTold(
        job=f"job-{day}",
        resource=row.subject,
        state="FAILED" if failed else "COMPLETED",
        age_hours=24.0 * day + 5,
        finished=True,
        succeeded=not failed,
        failed=failed,
        newest=day == 0,
        backup_type="SNAPSHOT",
        category="ACCESS_DENIED" if failed else "SUCCESS",
        message="Access was denied." if failed else "",
        issues="",
    )


def _restore(row: Row, chance: Random) -> RestoreTold:
    minutes = float(chance.randrange(5, 1_000))
    age = float(chance.randrange(1, 200))
    return RestoreTold(
        job="restore", resource=row.subject, state="COMPLETED", age_days=age, minutes=minutes, completed=True,
        validated=chance.choice((True, True, None, False)),
        validation_reported=True,
        message="",
    )  # fmt: skip


def _again(name: str, table: pa.Table, number: int) -> pa.Table:
    """Tell a table of other accounts, in the order of a scan."""
    columns = {each: table[each] for each in table.schema.names}
    for each in ("subject", "account", "resource", "vault"):
        if each in columns:
            columns[each] = pc.replace_substring(columns[each], _PREFIX, f"1{number:09d}")
    if name == "recovery_point":
        columns |= _points(columns, number)
    again = pa.table(columns, schema=table.schema)
    return again.sort_by([("account", "ascending"), ("region", "ascending"), ("subject", "ascending")])


def _points(columns: Mapping[str, pa.ChunkedArray], number: int) -> dict[str, pa.Array]:
    """Make recovery points differ: in name, age, retention, status, and in what was told of them."""
    chance = Random(number)
    rows = len(columns["account"])
    ids = pa.array([f"{chance.getrandbits(64):016x}" for _ in range(rows)])
    parts = ("arn:aws:backup:", columns["region"], ":", columns["account"], ":recovery-point:", ids, "")
    usable = chance.choices((True, False, None), (97, 2, 1), k=rows)
    retention = chance.choices((1, 7, 14, 35, 90, 365, 999_999, None), (2, 5, 5, 60, 10, 10, 6, 2), k=rows)
    return {
        "subject": pc.binary_join_element_wise(*parts),
        "name": ids,
        "usable": pa.array(usable, pa.bool_()),
        "status": pa.array([_STATUS[each] for each in usable], pa.string()),
        "age_hours": pa.array([chance.random() * 840 for _ in range(rows)], pa.float64()),
        "encrypted": pa.array(chance.choices((True, False, None), (95, 4, 1), k=rows), pa.bool_()),
        "retention_days": pa.array(retention, pa.int64()),
        "keeps_forever": pa.array(
            [None if each is None else each == _FOREVER for each in retention], pa.bool_()
        ),
        "orphaned": pa.array(chance.choices((True, False, None), (5, 94, 1), k=rows), pa.bool_()),
        "scanned": pa.array(chance.choices((True, False), (10, 90), k=rows), pa.bool_()),
        "temporary": pa.array(chance.choices((True, False), (1, 99), k=rows), pa.bool_()),
    }


_STATUS: Final = {True: "COMPLETED", False: "PARTIAL", None: None}
_FOREVER: Final = 999_999


if __name__ == "__main__":
    print(fact_files(int(sys.argv[1])))

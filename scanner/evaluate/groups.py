"""Accounts that are judged together: as many as fit, since asking every control has a fixed cost."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.dataset as ds
import pyarrow.parquet as pq

MOST: Final = 600_000
"""Findings of a group, unless one account has more."""


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts, and their part of each fact table."""

    accounts: tuple[str, ...]
    tables: Mapping[str, ds.Dataset]


@dataclass(slots=True)
class _Part:
    """The files of one account by table, and the findings that its rows will have."""

    files: dict[str, str]
    findings: int = 0


def groups(
    tables: Mapping[str, ds.Dataset], controls: Mapping[str, int], rows: int, most: int = MOST
) -> Iterator[Group]:
    """Return all accounts in groups, in order. `controls`: how many are asked of each table.

    A group has no more than `rows` rows of a table, and `most` findings, unless it is of one account.
    """
    parts = _parts(tables, controls, rows, most)
    waiting: list[str] = []
    findings = 0
    for account in sorted(parts):
        if waiting and findings + parts[account].findings > most:
            yield _group(waiting, parts, tables)
            waiting, findings = [], 0
        waiting.append(account)
        findings += parts[account].findings
    if waiting:
        yield _group(waiting, parts, tables)


def _parts(
    tables: Mapping[str, ds.Dataset], controls: Mapping[str, int], rows: int, most: int
) -> dict[str, _Part]:
    """Read the number of rows of each file. As many as `rows` rows of a table fill a group."""
    parts: dict[str, _Part] = {}
    for name, table in tables.items():
        weight = max(controls.get(name, 0), most // rows)
        for file in table.files:
            part = parts.setdefault(Path(file).stem, _Part({}))
            part.files[name] = file
            part.findings += weight * int(pq.read_metadata(file).num_rows)
    return parts


def _group(accounts: Iterable[str], parts: Mapping[str, _Part], tables: Mapping[str, ds.Dataset]) -> Group:
    chosen = tuple(accounts)
    files = {
        name: [parts[account].files[name] for account in chosen if name in parts[account].files]
        for name in tables
    }
    opened = {
        name: ds.dataset(found, schema=tables[name].schema, format="parquet")
        if found
        else ds.dataset(tables[name].schema.empty_table())
        for name, found in files.items()
    }
    return Group(chosen, opened)

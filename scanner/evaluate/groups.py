"""Accounts that are judged together: as many as fit, since asking every control has a fixed cost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.evaluate.database import FactFiles

MOST: Final = 100_000
"""Findings of a group, unless one account has more."""


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts, and their part of each fact table."""

    accounts: tuple[str, ...]
    tables: Mapping[str, FactFiles]


def groups(
    tables: Mapping[str, FactFiles], controls: Mapping[str, int], rows: int, most: int = MOST
) -> Iterator[Group]:
    """Return all accounts in groups, in order. `controls`: how many are asked of each table.

    A group has no more than `rows` rows of a table, and `most` findings, unless it is of one account.
    """
    findings = _findings(tables, controls, most // max(rows, 1))
    waiting: list[str] = []
    for account in sorted(findings):
        if waiting and sum(findings[each] for each in (*waiting, account)) > most:
            yield _group(waiting, tables)
            waiting = []
        waiting.append(account)
    if waiting:
        yield _group(waiting, tables)


def _findings(tables: Mapping[str, FactFiles], controls: Mapping[str, int], least: int) -> Mapping[str, int]:
    """Return how many findings each account will have. A row counts as `least` findings, if it has fewer."""
    findings: Counter[str] = Counter()
    for name, files in tables.items():
        for path, number in zip(files.paths, files.rows, strict=True):
            findings[_account(path)] += number * max(controls.get(name, 0), least)
    return findings


def _account(path: str) -> str:
    return Path(path).stem


def _group(accounts: Iterable[str], tables: Mapping[str, FactFiles]) -> Group:
    chosen = tuple(accounts)
    return Group(chosen, {name: _part(files, frozenset(chosen)) for name, files in tables.items()})


def _part(files: FactFiles, accounts: frozenset[str]) -> FactFiles:
    chosen = [each for each in zip(files.paths, files.rows, strict=True) if _account(each[0]) in accounts]
    return FactFiles(tuple(path for path, _ in chosen), tuple(number for _, number in chosen))

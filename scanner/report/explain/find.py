"""Finding the subject that a user names: by ARN, subject of findings, name or id."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from scanner.errors import UsageError
from scanner.report.explain.facts import Facts
from scanner.report.explain.rows import Row, text
from scanner.report.wording import clip, visible
from scanner.storage.lookup import is_called, resembles

_SEARCHED: Final = ("resource", "vault", "plan", "rule", "selection", "copy_action")
_SHOWN: Final = 10
_FEW: Final = 5_000  # names of a table that are compared one by one to find similar ones
_CLOSE: Final = 0.6
_LONGEST: Final = 2_048


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """The row of a subject, and its fact table."""

    table: str
    row: Row


def find_subject(facts: Facts, wanted: str) -> SubjectRow:
    """Return the row of the subject that `wanted` names. UsageError: no subject or several match."""
    query = wanted.strip().encode(errors="replace").decode()
    if not query or len(query) > _LONGEST:
        raise UsageError("Name a subject: the ARN, name or id of a resource, vault, plan or the like.")
    subject = _exact(facts, query)
    if subject is not None:
        return subject
    called = _called(facts, query)
    if len(called) > 1:
        raise UsageError(_ambiguous(query, called))
    if not called:
        raise UsageError(f"The scan has no subject called {_quoted(query)}.{_nearest(facts, query)}")
    subject = _exact(facts, called[0])
    if subject is None:  # pragma: no cover -- the name was read from this table
        raise UsageError(f"The scan has no subject called {_quoted(query)}.")
    return subject


def _exact(facts: Facts, query: str) -> SubjectRow | None:
    for table in _tables_of(query):
        for row in facts.table(table).rows("subject", (query,), without=("selected",), limit=1):
            return SubjectRow(table, row)
    return None


def _tables_of(query: str) -> tuple[str, ...]:
    """Return the tables that may contain an ARN or id of that form, the most likely first."""
    if "->" in query:
        return ("copy_action",)
    if "#" in query:
        return ("rule", "selection")
    for mark, table in ((":backup-vault:", "vault"), (":backup-plan:", "plan")):
        if mark in query:
            return (table,)
    for mark, table in (("aws:account-region:", "account_region"), ("aws:account:", "account")):
        if query.startswith(mark):
            return (table,)
    return ("resource", "recovery_point") if query.startswith("arn:") else ()


def _called(facts: Facts, query: str) -> list[str]:
    """Return the subjects with that name or id. Recovery points count only where no other subject matches."""
    for tables in (_SEARCHED, ("recovery_point",)):
        subjects = {
            text(row, "subject"): None
            for table in tables
            for row in facts.table(table).names(is_called(query), _SHOWN + 1)
        }
        if subjects:
            return list(subjects)
    return []


def _ambiguous(query: str, called: list[str]) -> str:
    shown = "".join(f"\n  {visible(subject)}" for subject in called[:_SHOWN])
    more = "\n  ..." if len(called) > _SHOWN else ""
    return f"{_quoted(query)} matches several subjects. Name one by its ARN:{shown}{more}"


def _nearest(facts: Facts, query: str) -> str:
    """Return a sentence that suggests subjects with similar names."""
    short = query.rpartition(":")[2].rpartition("/")[2] or query
    names: dict[str, str] = {}
    for subject, name in _candidates(facts, short):
        names.setdefault(name, subject)
        names.setdefault(subject.rpartition(":")[2].rpartition("/")[2], subject)
    holding = [name for name in names if short.lower() in name.lower()]
    near = dict.fromkeys((*get_close_matches(short, names, 3, _CLOSE), *holding[:3]))
    meant = dict.fromkeys(names[name] for name in near)
    if not meant:
        return " `audit query SCAN_DIR --tables` lists the tables of a scan."
    return " Did you mean:" + "".join(f"\n  {visible(subject)}" for subject in list(meant)[:3])


def _candidates(facts: Facts, short: str) -> Iterator[tuple[str, str]]:
    """Yield subjects and their names that resemble a name; by a looser match where there are none."""
    for narrow in (True, False):
        alike = resembles(short, narrow=narrow)
        rows = [row for table in _SEARCHED for row in facts.table(table).names(alike, _FEW)]
        yield from ((text(row, "subject"), text(row, "name")) for row in rows)
        if rows:
            return


def _quoted(query: str) -> str:
    return f"\u201c{clip(visible(query), 200)}\u201d"

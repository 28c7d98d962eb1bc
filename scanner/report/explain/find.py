"""Finding what a user means: an ARN, a name of findings, or the bare name or id of something."""

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
_FEW: Final = 5_000  # names of a table among which the nearest is sought one by one
_CLOSE: Final = 0.6
_LONGEST: Final = 2_048


@dataclass(frozen=True, slots=True)
class Found:
    """The row of a subject, and the fact table that it stands in."""

    table: str
    row: Row


def find(facts: Facts, wanted: str) -> Found:
    """Find the subject that `wanted` names. UsageError: nothing is called that, or several things are."""
    asked = wanted.strip().encode(errors="replace").decode()
    if not asked or len(asked) > _LONGEST:
        raise UsageError("Name what is to be explained: an ARN, or the name or id of a resource.")
    found = _exact(facts, asked)
    if found is not None:
        return found
    called = _called(facts, asked)
    if len(called) > 1:
        raise UsageError(_ambiguous(asked, called))
    if not called:
        raise UsageError(f"The scan has nothing called {_quoted(asked)}.{_nearest(facts, asked)}")
    found = _exact(facts, called[0])
    if found is None:  # pragma: no cover -- the name was read from this table
        raise UsageError(f"The scan has nothing called {_quoted(asked)}.")
    return found


def _exact(facts: Facts, asked: str) -> Found | None:
    for table in _tables_of(asked):
        for row in facts.table(table).rows("subject", (asked,), without=("selected",), limit=1):
            return Found(table, row)
    return None


def _tables_of(asked: str) -> tuple[str, ...]:
    """Give the tables that may hold a name of that form, the likeliest first."""
    if "->" in asked:
        return ("copy_action",)
    if "#" in asked:
        return ("rule", "selection")
    for mark, table in ((":backup-vault:", "vault"), (":backup-plan:", "plan")):
        if mark in asked:
            return (table,)
    for mark, table in (("aws:account-region:", "account_region"), ("aws:account:", "account")):
        if asked.startswith(mark):
            return (table,)
    return ("resource", "recovery_point") if asked.startswith("arn:") else ()


def _called(facts: Facts, asked: str) -> list[str]:
    """Give the subjects that people call so: recovery points only where nothing else is."""
    for tables in (_SEARCHED, ("recovery_point",)):
        found = {
            text(row, "subject"): None
            for table in tables
            for row in facts.table(table).names(is_called(asked), _SHOWN + 1)
        }
        if found:
            return list(found)
    return []


def _ambiguous(asked: str, called: list[str]) -> str:
    shown = "".join(f"\n  {visible(subject)}" for subject in called[:_SHOWN])
    more = "\n  ..." if len(called) > _SHOWN else ""
    return f"{_quoted(asked)} names more than one thing. Say which, by its ARN:{shown}{more}"


def _nearest(facts: Facts, asked: str) -> str:
    """Suggest what may have been meant."""
    short = asked.rpartition(":")[2].rpartition("/")[2] or asked
    names: dict[str, str] = {}
    for subject, name in _candidates(facts, short):
        names.setdefault(name, subject)
        names.setdefault(subject.rpartition(":")[2].rpartition("/")[2], subject)
    holding = [name for name in names if short.lower() in name.lower()]
    near = dict.fromkeys((*get_close_matches(short, names, 3, _CLOSE), *holding[:3]))
    meant = dict.fromkeys(names[name] for name in near)
    if not meant:
        return " `audit query SCAN_DIR --tables` tells what a scan holds."
    return " Did you mean:" + "".join(f"\n  {visible(subject)}" for subject in list(meant)[:3])


def _candidates(facts: Facts, short: str) -> Iterator[tuple[str, str]]:
    """Give subjects and names that are nearly called so; more loosely where nothing is."""
    for narrow in (True, False):
        alike = resembles(short, narrow=narrow)
        rows = [row for table in _SEARCHED for row in facts.table(table).names(alike, _FEW)]
        yield from ((text(row, "subject"), text(row, "name")) for row in rows)
        if rows:
            return


def _quoted(asked: str) -> str:
    return f"\u201c{clip(visible(asked), 200)}\u201d"

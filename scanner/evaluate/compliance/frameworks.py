"""The frameworks of a judged scan compared with its findings: whose scope covers what (facts 8.1).

Read from the scan's own tables. Everything is counted within a framework's account and Region, which is all
that a framework can see.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from scanner.errors import UsageError
from scanner.evaluate.compliance.audit_manager import (
    COUNTERPARTS,
    ScopeOfControl,
    Translation,
    compare,
    printable,
    scope_of,
    shown,
    translate,
)
from scanner.evaluate.problem import suggestion
from scanner.evidence.bundle import Bundle
from scanner.inventory.shard import parse_shard
from scanner.model.assurance import Framework, FrameworkControl
from scanner.model.compliance import AuditManagerControl, AuditManagerFramework, Comparison
from scanner.model.facts import TABLES
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.known import Gap, Unread
from scanner.model.names import Shard
from scanner.storage.parquet import open_parquet, open_table
from scanner.storage.table_files import account_of, table_files

InEffect = Mapping[str, Mapping[str, Any]]
"""The parameters in effect of every control that was selected, by its id."""
_Row = Mapping[str, Any]
LIST_FRAMEWORKS = "backup:ListFrameworks"


def audit_manager_frameworks(scan: Path, in_effect: InEffect) -> tuple[AuditManagerFramework, ...]:
    """Return the frameworks of an evaluated scan, sorted by account, Region and name."""
    frameworks = _table(scan / "inventory", "frameworks")
    if not frameworks:
        return ()
    by_framework: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in _table(scan / "inventory", "framework_controls"):
        by_framework[row["framework"]].append(row)
    frameworks.sort(key=lambda row: (row["account"], row["region"], row["name"], row["arn"]))
    uncounted = [_framework(row, by_framework[row["arn"]], in_effect) for row in frameworks]
    return _counted(scan / "facts", uncounted)


def _table(folder: Path, name: str) -> list[_Row]:
    rows: list[_Row] = open_parquet(folder, name, INVENTORY_TABLES[name]).to_table().to_pylist()
    return rows


def _framework(row: _Row, controls: Iterable[_Row], in_effect: InEffect) -> AuditManagerFramework:
    described = tuple(_audit_manager_control(_control(control), in_effect) for control in controls)
    return AuditManagerFramework(
        arn=row["arn"],
        name=row["name"],
        account=row["account"],
        region=row["region"],
        status=row["status"],
        deployment_status=row["deployment_status"],
        controls=None if row["controls"] is None else described,
    )


def _control(row: _Row) -> FrameworkControl:
    """Return a control of a framework from its description; names of its parameters contain no `=`."""
    return FrameworkControl(
        name=row["control"],
        parameters=tuple(_pair(text) for text in row["parameters"]),
        resource_ids=tuple(row["resource_ids"]),
        resource_types=tuple(row["resource_types"]),
        tags=tuple(_pair(text) for text in row["tags"]),
    )


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def _audit_manager_control(control: FrameworkControl, in_effect: InEffect) -> AuditManagerControl:
    theirs = translate(control)
    counterpart = COUNTERPARTS.get(control.name)
    return AuditManagerControl(
        name=control.name,
        parameters=control.parameters,
        resource_ids=control.resource_ids,
        resource_types=control.resource_types,
        tags=tuple(f"{key}={value}" for key, value in control.tags),
        ours=theirs.control,
        translated=tuple(theirs.parameters.items()),
        notes=theirs.notes,
        comparison=_comparison(theirs, in_effect),
        judges=counterpart.judges if counterpart else "",
    )


def _comparison(theirs: Translation, in_effect: InEffect) -> Comparison:
    if theirs.control and theirs.control not in in_effect:
        return Comparison.NOT_ASKED
    return compare(theirs, in_effect.get(theirs.control, {}))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One scope to be counted: of which framework and control, by their positions."""

    framework: int
    control: int
    account: str
    region: str
    scope: ScopeOfControl


def _counted(facts: Path, frameworks: list[AuditManagerFramework]) -> tuple[AuditManagerFramework, ...]:
    questions: defaultdict[str, list[_Asked]] = defaultdict(list)
    for judges, question in _asked(frameworks):
        questions[judges].append(question)
    counts: dict[tuple[int, int], tuple[int, int, int]] = {}
    for table, scopes in questions.items():
        counts |= _counts(facts, table, scopes)
    return tuple(
        framework
        if framework.controls is None
        else replace(
            framework,
            controls=tuple(
                _with_counts(control, counts.get((number, position)))
                for position, control in enumerate(framework.controls)
            ),
        )
        for number, framework in enumerate(frameworks)
    )


def _asked(frameworks: Iterable[AuditManagerFramework]) -> Iterator[tuple[str, _Asked]]:
    for number, framework in enumerate(frameworks):
        for position, control in enumerate(framework.controls or ()):
            if control.judges:
                scope = scope_of(_as_described(control))
                yield control.judges, _Asked(number, position, framework.account, framework.region, scope)


def _as_described(control: AuditManagerControl) -> FrameworkControl:
    tags = tuple(_pair(text) for text in control.tags)
    return FrameworkControl(
        control.name, control.parameters, control.resource_ids, control.resource_types, tags
    )


def _with_counts(control: AuditManagerControl, counts: tuple[int, int, int] | None) -> AuditManagerControl:
    """Return the controls with counts. If a scope contains something unknown, its coverage is unknown."""
    if not control.judges:
        return control
    subjects, covered, doubtful = counts or (0, 0, 0)
    if scope_of(_as_described(control)).unknown:
        return replace(control, subjects=subjects)
    return replace(control, subjects=subjects, covered=covered, doubtful=doubtful)


def _counts(
    facts: Path, table: str, scopes: Iterable[_Asked]
) -> Mapping[tuple[int, int], tuple[int, int, int]]:
    """Count the rows of a fact table in the places of scopes: all, in the scope, perhaps in it.

    Controls of a place that are limited alike are counted once.
    """
    alike: defaultdict[tuple[str, str, ScopeOfControl], list[tuple[int, int]]] = defaultdict(list)
    for question in scopes:
        alike[question.account, question.region, question.scope].append(
            (question.framework, question.control)
        )
    cells = [_cells(number, *scope) for number, scope in enumerate(alike)]
    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        connection.register("scopes", pa.Table.from_pylist(cells, _SCOPES))
        connection.register("facts", _of_accounts(facts, table, {account for account, _, _ in alike}))
        rows = connection.execute(_COUNT.format(_IN_SCOPE[table == "resource"])).fetchall()
    counts = {number: (every, covered, doubtful) for number, every, covered, doubtful in rows}
    members = enumerate(alike.values())
    return {
        question: counts[number]
        for number, questions in members
        if number in counts
        for question in questions
    }


def _of_accounts(facts: Path, table: str, accounts: Collection[str]) -> ds.Dataset:
    """Open the facts of some accounts: opening the files of all of them would take most of the time."""
    files = table_files(facts, table)
    # Scans of schema 1 have one file for all accounts.
    paths = tuple(path for path in files.paths if path.stem == table or account_of(path) in accounts)
    return open_table(replace(files, paths=paths), TABLES[table], new=True)


def _cells(number: int, account: str, region: str, scope: ScopeOfControl) -> _Row:
    return {
        "number": number,
        "account": account,
        "region": region,
        "types": scope.types,
        "ids": scope.ids or None,
        "tags": scope.tags or None,
    }


_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
}
_TEXTS: Final = pa.list_(pa.string())

_SCOPES: Final = pa.schema(
    [
        ("number", pa.int32()),
        ("account", pa.string()),
        ("region", pa.string()),
        ("types", _TEXTS),
        ("ids", _TEXTS),
        ("tags", _TEXTS),
    ]
)

_NAMED: Final = (
    "(s.ids IS NULL OR len(list_filter(s.ids, lambda i: "
    "f.subject = i OR ends_with(f.subject, ':' || i) OR ends_with(f.subject, '/' || i))) > 0)"
)

_IN_SCOPE: Final[Mapping[bool, str]] = {
    # A tag of a scope may have no value: then its key alone counts. Instances that are stopped are left out.
    # `list_concat` takes NULL for an empty list, so that tags which were not read are named.
    True: f"{_NAMED} AND list_contains(s.types, f.subject_type) "
    "AND NOT (f.subject_type = 'EC2' AND f.state = 'stopped') "
    "AND CASE WHEN s.tags IS NULL THEN true WHEN f.tags IS NULL THEN NULL ELSE list_has_all("
    "list_concat(list_transform(f.tags, lambda t: t.key || '='), "
    "list_transform(f.tags, lambda t: t.key || '=' || t.value)), s.tags) END",
    False: f"{_NAMED} AND (CASE WHEN s.tags IS NULL THEN true END)",  # their tags are not read
}

_COUNT: Final = """
    SELECT number, count(*), count(*) FILTER (inside), count(*) FILTER (inside IS NULL)
    FROM (
        SELECT s.number, ({}) AS inside
        FROM facts AS f JOIN scopes AS s ON f.account = s.account AND f.region = s.region
    )
    GROUP BY number
"""


@dataclass(frozen=True, slots=True)
class Found:
    """The frameworks of one name, at least one, and the gaps behind which there may be more of it."""

    frameworks: tuple[Framework, ...]
    unlisted: tuple[Gap, ...]

    @property
    def undescribed(self) -> tuple[Gap, ...]:
        """Why some of them could not be described."""
        readings = (framework.details for framework in self.frameworks)
        return tuple(reading.gap for reading in readings if isinstance(reading, Unread))


def find_frameworks(folder: Path, name: str, account: str | None, region: str | None) -> Found:
    """Find the frameworks of a name in a bundle; None: in every account, in every Region.

    Raises:
        UsageError: the bundle has none; the message says if it may be incomplete.
        BundleError: the bundle cannot be trusted.
    """
    bundle = Bundle(folder)
    bundle.check()
    frameworks: list[Framework] = []
    unlisted: list[Gap] = []
    for inventory in _inventories(bundle, account, region):
        frameworks += inventory.assurance.frameworks
        listed = inventory.lists.get(LIST_FRAMEWORKS)
        unlisted += [listed.gap] if isinstance(listed, Unread) else []
    named = tuple(framework for framework in frameworks if framework.name == name)
    if not named:
        raise UsageError(_missing(name, frameworks, unlisted))
    return Found(named, tuple(unlisted))


def _inventories(bundle: Bundle, account: str | None, region: str | None) -> Iterator[ShardInventory]:
    for shard, status in bundle.scope():
        if account in (None, shard.account) and region in (None, shard.region):
            yield bundle.parsed(partial(_parsed, bundle, shard, status))


def _parsed(bundle: Bundle, shard: Shard, status: ShardStatus) -> ShardInventory:
    return parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)


def _missing(name: str, frameworks: list[Framework], unlisted: list[Gap]) -> str:
    """Return the message that there is no such framework, which exist, and where none could be listed."""
    existing = sorted({framework.name for framework in frameworks})
    sentence = f"No framework {shown(name)} was found ({printable(suggestion(name, existing))})."
    if unlisted:
        sentence += f" It may be where frameworks could not be listed: {gap_sentences(unlisted)}"
    return sentence


def gap_sentences(gaps: list[Gap] | tuple[Gap, ...]) -> str:
    """Return gaps in sentences, up to a maximum."""
    most = 3
    more = f" And {len(gaps) - most} more." if len(gaps) > most else ""
    return printable(" ".join(gap.sentence() for gap in gaps[:most])) + more

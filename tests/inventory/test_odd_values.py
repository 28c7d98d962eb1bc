"""Every field of recorded answers with an odd value: it is read, or its answer is a failed read (ruling 21).

Such values come from other programs: 35.0 for 35, an epoch for a date, a word for a number. Each field of the
sample organisation is bent once, and the account-Region parsed again. It must come out as if nothing had
changed (the field is not read), or as if AWS had not answered that one call.
"""

import copy
import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.evidence.answers import pagination
from scanner.evidence.bundle import Bundle
from scanner.evidence.lines import MALFORMED, MISMATCH
from scanner.inventory.shard import parse_shard
from scanner.model.inventory import ShardStatus
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.organizations import (
    parse_account,
    parse_contacts,
    parse_governance,
    parse_organization,
    unit_names,
)
from tests.fakes.bundles import Line

EVIDENCE: Final = Path(__file__).parents[2] / "sample_reports" / "bundle" / "evidence"
ODD: Final[tuple[Any, ...]] = ("a word", 1_795_284_000, 35.5, True, [], ["x"], {"x": 1})
"""Values of another kind, put in place of one that is not of their own kind. The number is an epoch."""

_LONG: Final = ("BackupJobs", "CopyJobs", "RecoveryPoints")
"""Lists that take most of the time of a parse: hundreds of rows with the same fields."""

_TOKENS: Final = {paging.output for paging in pagination().values()}

Way = tuple[str | int, ...]
MESSAGE: Final = re.compile(r"""message=('[^']*'|"[^"]*")""")
_TRUST: Final = "AssumeRolePolicyDocument"  # a policy of any other kind is read, as one that says nothing


@dataclass(frozen=True)
class Field:
    """A field of an answer: the file and the number of its line, and the way to it."""

    file: str
    line: int
    path: Way

    def __str__(self) -> str:
        return ".".join(str(step) for step in self.path)


@cache
def recorded(file: str) -> tuple[Line, ...]:
    """Return the lines of a file, with few rows of each long list that no other call refers to."""
    lines = map(json.loads, gzip.decompress((EVIDENCE / file).read_bytes()).splitlines())
    return tuple(map(_shortened, lines))


def _shortened(line: Line) -> Line:
    """Leave out rows of a list of jobs or recovery points: the rows that remain have all of its fields."""
    name = next((name for name in _LONG if name in line.get("response", {})), None)
    if name is None:
        return line
    seen: set[tuple[str, ...]] = set()
    rows = []
    for row in line["response"][name]:
        kinds = {kind_of(way) for way in ways(row)}
        if not kinds <= seen:
            rows.append(row)
            seen |= kinds
    return {**line, "response": {**line["response"], name: rows}}


def ways(value: Any, path: Way = ()) -> Iterator[Way]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*path, key)
        yield from ways(child, (*path, key))


def kind_of(way: Way) -> tuple[str, ...]:
    return tuple(step for step in way if isinstance(step, str))


def fields() -> dict[tuple[str, ...], Field]:
    """Return one place of each field of each operation, in the smallest file that has it."""
    found: dict[tuple[str, ...], Field] = {}
    files = sorted(EVIDENCE.rglob("*.jsonl.gz"), key=lambda file: (file.stat().st_size, file))
    for path in files:
        name = str(path.relative_to(EVIDENCE))
        for number, line in enumerate(recorded(name)):
            for way in ways(line.get("response", {})):
                kind = (line["operation"], *kind_of(way))
                found.setdefault(kind, Field(name, number, way))
    return found


def bent(field: Field, value: Any) -> list[Line]:
    lines = list(recorded(field.file))
    line = lines[field.line] = copy.deepcopy(lines[field.line])
    node = line["response"]
    for step in field.path[:-1]:
        node = node[step]
    node[field.path[-1]] = value
    return lines


def value_of(field: Field) -> Any:
    node = recorded(field.file)[field.line]["response"]
    for step in field.path:
        node = node[step]
    return node


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of the sample organisation without checksums: what a parse reads is put into it."""
    path = tmp_path_factory.mktemp("odd")
    manifest = {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-20T06:00:00Z",
        "scope": {"accounts": ["333333333333"], "regions": ["eu-west-1"]},
        "accounts": [{"id": "333333333333"}],
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


@cache
def as_recorded(folder: Path, file: str) -> tuple[str, ...]:
    return parsed(folder, file, list(recorded(file)))


@cache
def unanswered(folder: Path, file: str, number: int) -> tuple[str, ...]:
    """Parse a file in which AWS did not answer the call of one line."""
    lines = list(recorded(file))
    error = {"code": "MalformedAnswer", "message": "", "status": 0}
    lines[number] = {k: v for k, v in lines[number].items() if k != "response"} | {"error": error}
    return parsed(folder, file, lines)


def parsed(folder: Path, file: str, lines: list[Line]) -> tuple[str, ...]:
    """Parse a file of evidence by every parser that reads it, and return all that it says."""
    account, _, name = file.partition("/")
    region = name.removesuffix(".jsonl.gz")
    path = folder / "evidence" / file.removesuffix(".gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    try:
        return _told(Bundle(folder), account, region)
    finally:
        path.unlink()


def _told(bundle: Bundle, account: str, region: str) -> tuple[str, ...]:
    """Return what each parser says, each asked by itself."""
    organization = bundle.organization_answers
    own = AccountId(account)
    place = Shard(own, RegionName("eu-west-1" if region == "aws-global" else region))
    parsers: tuple[Callable[[], object], ...] = (
        lambda: parse_organization(organization(), bundle.manifest),
        lambda: parse_governance(organization()),
        lambda: parse_contacts(organization(), bundle.manifest),
        lambda: unit_names(organization()),
    )
    if region:
        parsers = (
            lambda: parse_shard(bundle.answers(place), bundle.account_answers(own), ShardStatus.COMPLETE),
            lambda: parse_account(bundle.account_answers(own), organization()),
        )
    said = (repr(bundle.parsed(parse)).replace(MISMATCH, MALFORMED) for parse in parsers)
    return tuple(MESSAGE.sub("message=''", text) for text in said)


FIELDS: Final = fields()
OPERATIONS: Final = sorted({kind[0] for kind in FIELDS})
SAMPLE: Final = 2
"""How many values each field is bent to, unless every one is asked for."""


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_odd_value_is_a_failed_read_or_is_not_read(operation: str, folder: Path) -> None:
    """Bend each field to some of the values, other ones than the field before it."""
    assert list(_wrong(folder, operation, SAMPLE)) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_odd_value_is_a_failed_read_or_is_not_read(operation: str, folder: Path) -> None:
    assert list(_wrong(folder, operation, len(ODD))) == []


def _wrong(folder: Path, operation: str, number: int) -> Iterator[str]:
    of_operation = [each for kind, each in FIELDS.items() if kind[0] == operation and _TRUST not in kind]
    for position, field in enumerate(of_operation):
        values = [value for value in ODD if not isinstance(value, type(value_of(field)))]
        start = position * number % len(values)
        yield from _wrong_values(folder, field, [*values[start:], *values[:start]][:number])


def _wrong_values(folder: Path, field: Field, values: list[Any]) -> Iterator[str]:
    outcomes = [as_recorded(folder, field.file), unanswered(folder, field.file, field.line)]
    if field.path[0] in _TOKENS:  # a token that cannot be read leaves the list half read
        outcomes.append(parsed(folder, field.file, bent(field, "lost")))
    expected = [*zip(*outcomes, strict=True)]
    for value in values:
        result = parsed(folder, field.file, bent(field, value))
        if not all(each in allowed for each, allowed in zip(result, expected, strict=True)):
            yield f"{field} as {value!r}"


@pytest.mark.slow
def test_whole_numbers_may_have_a_point(folder: Path) -> None:
    assert [str(field) for field in FIELDS.values() if _differs_with_a_point(folder, field)] == []


def _differs_with_a_point(folder: Path, field: Field) -> bool:
    value = value_of(field)
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return parsed(folder, field.file, bent(field, float(value))) != as_recorded(folder, field.file)


@pytest.mark.slow
def test_null_is_never_an_error(folder: Path) -> None:
    for field in [*FIELDS.values()][::4]:
        parsed(folder, field.file, bent(field, None))


@pytest.mark.exhaustive
def test_null_is_never_an_error_in_any_field(folder: Path) -> None:
    for field in FIELDS.values():
        parsed(folder, field.file, bent(field, None))

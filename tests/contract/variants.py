"""One bundle in many variants: what each of them changes about the verdicts.

A variant differs from the bundle in a few evidence lines, so most of its fact rows are the bundle's own. Only
rows that differ are judged, those of all variants at once: that takes a fraction of a second a variant.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa

from scanner.app.criteria import Judgement
from scanner.app.findings import facts_request
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.evaluate.engine import evaluate
from scanner.evaluate.needs import affected_controls
from scanner.evidence.answers import pagination
from scanner.evidence.bundle import Bundle
from scanner.evidence.manifest import NAME
from scanner.facts.account import build_account_rows
from scanner.facts.build import FactsRequest
from scanner.judging.passes import judged, look_over
from scanner.judging.tables import governance_of
from scanner.model.facts import TABLES
from scanner.model.finding import Finding, Status
from scanner.model.known import Gap
from scanner.services.organizations import parse_account, parse_governance, parse_organization
from scanner.storage.parquet import arrow_schema, decoded_rows, encoded_rows
from scanner.storage.scratch import Spool

Line = dict[str, Any]
Lines = Mapping[str, tuple[Line | None, ...]]
"""Evidence lines by file (`evidence/ACCOUNT/REGION.jsonl`). None: an empty line, so that numbers stay."""

Verdicts = dict[tuple[str, str], Status]
"""Status by control and subject."""

Row = dict[str, Any]
Facts = Mapping[tuple[int, str], bytes]
"""Fact rows by the number of the account-Region and the table, as Arrow's bytes; the organisation's are 0."""

_SEPARATOR: Final = "|"
_ASSESSED: Final = "account-region-assessed"


@dataclass(frozen=True)
class Recorded:
    """A bundle in memory. `folder`: where its variants are written, one after the other."""

    folder: Path
    manifest: Mapping[str, Any]
    lines: Lines

    @cached_property
    def judgement(self) -> Judgement:
        """Every packaged control with its default parameters."""
        return judgement_of(settings_of(None), None, None)

    @cached_property
    def facts(self) -> Facts:
        """The fact rows of the bundle as it is."""
        return self.facts_of(self.lines)

    @cached_property
    def verdicts(self) -> Verdicts:
        """The verdicts on the bundle as it is."""
        return self._judge({"": _rows(self.facts)})[""]

    def facts_of(self, lines: Lines, manifest: Mapping[str, Any] | None = None) -> Facts:
        """Build the fact rows of a variant."""
        self.write(lines, manifest)
        request = FactsRequest(
            as_of=Bundle(self.folder).manifest.evaluated_as_of, affected_controls=self._affected_controls
        )
        return _facts(self.folder, request)

    @cached_property
    def _affected_controls(self) -> Mapping[str, tuple[str, ...]]:
        return affected_controls(self.judgement.controls)

    def write(self, lines: Lines, manifest: Mapping[str, Any] | None = None) -> None:
        """Write a variant in place of the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / NAME).write_bytes(orjson.dumps(manifest or self.manifest))
        for name, of_file in lines.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(_written(line) for line in of_file))

    def wrong(self, variants: Mapping[str, Facts]) -> dict[str, list[str]]:
        """Judge variants with less evidence; list the verdicts of each that the bundle does not warrant.

        A verdict may become unknown, and its subject may vanish with the list that names it; nothing else may
        change, but that an account-Region is no longer fully read.
        """
        known = _rows(self.facts)
        changed = {
            name: {key: row for key, row in self._differing(facts).items() if row != known.get(key)}
            for name, facts in variants.items()
        }
        return {name: sorted(self._unwarranted(verdicts)) for name, verdicts in self._judge(changed).items()}

    def _unwarranted(self, verdicts: Verdicts) -> Iterator[str]:
        for (control, subject), status in verdicts.items():
            before = self.verdicts.get((control, subject))
            if status in (before, Status.UNKNOWN) or (control, status) == (_ASSESSED, Status.FAIL):
                continue
            yield f"{control} of {subject}: {before or 'no subject'} became {status}"

    def _differing(self, facts: Facts) -> dict[tuple[str, str], Row]:
        return _rows({key: data for key, data in facts.items() if data != self.facts.get(key)})

    def _judge(self, variants: Mapping[str, Mapping[tuple[str, str], Row]]) -> dict[str, Verdicts]:
        """Judge the rows of all variants together."""
        tables = {
            name: pa.Table.from_pylist(list(_marked(name, variants)), schema=arrow_schema(name))
            for name in TABLES
        }
        as_of = Bundle(self.folder).manifest.evaluated_as_of
        verdicts: dict[str, Verdicts] = {name: {} for name in variants}
        for finding in evaluate(tables, self.judgement.controls, self.judgement.parameters, as_of=as_of):
            name, _, subject = finding.subject.partition(_SEPARATOR)
            verdicts[name][(finding.control, subject)] = finding.status
        return verdicts


def _rows(facts: Facts) -> dict[tuple[str, str], Row]:
    """Read rows, by table and subject."""
    return {
        (table, row["subject"]): row
        for (_, table), data in facts.items()
        for row in decoded_rows(TABLES[table], data).to_pylist()
    }


def _marked(table: str, variants: Mapping[str, Mapping[tuple[str, str], Row]]) -> Iterator[Row]:
    for name, rows in variants.items():
        for (of_table, subject), row in rows.items():
            if of_table == table:
                yield {**row, "subject": f"{name}{_SEPARATOR}{subject}"}


def _written(line: Line | None) -> bytes:
    return b"\n" if line is None else orjson.dumps(line) + b"\n"


def _facts(folder: Path, request: FactsRequest) -> Facts:
    """Build the fact rows of a bundle as `judging.tables` does, in memory."""
    return _facts_and_gaps(folder, request)[0]


def _facts_and_gaps(folder: Path, request: FactsRequest) -> tuple[Facts, frozenset[Gap]]:
    bundle = Bundle(folder)
    bundle.check()
    organization = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), bundle.manifest))
    governance = bundle.parsed(lambda: parse_governance(bundle.organization_answers()))
    accounts = bundle.parsed(lambda: _accounts(bundle))
    request = replace(request, account_rows=build_account_rows(accounts, governance, organization))
    facts = {(0, "account"): encoded_rows(TABLES["account"], request.account_rows.rows)}
    gaps = {gap for gap in governance_of(bundle).gaps if gap.matters_to(request.affected_controls)}
    with Spool() as spool:
        beyond = look_over(bundle, organization, spool)
        for number, shard in enumerate(judged(bundle, beyond, request), start=1):
            facts |= {(number, table): data for table, data in shard.facts.items()}
            gaps.update(shard.gaps)
    return facts, frozenset(gaps)


def findings_of(folder: Path, judgement: Judgement) -> tuple[Finding, ...]:
    """Return the findings of a bundle without writing files or reports, in a third of the time."""
    return findings_and_gaps(folder, judgement)[0]


def findings_and_gaps(folder: Path, judgement: Judgement) -> tuple[tuple[Finding, ...], frozenset[Gap]]:
    """Return the findings of a bundle, and its missing reads that affect a control."""
    request = facts_request(Bundle(folder), judgement)
    facts, gaps = _facts_and_gaps(folder, request)
    tables = {name: [arrow_schema(name).empty_table()] for name in TABLES}
    for (_, name), data in facts.items():
        tables[name].append(decoded_rows(TABLES[name], data))
    joined = {name: pa.concat_tables(parts) for name, parts in tables.items()}
    return tuple(evaluate(joined, judgement.controls, judgement.parameters, as_of=request.as_of)), gaps


def _accounts(bundle: Bundle) -> tuple[Any, ...]:
    organization = bundle.organization_answers()
    accounts = bundle.manifest.scope.accounts
    return tuple(parse_account(bundle.account_answers(account), organization) for account in accounts)


def recorded(bundle: Path, folder: Path, accounts: frozenset[str], regions: frozenset[str]) -> Recorded:
    """Read some accounts and Regions of a recorded bundle. It keeps its organisation, and no checksums."""
    manifest = orjson.loads((bundle / NAME).read_bytes())
    lines: dict[str, tuple[Line | None, ...]] = {}
    for path in sorted((bundle / "evidence").rglob("*.jsonl.gz")):
        account, region = path.parent.name, path.name.removesuffix(".jsonl.gz")
        if region == "org" or (account in accounts and region in {*regions, "aws-global"}):
            name = str(path.relative_to(bundle)).removesuffix(".gz")
            lines[name] = tuple(map(orjson.loads, gzip.decompress(path.read_bytes()).splitlines()))
    manifest["scope"] |= {"accounts": sorted(accounts), "regions": sorted(regions)}
    manifest["shards"] = []
    manifest["files"] = {}
    return Recorded(folder, manifest, lines)


def operations(lines: Lines) -> list[str]:
    """List the operations that lines record, as `service:Operation`."""
    return sorted({name_of(line) for of_file in lines.values() for line in of_file if line is not None})


def name_of(line: Line) -> str:
    """Return the operation of a line, as `service:Operation`."""
    return f"{line['service']}:{line['operation']}"


def changed(
    lines: Lines,
    operation: str,
    change: Callable[[Line], Line | None],
    in_file: Callable[[str], bool] = lambda _: True,
) -> Lines:
    """Change the lines of one operation, in some files."""

    def line_of(line: Line | None) -> Line | None:
        return change(line) if line is not None and name_of(line) == operation else line

    return {
        name: tuple(map(line_of, of_file)) if in_file(name) else of_file for name, of_file in lines.items()
    }


def failed(line: Line, code: str = "AccessDeniedException") -> Line:
    """Turn a line into the record of a call that failed."""
    left = {key: value for key, value in line.items() if key not in ("response", "error")}
    return {**left, "error": {"code": code, "message": "no", "status": 400, "attempts": 1}}


def throttled(line: Line) -> Line:
    """Turn a line into the record of a call that AWS throttled to the end."""
    return failed(line, "ThrottlingException")


def missing(_: Line) -> None:
    """Leave a line out."""


def cut_short(line: Line) -> Line:
    """Name a next page in an answer that pages: no line holds it."""
    paging = pagination().get(name_of(line))
    if paging is None or "response" not in line:
        return line
    more = {paging.more: True} if paging.more else {}
    return {**line, "response": {**line["response"], paging.output: "lost", **more}}


def first_page_only(line: Line) -> Line | None:
    """Leave out the pages after the first one."""
    paging = pagination().get(name_of(line))
    return None if paging is not None and line["parameters"].get(paging.input) else line

"""Filed findings are those of the engine, with the same words, whichever accounts are judged together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate import database, groups, subjects, verdicts
from scanner.evaluate.cases import built
from scanner.evaluate.database import FactFiles, Limits
from scanner.evaluate.engine import Parameters, evaluate
from scanner.evaluate.filing import file_findings
from scanner.evaluate.loader import load_controls
from scanner.evaluate.owner_rows import owners_of
from scanner.evaluate.owners import owned
from scanner.evaluate.reads import blinds
from scanner.evaluate.tiers import Tiering
from scanner.evaluate.waivers import CONTROL as WAIVER_CONTROL
from scanner.evaluate.waivers import WaiverRule, Waivers
from scanner.evaluate.words import RenderedWords
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.findings.filed import TABLE, Filed
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.findings.writing import FindingFiles
from scanner.judging.tables import write_tables
from scanner.model.control import Control, ReasonCase
from scanner.model.facts import TABLES, RecoveryPointFacts, ResourceFacts
from scanner.model.finding import Finding, Severity, Status, Waiver
from scanner.model.owner import OwnedBy, Ownership, RuleWay, TagWay
from scanner.model.tier import Match, Tier, Tiers
from scanner.report.encoding import encode
from scanner.storage.account_tables import AccountTable
from scanner.storage.parquet import open_parquet
from scanner.storage.table_files import table_files
from tests.evaluate.conftest import AS_OF

SAMPLE: Final = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
UNITS: Final = {"111111111111": ("r-1", "ou-a"), "222222222222": ("r-1", "ou-b")}
HOME: Final = "222222222222"


@dataclass(frozen=True, kw_only=True)
class World:
    """Fact tables in a folder, and what they are judged against."""

    facts: Path
    rows: Mapping[str, Mapping[str, int]]
    controls: tuple[Control, ...]
    parameters: Parameters
    tiers: Tiers = Tiers()
    waivers: tuple[WaiverRule, ...] = ()
    ownership: Ownership | None = None
    as_of: Any = AS_OF

    @property
    def tiering(self) -> Tiering:
        return Tiering(self.tiers, UNITS)

    @property
    def owners(self) -> Any:
        return owners_of(self.ownership, open_parquet(self.facts, "resource", ResourceFacts))

    def files(self, table: str) -> FactFiles:
        paths = table_files(self.facts, table).paths
        return FactFiles(tuple(map(str, paths)), tuple(self.rows[table][path.stem] for path in paths))

    def new_waivers(self) -> Waivers:
        return Waivers(self.waivers, self.as_of, HOME)

    def judged(self) -> list[Finding]:
        """Return the findings as the engine streams them."""
        tables = {name: open_parquet(self.facts, name, TABLES[name]) for name in self.rows}
        findings = evaluate(
            tables,
            self.controls,
            self.parameters,
            as_of=self.as_of,
            waivers=self.new_waivers(),
            tiering=self.tiering,
        )
        return list(owned(findings, self.owners))

    def filed(self, folder: Path, limits: Limits | None = None) -> Filed:
        """File the findings in a new folder."""
        folder.mkdir()
        with FindingFiles(folder) as files:
            file_findings(
                {name: self.files(name) for name in self.rows},
                self.controls,
                self.parameters,
                files,
                as_of=self.as_of,
                waivers=self.new_waivers(),
                tiering=self.tiering,
                owners=self.owners,
                limits=limits,
            )
        controls = {each.id: each for each in (*self.controls, WAIVER_CONTROL)}
        words = RenderedWords(
            facts=partial(table_files, self.facts),
            controls=controls,
            parameters={
                each.id: {**each.parameters, **self.parameters.get(each.id, {})} for each in self.controls
            },
            as_of=self.as_of,
            has_tiers=bool(self.tiers.tiers),
        )
        return Filed(tuple(folder.glob("*.parquet")), controls.values(), words)


def check(world: World, folder: Path) -> Filed:
    """Check what is filed, row by row, and all words, read in both ways. Return the filed findings."""
    expected = world.judged()
    filed = world.filed(folder)
    with filed.database() as connection:
        sql = f"SELECT * FROM {TABLE}"
        batches = connection.sql(f"{sql} ORDER BY control, account, region, subject").to_arrow_reader(1_000)
        rows = [row for batch in batches for row in filed.rows(batch)]
        chosen = filed.chosen(connection, f"{sql} ORDER BY control, account, region, subject")
        some = filed.chosen(connection, f"{sql} WHERE hash(subject) % 3 = 0 ORDER BY subject, control")
    assert [row.finding.order for row in rows] == [each.order for each in expected]
    for row, finding in zip(rows, expected, strict=True):
        bare = replace(finding, reason="", details={}, evidence=())
        if row.has_texts:
            assert encode(row.finding.document()) == encode(finding.document())
        else:
            assert finding.status in WITHOUT_TEXTS
            assert row.finding == bare
            assert row.tier == finding.details.get("tier", "")
            assert (row.parameters is None) == ("parameters" not in finding.details)
        assert row.has_texts == (finding.status not in WITHOUT_TEXTS or "possible" in finding.details)
    assert documents(filed) == documents(expected)
    assert documents(chosen) == documents(expected)
    by_order = {each.order: each for each in expected}
    assert documents(some) == documents(by_order[each.order] for each in some)
    return filed


def documents(findings: Any) -> list[bytes]:
    return [encode(each.document()) for each in findings]


def bytes_of(filed: Filed) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in filed.files}


WAIVER: Final = Waiver("W-1", "owner", "approver", "known", "2027-12-31")
WAIVERS: Final = (
    WaiverRule("resource-*", "*vol*", WAIVER),
    WaiverRule("*", "*", replace(WAIVER, id="W-2", expires="2026-01-01")),
    WaiverRule("a-*", "*é*", replace(WAIVER, id="W-3")),
    WaiverRule("none-such", "*", replace(WAIVER, id="W-0", expires="2026-02-01")),
    WaiverRule("zz-*", "nothing", replace(WAIVER, id="W-4")),
)
OWNERSHIP: Final = Ownership(
    ways=(TagWay(("team", "tier")), RuleWay(1, OwnedBy(types=("EBS",)), "storage")), units=UNITS
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> World:
    out = tmp_path_factory.mktemp("sample")
    bundle = Bundle(SAMPLE)
    controls = tuple(load_controls())
    as_of = bundle.manifest.evaluated_as_of
    tables = write_tables(bundle, out, FactsRequest(as_of=as_of, blinds=blinds(controls)), 1)
    return World(
        facts=out / "facts", rows=tables.rows, controls=controls, parameters={}, ownership=OWNERSHIP, as_of=as_of
    )


SAMPLE_TIERS: Final = Tiers(
    (
        Tier(
            "gold",
            Match(tags=(("tier", ("critical", "gold*", "1")), ("Environment", ("*",)))),
            {"resource-recovery-point-recent": {"max_age_hours": 4}},
        ),
        Tier("units", Match(organizational_units=("ou-a",))),
    ),
    (Tier("", Match(types=("E*",)), {"vault-locked": {"min_retention_days": 3}}),),
)


@pytest.mark.parametrize("tiers", [Tiers(), SAMPLE_TIERS], ids=["plain", "tiers"])
def test_the_sample_is_filed_as_it_is_judged(sample: World, tmp_path: Path, tiers: Tiers) -> None:
    filed = check(replace(sample, tiers=tiers, waivers=WAIVERS), tmp_path / "findings")
    assert {each.status for each in filed} >= {Status.PASS, Status.FAIL, Status.WAIVED, Status.UNKNOWN}


ACCOUNTS: Final = ("", "111111111111", "222222222222", "333333333333")
TERNARY: Final = st.sampled_from((True, False, None))
TAGS: Final = st.none() | st.lists(
    st.sampled_from((("tier", "critical"), ("tier", "golden"), ("team", "<b>'é"), ("x", ""))),
    unique_by=lambda each: each[0],
)
NOTES: Final = st.lists(
    st.sampled_from(
        [
            {"about": about, "reason": f"{about} was refused.", "operation": "ec2:DescribeTags"}
            for about in ("covered", "tags", "assessable", "state")
        ]
    ),
    max_size=2,
    unique_by=lambda each: each["about"],
)


@st.composite
def _row(draw: st.DrawFn, kind: type = ResourceFacts) -> Any:
    account = draw(st.sampled_from(ACCOUNTS))
    region = draw(st.sampled_from(("aws-global", "eu-west-1")))
    name = draw(st.sampled_from(("vol", "<i>", "é", "\U0001f9ca", "a'b")))
    values: dict[str, Any] = {
        "subject": f"arn:{account}:{region}:{name * draw(st.integers(1, 2))}",
        "subject_type": draw(st.sampled_from(("EBS", "RDS"))),
        "account": account,
        "region": region,
        "not_known": draw(NOTES),
        "evidence": [{"about": "covered", "file": "f", "line": draw(st.integers(1, 9))}],
    }
    if kind is ResourceFacts:
        values |= {
            "name": draw(st.sampled_from((name, "1", "22", "long enough"))),
            "state": draw(st.sampled_from(("1", "2", "running", "stopped", None))),
            "assessable": draw(TERNARY),
            "covered": draw(TERNARY),
            "versioned": draw(TERNARY),
            "tags": _listed(draw(TAGS)),
        }
    else:
        values |= {
            "resource": f"arn:{draw(st.sampled_from(ACCOUNTS))}:{region}:{name}",
            "resource_type": "EBS",
            "encrypted": draw(TERNARY),
        }
    return built(kind, values, ("row",))


def _listed(tags: Sequence[tuple[str, str]] | None) -> list[dict[str, str]] | None:
    return None if tags is None else [{"key": key, "value": value} for key, value in tags]


def rows_of(kind: type, most: int = 12) -> st.SearchStrategy[list[Any]]:
    unique = st.lists(_row(kind), max_size=most, unique_by=lambda each: each.subject)
    return unique.map(lambda rows: sorted(rows, key=lambda each: (each.account, each.region, each.subject)))


def asked(name: str, require: str, **more: Any) -> Control:
    values: dict[str, Any] = {
        "id": name,
        "title": name,
        "severity": Severity.HIGH,
        "subject": "resource",
        "population": "assessable",
        "require": require,
        "reason": "{name} is in state {state}; {$least}.",
        "parameters": {"least": 2, "words": ("a", "b")},
    }
    return Control(**{**values, **more})


CONTROLS: Final = (
    asked("a-covered", "covered", reason="It is <b>not</b>.", parameters={}, evidence=("tags",)),
    asked("b-number", "CAST(state AS INTEGER) >= $least"),
    asked("c-population", "covered", population="CAST(state AS INTEGER) = 1", parameters={}, reason="-"),
    asked(
        "d-cases",
        "length(name) >= $least AND NOT one_of(name, $words) AND versioned",
        reasons={"pass": "{name} is long.", "unknown": "Not known whether {name} is long."},
        reason_cases={"fail": (ReasonCase("covered", "Covered, but {name}."),)},
    ),
    asked("e-reason", "covered", reason="{CAST(state AS INTEGER)}", parameters={}),
    asked(
        "f-recovery-point", "encrypted", subject="recovery_point", population="true", reason="-", parameters={}
    ),
)
TIERS: Final = Tiers(
    (
        Tier(
            "critical",
            Match(tags=(("tier", ("critical", "gold*")),)),
            {"b-number": {"least": 1}, "d-cases": {"least": 4, "words": ["vol"]}},
        ),
        Tier("a", Match(organizational_units=("ou-a",))),
    ),
    (
        Tier("", Match(subjects=("*é*",)), {"d-cases": {"words": ["é"]}}),
        Tier("", Match(tags=(("team", ("*",)),)), {"f-recovery-point": {}}),
    ),
)


def write(folder: Path, rows: Mapping[str, Sequence[Any]], controls: tuple[Control, ...], **more: Any) -> World:
    """Write fact tables by account."""
    numbers = {}
    for name, of_table in rows.items():
        with AccountTable(folder / "facts", name, TABLES[name]) as table:
            table.write(of_table)
        numbers[name] = table.rows
    return World(facts=folder / "facts", rows=numbers, controls=controls, parameters={}, **more)


@settings(max_examples=25, deadline=None)
@given(
    rows_of(ResourceFacts),
    rows_of(RecoveryPointFacts, 5),
    st.sampled_from((Tiers(), TIERS, Tiers(TIERS.tiers), Tiers((), TIERS.overrides))),
    st.sampled_from(((), WAIVERS)),
    st.sampled_from((None, OWNERSHIP)),
)
def test_any_rows_are_filed_as_they_are_judged(
    resources: list[Any], points: list[Any], tiers: Tiers, waivers: Any, ownership: Ownership | None
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = {"resource": resources, "recovery_point": points}
        world = write(folder, rows, CONTROLS, tiers=tiers, waivers=waivers, ownership=ownership)
        check(world, folder / "findings")

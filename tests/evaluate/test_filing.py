"""Filed findings are those of the engine, with the same words, whichever accounts are judged together."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scanner.errors import VaultproofError
from scanner.evaluate import database, queries, subjects, verdicts
from scanner.evaluate.controls.cases import built
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.database import BrokenControlError, FactFiles, Limits
from scanner.evaluate.decisions.owners import owned, owners_of
from scanner.evaluate.decisions.tiers import Tiering
from scanner.evaluate.decisions.waivers import CONTROL as WAIVER_CONTROL
from scanner.evaluate.decisions.waivers import WaiverRule, Waivers
from scanner.evaluate.engine import Parameters, evaluate
from scanner.evaluate.filing import file_findings
from scanner.evaluate.needs import affected_controls
from scanner.evaluate.queries import WITHOUT_WORDS, Asking
from scanner.evaluate.words import RenderedWords
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.findings.filed import TABLE, Filed
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.findings.writing import FindingFiles
from scanner.judging.tables import write_tables
from scanner.model.control import Control, ReasonCase
from scanner.model.decisions import Match, OwnedBy, Ownership, RuleWay, TagWay, Tier, Tiers, Waiver
from scanner.model.facts import TABLES, RecoveryPointFacts, ResourceFacts
from scanner.model.finding import Finding, Severity, Status
from scanner.storage.account_tables import AccountTable
from scanner.storage.encoding import encode
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
    tiers: Tiers = field(default_factory=Tiers)
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
        sql = f"FROM {TABLE}"
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
    tables = write_tables(
        bundle, out, FactsRequest(as_of=as_of, affected_controls=affected_controls(controls)), 1
    )
    return World(
        facts=out / "facts",
        rows=tables.rows,
        controls=controls,
        parameters={},
        ownership=OWNERSHIP,
        as_of=as_of,
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


@pytest.mark.slow
@pytest.mark.parametrize(
    "tiers",
    [pytest.param(Tiers(), id="plain", marks=pytest.mark.exhaustive), pytest.param(SAMPLE_TIERS, id="tiers")],
)
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
            "subject_type": "recovery_point",
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


def control_of(name: str, require: str, **more: Any) -> Control:
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
    control_of("a-covered", "covered", reason="It is <b>not</b>.", parameters={}, evidence=("tags",)),
    control_of("b-number", "CAST(state AS INTEGER) >= $least"),
    control_of("c-population", "covered", population="CAST(state AS INTEGER) = 1", parameters={}, reason="-"),
    control_of(
        "d-cases",
        "length(name) >= $least AND NOT one_of(name, $words) AND versioned",
        reasons={"pass": "{name} is long.", "unknown": "Not known whether {name} is long."},
        reason_cases={"fail": (ReasonCase("covered", "Covered, but {name}."),)},
    ),
    control_of("e-reason", "covered", reason="{CAST(state AS INTEGER)}", parameters={}),
    control_of(
        "f-recovery-point",
        "encrypted",
        subject="recovery_point",
        population="true",
        reason="-",
        parameters={},
        evidence=("resource",),
    ),
    control_of(
        "g-details", "covered", reason="-", parameters={}, evidence=("CAST(state AS INTEGER) as number",)
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


def write(
    folder: Path, rows: Mapping[str, Sequence[Any]], controls: tuple[Control, ...], **more: Any
) -> World:
    """Write fact tables by account."""
    numbers = {}
    for name, of_table in rows.items():
        with AccountTable(folder / "facts", name, TABLES[name]) as table:
            table.write(of_table)
        numbers[name] = table.rows
    return World(facts=folder / "facts", rows=numbers, controls=tuple(controls), parameters={}, **more)


@pytest.mark.slow
@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
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


def fixed_rows(make: Callable[..., Any], number: int = 24) -> list[Any]:
    """Return rows of three accounts that have every status, several kinds of errors among them."""
    tags: tuple[Any, ...] = (
        None,
        [{"key": "tier", "value": "golden"}],
        [{"key": "team", "value": "<b>é"}],
        [],
    )
    rows = [
        make(
            f"arn:{account}:{region}:{at:03}é",
            account=account,
            region=region,
            name=("1", "long enough", "vol")[at % 3],
            state=("1", "2", f"running {account}", "stopped")[(at + int(account[0])) % 4],
            covered=(True, False, None)[at % 3],
            versioned=(True, None, False, True, True)[at % 5],
            tags=tags[at % 4],
            evidence=[{"about": "covered", "file": f"f{at % 7}", "line": at + 1}],
        )
        for account in ("111111111111", "222222222222", "333333333333")
        for region in ("aws-global", "eu-west-1")
        for at in range(number)
    ]
    return sorted(rows, key=lambda each: (each.account, each.region, each.subject))


ON_RESOURCES: Final = tuple(each for each in CONTROLS if each.subject == "resource")


@pytest.fixture(params=["plain", "tiers"])
def world(tmp_path: Path, resource: Any, request: pytest.FixtureRequest) -> World:
    """Return a world in a folder whose name DuckDB would take for a pattern."""
    rows = {"resource": fixed_rows(resource)}
    tiers = Tiers() if request.param == "plain" else TIERS
    folder = tmp_path / "a [b] 'c' *?"
    return write(folder, rows, ON_RESOURCES, tiers=tiers, waivers=WAIVERS, ownership=OWNERSHIP)


LAYOUTS: Final[Mapping[str, tuple[Limits, Mapping[Any, Any]]]] = {
    "each account alone": (Limits(rows=1), {}),
    "no rows in memory": (Limits(rows=0), {}),
    "one thread": (Limits(threads=1), {}),
    "three threads": (Limits(threads=3), {}),
    "viewed": (Limits(), {(database, "_FEW"): 0}),
    "joined": (Limits(), {(database, "_FEW"): 0, (database, "_MANY"): 1}),
    "joined in an odd folder": (
        Limits(),
        {(database, "_FEW"): 0, (database, "_MANY"): 1, (tempfile, "tempdir"): "[tmp] 'a' *"},
    ),
    "alone and viewed": (Limits(rows=1), {(database, "_FEW"): 0}),
    "streamed": (Limits(), {(queries, "IN_MEMORY"): 0, (queries, "BATCH"): 2}),
    "small batches": (Limits(), {(subjects, "BATCH"): 5, (verdicts, "_BATCH"): 3, (queries, "BATCH"): 2}),
    "small batches, viewed": (
        Limits(threads=1),
        {(database, "_FEW"): 0, (subjects, "BATCH"): 7, (verdicts, "_BATCH"): 4},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "layout"),
    [(("plain", "tiers")[number % 2], layout) for number, layout in enumerate(LAYOUTS)],
    indirect=["world"],
)
def test_the_bytes_are_the_same_however_accounts_are_judged(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    expected = world.filed(tmp_path / "expected")
    limits, patches = LAYOUTS[layout]
    (tmp_path / "[tmp] 'a' *").mkdir()
    monkeypatch.chdir(tmp_path)
    for (module, name), value in patches.items():
        monkeypatch.setattr(module, name, value)
    filed = world.filed(tmp_path / "findings", limits)
    assert bytes_of(filed) == bytes_of(expected)
    assert len(bytes_of(filed)) == 3
    assert documents(filed) == documents(expected)


def test_accounts_with_errors_are_filed_as_they_are_judged(world: World, tmp_path: Path) -> None:
    check(world, tmp_path / "findings")


def test_an_error_is_of_its_row_alone_in_the_words_of_its_account(world: World, tmp_path: Path) -> None:
    filed = world.filed(tmp_path / "findings")
    rows = {row.subject: row for row in fixed_rows(built_resource)}
    found = [each for each in filed if each.control == "c-population"]
    assert len(found) == len(rows)
    for finding in found:
        state = rows[finding.subject].state
        assert (finding.status is Status.ERROR) == (not state.isdecimal())
    for account in ("111111111111", "222222222222", "333333333333"):
        errors = [each for each in found if each.account == account and each.status is Status.ERROR]
        states = {rows[each.subject].state for each in errors}
        assert len(states) == 2
        (reason,) = {each.reason for each in errors}
        assert f"Could not convert string '{rows[errors[0].subject].state}' to INT32" in reason


def built_resource(subject: str, **given: Any) -> Any:
    values = {"subject": subject, "subject_type": "EBS", "assessable": True, **given}
    return built(ResourceFacts, values, ("row",))


def test_errors_in_many_batches_have_the_tiers_of_their_own_rows(
    resource: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "_BATCH", 3)
    rows = [replace(each, state="running") for each in fixed_rows(resource)]
    critical = Tiers((Tier("long", Match(subjects=("*1é", "*2é"))),))
    world = write(tmp_path, {"resource": rows}, (CONTROLS[1],), tiers=critical)
    for finding in world.filed(tmp_path / "findings"):
        tier = "long" if finding.subject.endswith(("1é", "2é")) else ""
        assert (finding.status, finding.details["tier"]) == (Status.ERROR, tier)


def test_a_control_that_takes_too_long_is_an_error_of_all_its_rows(resource: Any, tmp_path: Path) -> None:
    rows = [replace(each, rules=built_rules(60)) for each in fixed_rows(resource)]
    inner = "any_of([any_of([a.name || b.name || c.name = 'y' for c in rules]) for b in rules])"
    slow = control_of("slow", f"any_of([{inner} for a in rules])", parameters={}, reason="-")
    world = write(tmp_path, {"resource": rows}, (slow, CONTROLS[0]))
    filed = world.filed(tmp_path / "findings", Limits(seconds=1.5, threads=1))
    found = list(filed)
    assert len(found) == 2 * len(rows)
    reasons = {each.reason for each in found if each.control == "slow"}
    assert reasons == {"The control took longer than 1.5 s and was stopped."}
    assert Status.ERROR not in {each.status for each in found if each.control != "slow"}


def built_rules(number: int) -> Any:
    return built_resource("x", rules=[{"name": "x"}] * number).rules


@pytest.mark.parametrize("waivers", [(), WAIVERS])
def test_texts_that_take_too_long_are_errors_of_the_rest(
    resource: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waivers: tuple[WaiverRule, ...]
) -> None:
    """Statuses are known already: passes stay, and what has no words yet is no failure without a reason."""
    rows = fixed_rows(resource)
    world = write(tmp_path, {"resource": rows}, CONTROLS[:1], waivers=waivers)
    monkeypatch.setattr(queries, "BATCH", 4)
    answers = Asking.answers

    def slow(*arguments: Any, **options: Any) -> Iterator[Any]:
        for number, batch in enumerate(answers(*arguments, **options)):
            if number == 2:
                raise BrokenControlError("It took too long.")
            yield batch

    with monkeypatch.context() as patch:
        patch.setattr(Asking, "answers", slow)
        filed = world.filed(tmp_path / "findings")
    found = [each for each in filed if each.control == CONTROLS[0].id]
    expected = [each for each in world.judged() if each.control == CONTROLS[0].id]
    broken = [each for each in found if each.status is Status.ERROR]
    assert {each.reason for each in broken} == {"It took too long."}
    calm = [each for each in expected if each.status in WITHOUT_TEXTS]
    assert len(found) == len(expected) == len(broken) + 8 + len(calm)
    whole = [each for each in found if each.status is not Status.ERROR]
    by_order = {each.order: each for each in expected}
    assert documents(whole) == documents(by_order[each.order] for each in whole)


def test_a_pass_whose_texts_cannot_be_written_stays_a_pass(resource: Any, tmp_path: Path) -> None:
    rows = [replace(each, covered=True) for each in fixed_rows(resource)]
    world = write(tmp_path, {"resource": rows}, (CONTROLS[-1],))
    filed = check(world, tmp_path / "findings")
    assert {each.status for each in filed} == {Status.PASS}
    said = [each.reason for each in filed if "number" not in each.details]
    assert set(said) == {WITHOUT_WORDS.format("its details")}


def test_a_reason_of_a_million_characters_is_filed(resource: Any, tmp_path: Path) -> None:
    rows = [replace(each, name="x" * 1_000_000) for each in fixed_rows(resource, 3)]
    long = control_of("long", "covered", reason="{name} is not covered.", parameters={})
    filed = check(write(tmp_path, {"resource": rows}, (long,)), tmp_path / "findings")
    assert max(len(each.reason) for each in filed) >= 1_000_000
    assert sum(map(len, bytes_of(filed).values())) < 100_000
    assert all(pq.read_metadata(path).num_rows for path in filed.files)


def test_an_account_without_subjects_has_no_file(resource: Any, tmp_path: Path) -> None:
    rows = fixed_rows(resource, 2)
    plain = CONTROLS[:1]
    asked_of = (*plain, *load_controls(("vault-locked",)))
    world = write(tmp_path, {"resource": rows, "vault": [], "recovery_point": []}, asked_of)
    filed = check(world, tmp_path / "findings")
    assert len(filed.files) == 3
    empty = write(tmp_path / "empty", {"resource": []}, plain)
    assert bytes_of(check(empty, tmp_path / "nothing")) == {}


def test_texts_in_another_order_are_never_filed(
    resource: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = verdicts.Plain._answers

    def reversed_answers(self: Any, rows: bytes) -> Iterator[pa.RecordBatch]:
        for batch in answers(self, rows):
            yield batch.take(pa.array(reversed(range(batch.num_rows))))

    monkeypatch.setattr(verdicts.Plain, "_answers", reversed_answers)
    rows = [replace(each, covered=False) for each in fixed_rows(resource)]
    world = write(tmp_path, {"resource": rows}, (control_of("covered", "covered"),))
    with pytest.raises(VaultproofError, match="in another order"):
        world.filed(tmp_path / "findings")
    assert not list((tmp_path / "findings").iterdir())

"""How far a scan reached, from its manifest and its gaps."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scanner.history.notes import notes_of
from scanner.history.reach import reach_of
from scanner.history.transition import Absent
from scanner.model.compliance import Assessment, Figures, Score
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Manifest, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName
from scanner.model.reading import Gap, GapKind
from scanner.model.scan import Scan

ONE, TWO = AccountId("111111111111"), AccountId("222222222222")
HERE, THERE, GLOBAL = RegionName("eu-west-1"), RegionName("eu-central-1"), RegionName("aws-global")
CONTROL = Control(
    id="c", title="t", severity=Severity.HIGH, subject="resource", population="true", require="x", reason="r"
)


def scan(
    *gaps: tuple[AccountId, RegionName],
    told: bool = True,
    statuses: dict[RegionName, ShardStatus] | None = None,
) -> Scan:
    found = {HERE: ShardStatus.COMPLETE, THERE: ShardStatus.COMPLETE, GLOBAL: ShardStatus.COMPLETE}
    manifest = Manifest(
        evaluated_as_of=datetime(2026, 11, 22, tzinfo=UTC),
        scope=Scope(accounts=(ONE,), regions=(HERE, THERE)),
        accounts=(),
        shards=tuple(
            ShardRecord(account=ONE, region=region, status=status)
            for region, status in {**found, **(statuses or {})}.items()
        ),
    )
    return Scan(
        manifest=manifest,
        controls=(CONTROL,),
        parameters={},
        findings=(),
        gaps=tuple(Gap(account, region, "x:Y", "", GapKind.REFUSED) for account, region in gaps),
        reconciliation=(),
        limitations=(),
        assessment=Assessment(Score({}, Figures(), {}), ()) if told else None,
    )


def why(of: Scan, region: str = HERE, account: str = ONE, control: str = "c") -> Absent:
    told = {"subject": "s", "subject_type": "EBS", "reason": "r", "severity": Severity.LOW}
    finding = Finding(control=control, status=Status.FAIL, account=account, region=region, **told)  # type: ignore[arg-type]
    return reach_of(of).why_absent(finding)


@pytest.mark.parametrize(
    ("of", "why_here"),
    [
        (scan(), Absent.GONE),
        (scan(statuses={HERE: ShardStatus.PARTIAL}), Absent.NOT_READ),
        (scan((ONE, THERE)), Absent.GONE),
        (scan((ONE, HERE)), Absent.NOT_READ),
        (scan((ONE, GLOBAL)), Absent.NOT_READ),
        (scan(told=False), Absent.NOT_READ),
        (scan(statuses={HERE: ShardStatus.SKIPPED}), Absent.NOT_READ),
        (scan(statuses={THERE: ShardStatus.PARTIAL}), Absent.GONE),
        (scan(statuses={GLOBAL: ShardStatus.PARTIAL}), Absent.NOT_READ),
        (scan(statuses={HERE: ShardStatus.FAILED}), Absent.NOT_READ),
        (scan(statuses={GLOBAL: ShardStatus.MISSING}), Absent.NOT_READ),
    ],
)
def test_what_is_missing_is_gone_only_where_all_was_read(of: Scan, why_here: Absent) -> None:
    assert why(of) is why_here


def test_other_places_and_controls() -> None:
    assert why(scan(), account=TWO) is Absent.NOT_READ
    assert why(scan(), control="d") is Absent.NOT_ASKED
    assert why(scan(), region=GLOBAL) is Absent.GONE
    assert why(scan((ONE, THERE)), region=GLOBAL) is Absent.NOT_READ


def test_a_region_that_is_no_longer_in_the_scope_was_not_read() -> None:
    """Else a scan of fewer Regions would say that all that lies in the others is gone."""
    assert why(scan(), region="us-east-1") is Absent.NOT_READ


def test_notes_say_what_differs() -> None:
    old = scan()
    assert notes_of(old, old) == ()
    manifest = replace(old.manifest, tool_version="2", scope=Scope(accounts=(ONE, TWO), regions=(HERE,)))
    defined = replace(CONTROL, require="y")
    new = replace(old, manifest=manifest, controls=(defined,), parameters={"c": {"days": 3}})
    told = " ".join(notes_of(old, new))
    for each in (
        "Accounts only in NEW: 222222222222.",
        "Regions only in OLD: eu-central-1.",
        "defined otherwise: c.",
        "other parameters: c.",
        "The tool was",
    ):
        assert each in told

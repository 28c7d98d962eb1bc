"""Findings for tests: arbitrary ones, in filing order, with all that a finding can carry."""

from typing import Any, Final

from hypothesis import strategies as st

from scanner.model.control import Control
from scanner.model.decisions import Owner, Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import EvidenceRef

CONTROLS: Final = tuple(
    Control(
        id=name,
        title=name,
        severity=severity,
        subject="resource",
        population="",
        require="",
        reason="",
        frameworks={"nist-800-53-r5": ("CP-9",)} if severity is Severity.HIGH else {},
    )
    for name, severity in (
        ("account-region-assessed", Severity.HIGH),
        ("b-control", Severity.LOW),
        ("c-control", Severity.CRITICAL),
        ("d-control", Severity.HIGH),
    )
)

WAIVERS: Final = tuple(
    Waiver(name, "owner", approver, "reason", expires)
    for name in ("W-1", "W-2")
    for approver in ("x", "y")
    for expires in ("2027-01-01", "2027-02-01")
)

OWNERS: Final = (
    Owner(None, "tags were not read"),
    Owner("", "nobody is named"),
    *(Owner(f"team-{number}", "tag owner") for number in range(5)),
)

_DETAILS: Final = st.fixed_dictionaries(
    {"name": st.text(max_size=4)},
    optional={"tier": st.sampled_from(("", "gold", "silver", None)), "age": st.none() | st.floats(0, 1e20)},
)


@st.composite
def _finding(draw: st.DrawFn) -> Finding:
    control = draw(st.sampled_from(CONTROLS))
    name = draw(st.sampled_from("aAzé\U0001f9ca")) * draw(st.integers(1, 3))
    reads = draw(_reads()) if control is CONTROLS[0] else {}
    account = draw(st.sampled_from(("", "111111111111", "222222222222", "333333333333")))
    region = draw(st.sampled_from(("aws-global", "eu-west-1", "us-east-1")))
    return Finding(
        control=control.id,
        status=draw(st.sampled_from(Status)),
        severity=control.severity,
        subject=f"{account}/{region}/{name}",
        subject_type=draw(st.sampled_from(("EBS", "RDS", "vault", "account_region"))),
        account=account,
        region=region,
        reason=draw(st.text(max_size=8)),
        details={**draw(_DETAILS), **reads},
        evidence=draw(st.just(()) | st.just((EvidenceRef("evidence/org.jsonl.gz", 3),))),
        frameworks=control.frameworks,
        waiver=draw(st.none() | st.sampled_from(WAIVERS)),
        owner=draw(st.none() | st.sampled_from(OWNERS)),
    )


@st.composite
def _reads(draw: st.DrawFn) -> dict[str, Any]:
    operation = st.sampled_from(("backup:ListBackupVaults", "kms:DescribeKey"))
    blinds = st.lists(st.sampled_from([each.id for each in CONTROLS]), max_size=3)
    about = st.sampled_from(("", "v"))
    read = st.fixed_dictionaries({"operation": operation, "about": about, "blinds": blinds})
    return {"missing_reads": draw(st.lists(read, max_size=2))}


def findings() -> st.SearchStrategy[tuple[Finding, ...]]:
    """Build findings in filing order, one a control and subject. Details hold what JSON can hold."""
    unique = st.lists(_finding(), max_size=40, unique_by=lambda each: (each.control, each.subject))
    return unique.map(lambda drawn: tuple(sorted(drawn, key=lambda each: each.order)))

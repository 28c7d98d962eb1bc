"""When failures began and ended in a series of scans, against a naive account of each finding."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.findings.filed import Filed
from scanner.history.streaks import End, Step, Streaks
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Manifest, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeen
from tests.fakes.bundles import AS_OF
from tests.fakes.filed import write_filed

ACCOUNT, REGION = AccountId("111111111111"), RegionName("eu-west-1")
SEVERITIES: Final = {"c": Severity.HIGH, "d": Severity.LOW}
SUBJECTS: Final = tuple(f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-{number}" for number in range(3))
KEYS: Final = tuple((control, subject) for control in SEVERITIES for subject in SUBJECTS)
OPEN: Final = (Status.FAIL, Status.WAIVED)
UNDECIDED: Final = (Status.UNKNOWN, Status.ERROR)
DAY: Final = timedelta(days=1)

Key = tuple[str, str]


@dataclass(frozen=True)
class Drawn:
    """One scan: the status of each finding that it has, the controls that it ran, and what it read."""

    statuses: dict[Key, Status]
    controls: frozenset[str]
    days: int
    is_read: bool

    def status(self, key: Key) -> Status | None:
        """Return the status of a finding; None: the scan does not have it."""
        return self.statuses.get(key) if key[0] in self.controls else None

    def is_unsure(self, key: Key) -> bool:
        """Whether the scan, which does not have the finding, cannot tell that it does not exist."""
        return key[0] not in self.controls or not self.is_read


def control(name: str) -> Control:
    return Control(
        id=name,
        title=name,
        severity=SEVERITIES[name],
        subject="resource",
        population="true",
        require="true",
        reason="-",
    )


def scan_of(drawn: Drawn, number: int) -> Scan:
    status = ShardStatus.COMPLETE if drawn.is_read else ShardStatus.FAILED
    findings = [
        Finding(
            control=key[0],
            status=status,
            severity=SEVERITIES[key[0]],
            subject=key[1],
            subject_type="EBS",
            account=ACCOUNT,
            region=REGION,
            reason="",
        )
        for key in KEYS
        if (status_ := drawn.status(key)) is not None
        for status in (status_,)
    ]
    controls = tuple(control(name) for name in sorted(drawn.controls))
    return Scan(
        manifest=Manifest(
            scan_id=f"scan-{number}",
            evaluated_as_of=AS_OF + number * DAY,
            scope=Scope(accounts=(ACCOUNT,), regions=(REGION,)),
            accounts=(),
            shards=(ShardRecord(account=ACCOUNT, region=REGION, status=status),),
        ),
        controls=controls,
        parameters={each.id: {"days": drawn.days} for each in controls},
        findings=tuple(findings),
        gaps=(),
        reconciliation=(),
        limitations=(),
        assessment=anything(),
    )


def anything() -> Any:
    """Return anything but None: this program judged the scan."""
    return object()


def followed(series: Sequence[Drawn], *, files: Path | None = None) -> Step:
    streaks, step = Streaks(), None
    for number, drawn in enumerate(series):
        scan = scan_of(drawn, number)
        if files is not None:
            written = write_filed(files / str(number), scan.findings)  # type: ignore[arg-type]
            scan = replace(scan, findings=Filed(written, scan.controls))
        step = streaks.after(scan)
        streaks = step.streaks
    assert step is not None
    return step


@dataclass
class Naive:
    """What is known of one finding while the scans are read one after the other."""

    failing: int | None = None
    began: int = 0
    older: bool = False
    definite: int = 0
    unknowns: int = 0


class Account:
    """What is known of one finding while the scans are read one after the other."""

    def __init__(self, key: Key, series: Sequence[Drawn]) -> None:
        self.key, self.series = key, series
        self.state: Naive | None = None
        self.ends: list[tuple[Any, ...]] = []

    def read(self, number: int) -> None:
        """Read the next scan."""
        drawn = self.series[number]
        status, state = drawn.status(self.key), self.state
        if status in OPEN:
            self.state = self._failing(number)
        elif status in UNDECIDED or (status is None and state is not None and drawn.is_unsure(self.key)):
            self.state = state or Naive(began=number, older=self._was_unsure(number))
            self.state.unknowns += 1
        else:
            self._end(number)

    def _was_unsure(self, number: int) -> bool:
        if number == 0:
            return True
        before = self.series[number - 1]
        return before.status(self.key) is None and before.is_unsure(self.key)

    def _failing(self, number: int) -> Naive:
        state = self.state
        if state is None:
            passed = number > 0 and self.series[number - 1].status(self.key) is not None
            changed = passed and self.series[number - 1].days != self.series[number].days
            state = Naive(failing=number, began=number, older=self._was_unsure(number) or changed)
        elif state.failing is None:
            state.failing, state.older = number, True
        state.definite = number
        return state

    def _end(self, number: int) -> None:
        if self.state is not None and self.state.failing is not None:
            same = self.series[self.state.definite].days == self.series[number].days
            fixed = self.series[number].status(self.key) is Status.PASS and same
            at = number if fixed else self.state.definite
            self.ends.append((SEVERITIES[self.key[0]], self.state.failing, at, self.state.older, fixed))
        self.state = None


def naive(
    series: Sequence[Drawn],
) -> tuple[list[tuple[Any, ...]], dict[Key, FirstSeen], list[tuple[Any, ...]]]:
    """Return the ends, the first times and the open failures, finding by finding."""
    ends, times, rest = [], {}, []
    for key in KEYS:
        account = Account(key, series)
        for number in range(len(series)):
            account.read(number)
        ends += account.ends
        state = account.state
        if state is not None and state.failing is not None:
            rest.append((SEVERITIES[key[0]], state.failing, state.definite, state.older, False))
        if state is not None and series[-1].status(key) is not None:
            at = state.began if state.failing is None else state.failing
            times[key] = FirstSeen(AS_OF + at * DAY, state.older, state.unknowns)
    return ends, times, rest


def flat(ends: Sequence[End]) -> list[tuple[Any, ...]]:
    return sorted(
        (end.severity, (end.began - AS_OF) // DAY, (end.at - AS_OF) // DAY, end.may_be_older, end.is_fixed)
        for end in ends
        for _ in range(end.number)
    )


def drawn_scans() -> st.SearchStrategy[Drawn]:
    statuses = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(list(Status)))
    controls = st.sampled_from([frozenset(SEVERITIES), frozenset(SEVERITIES), frozenset("c")])
    return st.builds(
        Drawn, statuses, controls, st.sampled_from([30, 30, 30, 35]), st.sampled_from([True, True, False])
    )


@settings(max_examples=25)
@given(st.lists(drawn_scans(), min_size=1, max_size=6), st.booleans())
def test_as_each_finding_alone(series: list[Drawn], is_filed: bool) -> None:  # noqa: FBT001
    with tempfile.TemporaryDirectory() as folder:
        step = followed(series, files=Path(folder) if is_filed else None)
    ends, times, rest = naive(series)
    assert flat(step.streaks.ended) == sorted(ends)
    assert flat(step.open) == sorted(rest)
    found = {
        (each.control, each.subject): step.first_seen.get(each.fingerprint)
        for each in scan_of(series[-1], 0).findings
    }
    assert {key: value for key, value in found.items() if value is not None} == times
    last = [status for key in KEYS if (status := series[-1].status(key)) is not None]
    assert step.totals == {status: last.count(status) for status in set(last)}

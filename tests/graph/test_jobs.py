"""Which job is the newest finished one, against an oracle that tries every way in which things may be."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.graph.history import Unseen
from scanner.graph.jobs import copies_backup, finished, job_outcomes, newest_marks
from scanner.model.inventory import Job, JobKind
from scanner.model.known import Ternary
from scanner.model.names import AccountId, RegionName
from tests.fakes.bundles import ACCOUNT, AS_OF, REGION

STATES = (
    "COMPLETED",
    "FAILED",
    "EXPIRED",
    "ABORTED",
    "PARTIAL",
    "CREATED",
    "PENDING",
    "RUNNING",
    "ABORTING",
    None,
)
UNSEEN = (Unseen("the backup jobs were not read", None, own=True),)


def job(name: str = "j", state: str | None = "COMPLETED", hours: float | None = 1, **more: str) -> Job:
    result: dict[str, object] = {
        "kind": JobKind.BACKUP,
        "id": name,
        "account": AccountId(ACCOUNT),
        "region": RegionName(REGION),
        "state": state,
        "resource": "r",
        "resource_type": "EBS",
        "created_at": None if hours is None else AS_OF - timedelta(hours=hours),
        "completed_at": None,
        "message": None,
        "recovery_point": None,
    }
    return Job(**(result | more))  # type: ignore[arg-type]


jobs_of_one = st.lists(
    st.tuples(st.sampled_from(STATES), st.one_of(st.none(), st.integers(0, 5))), max_size=4
).map(lambda rows: [job(f"j{n}", state, hours) for n, (state, hours) in enumerate(rows)])


def possible(one: Job) -> Iterator[datetime | None]:
    """Give the instants at which a job may have been made as a finished one; None: it is not finished."""
    if one.state in ("CREATED", "PENDING", "RUNNING", "ABORTING"):
        yield None
        return
    if one.state is None:
        yield None
    if one.created_at is not None:
        yield one.created_at
    else:
        yield AS_OF + timedelta(hours=1)
        yield AS_OF - timedelta(days=99)


@given(jobs_of_one, st.booleans())
def test_the_newest_finished_job_is_that_of_all_worlds(jobs: list[Job], complete: bool) -> None:  # noqa: FBT001
    verdicts: list[set[bool]] = [set() for _ in jobs]
    for world in product(*map(lambda one: list(possible(one)), jobs)):  # noqa: C417 -- a list of lists
        done = [(made, jobs[n].id) for n, made in enumerate(world) if made is not None]
        newest = max(done)[1] if done else None
        for n, one in enumerate(jobs):
            verdicts[n].add(one.id == newest)
            if not complete:
                verdicts[n] |= {False}  # an unseen job may be newer still
    expected = tuple(None if len(each) > 1 else next(iter(each)) for each in verdicts)
    assert newest_marks(jobs, complete=complete) == expected


@given(jobs_of_one, st.booleans())
def test_outcomes_tell_what_the_jobs_say(jobs: list[Job], complete: bool) -> None:  # noqa: FBT001 -- two ways
    found = job_outcomes(jobs, AS_OF, () if complete else UNSEEN)
    assert {each.job.id for each in found.jobs} == {each.id for each in jobs}
    known = [each.age_hours for each in found.jobs if each.age_hours is not None]
    assert known == sorted(known)
    for each in found.jobs:
        assert each.succeeded is (None if each.job.state is None else each.job.state == "COMPLETED")
        assert not (each.failed and each.job.state not in ("FAILED", "EXPIRED", "ABORTED"))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, True) for state in STATES[:5]),
        *((state, False) for state in STATES[5:9]),
        (None, None),
        ("NEW", None),
    ],
)
def test_states_that_end_a_job(state: str | None, expected: Ternary) -> None:
    assert finished(job(state=state)) is expected


def test_history_reaches_back_30_days_and_counts_each_job_once() -> None:
    old, edge, future = job("old", hours=721), job("edge", hours=720), job("future", hours=-5)
    found = job_outcomes([old, edge, edge, future], AS_OF)
    assert [(each.job.id, each.age_hours) for each in found.jobs] == [("future", 0.0), ("edge", 720.0)]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        (job("c", backup_job="b"), True),
        (job("c", backup_job="other", source_recovery_point="p"), False),  # the id counts where it is told
        (job("c", source_recovery_point="p"), True),
        (job("c", source_recovery_point="q"), False),
        (job("c"), False),
    ],
)
def test_a_copy_is_joined_to_its_backup(copy: Job, expected: bool) -> None:  # noqa: FBT001 -- a row
    assert copies_backup(copy, job("b", recovery_point="p")) is expected
    assert copies_backup(job("c"), job("b")) is False

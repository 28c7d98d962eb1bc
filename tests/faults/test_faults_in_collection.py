"""Every fault ends as the true answer or as an honest gap: never a hang, a crash or a silent loss.

Many faults share a scan, each in the calls of an operation of its own; which operation has which fault
turns from scan to scan. The slow tests take the faults one by one.
"""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scanner.errors import VaultproofError
from scanner.services.catalogue import OPERATIONS
from tests.faults.conftest import Laboratory
from tests.faults.faults import FINAL, HARMLESS, PASSING, Paged
from tests.faults.proxy import Fault, Rule, always, every, first

pytestmark = pytest.mark.slow

Faults = Mapping[str, Callable[[], Fault]]

KEYS = tuple(sorted(OPERATIONS))
CHOSEN = (
    "backup:GetBackupPlan",
    "backup:ListRecoveryPointsByBackupVault",
    "dynamodb:ListTables",
    "ec2:DescribeVolumes",
    "kms:ListAliases",
    "organizations:ListAccountsForParent",
    "rds:DescribeDBClusters",
    "resourcegroupstaggingapi:GetResources",
    "s3:GetBucketEncryption",
)
"""Operations of all protocols, none of which hides another."""

LASTING: Faults = {**PASSING, **FINAL}


def turned(faults: Faults, turn: int, when: Callable[[int], bool]) -> list[Rule]:
    """Each operation has a fault of its own."""
    names = tuple(faults)
    return [
        Rule(faults[names[(place + 11 * turn) % len(names)]](), frozenset({key}), when=when)
        for place, key in enumerate(KEYS)
    ]


@pytest.mark.parametrize("turn", range(2))
def test_what_is_odd_but_true_changes_nothing(laboratory: Laboratory, turn: int) -> None:
    laboratory.check_passing(*turned(HARMLESS, turn, always))


@pytest.mark.parametrize("turn", range(3))
def test_what_passes_leaves_no_trace(laboratory: Laboratory, turn: int) -> None:
    laboratory.check_passing(*turned(PASSING, turn, first()))


@pytest.mark.parametrize("start", range(0, len(LASTING), len(CHOSEN)))
def test_what_does_not_pass_is_a_gap(laboratory: Laboratory, start: int) -> None:
    names = list(LASTING)[start : start + len(CHOSEN)]
    turn = start // len(CHOSEN)
    keys = [CHOSEN[(place + turn) % len(CHOSEN)] for place in range(len(CHOSEN))]
    rules = [Rule(LASTING[name](), frozenset({key})) for name, key in zip(names, keys, strict=False)]
    outcome = laboratory.check(*rules)
    assert not isinstance(outcome, VaultproofError), outcome


@st.composite
def disturbances(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """A few faults in a few operations, each once, every second or third time, or for ever.

    Tokens are made up for each page or for none: a service that takes an unknown token for the end of a list
    loses rows, and no client can see that.
    """
    faults = {**LASTING, **HARMLESS}
    once = [name for name in sorted(faults) if not isinstance(faults[name](), Paged)]
    fault = st.one_of(
        st.tuples(st.sampled_from(once), st.sampled_from(["first", "second", "third", "always"])),
        st.tuples(st.sampled_from(sorted(faults)), st.just("always")),
    )
    count = draw(st.integers(1, 6))
    return [(draw(st.sampled_from(KEYS)), *draw(fault)) for _ in range(count)]


_WHEN: Mapping[str, Callable[[], Callable[[int], bool]]] = {
    "first": first,
    "second": lambda: every(2),
    "third": lambda: every(3),
    "always": lambda: always,
}


def check_together(laboratory: Laboratory, chosen: list[tuple[str, str, str]]) -> None:
    made = {**LASTING, **HARMLESS}
    rules = [Rule(made[name](), frozenset({key}), when=_WHEN[when]()) for key, name, when in chosen]
    laboratory.check(*rules)  # an error that a person is told is an honest end, too


_BOUNDED = settings(
    max_examples=4,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],  # a scan is too dear to look for the smallest that fails
    suppress_health_check=[HealthCheck.too_slow],
)


@_BOUNDED
@given(chosen=disturbances())
def test_faults_together(laboratory: Laboratory, chosen: list[tuple[str, str, str]]) -> None:
    check_together(laboratory, chosen)


@pytest.mark.exhaustive
@settings(_BOUNDED, max_examples=100)
@given(chosen=disturbances())
def test_many_faults_together(laboratory: Laboratory, chosen: list[tuple[str, str, str]]) -> None:
    check_together(laboratory, chosen)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", HARMLESS)
def test_each_oddity_everywhere(laboratory: Laboratory, name: str) -> None:
    laboratory.check_passing(Rule(HARMLESS[name]()))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", PASSING)
def test_each_passing_fault_in_each_operation(laboratory: Laboratory, name: str) -> None:
    laboratory.check_passing(Rule(PASSING[name](), when=first(), by=lambda asked: asked.key))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", LASTING)
def test_each_lasting_fault_in_all_protocols(laboratory: Laboratory, name: str) -> None:
    outcome = laboratory.check(Rule(LASTING[name](), frozenset(CHOSEN)))
    assert not isinstance(outcome, VaultproofError), outcome

"""Root causes to changes: each kind of cause has a strategy, or a manual step."""

from collections.abc import Iterable, Mapping
from typing import Final

from scanner.fixes.accounts import admit_backup, create_role, enable_cross_account, opt_in
from scanner.fixes.copies import copy_elsewhere, share
from scanner.fixes.coverage import correct_tag, cover
from scanner.fixes.draft import NoFixError
from scanner.fixes.manual import MANUAL, NO_STRATEGY
from scanner.fixes.problem import Problem, Strategy, Workbench
from scanner.fixes.rules import (
    accept_lifecycles,
    continuous,
    keep_longer,
    meet_target,
    separate_rules,
    single_continuous,
    start_at_all,
    start_often,
    valid_lifecycle,
    within_lock,
    without_cold_storage,
)
from scanner.fixes.vaults import (
    admit_copies,
    create_vault,
    deny_manual_deletion,
    keep_out,
    lock_vault,
    send_notifications,
)
from scanner.model.planning.fix import ManualStep
from scanner.model.root_causes import CauseKind, Step

_K: Final = CauseKind

STRATEGIES: Final[Mapping[CauseKind, Strategy]] = {
    _K.CROSS_ACCOUNT_OFF: enable_cross_account,
    _K.OPT_IN_OFF: opt_in,
    _K.VAULT_MISSING: create_vault,
    _K.ROLE_MISSING: create_role,
    _K.ROLE_NOT_ASSUMABLE: admit_backup,
    _K.POLICY_DOES_NOT_ADMIT: admit_copies,
    _K.KEY_NOT_SHARED: share,
    _K.VAULT_ALLOWS_DELETION: deny_manual_deletion,
    _K.VAULT_OPEN_TO_OUTSIDERS: keep_out,
    _K.VAULT_DOES_NOT_NOTIFY: send_notifications,
    _K.SCHEDULE_INVALID: start_at_all,
    _K.SCHEDULE_NEVER_RUNS: start_at_all,
    _K.SCHEDULE_TOO_RARE: start_often,
    _K.RETENTION_OUTSIDE_LOCK: within_lock,
    _K.RETENTION_TOO_SHORT: keep_longer,
    _K.LIFECYCLE_INVALID: valid_lifecycle,
    _K.COLD_STORAGE_UNSUPPORTED: without_cold_storage,
    _K.NO_CONTINUOUS_RULE: continuous,
    _K.SEVERAL_CONTINUOUS_RULES: single_continuous,
    _K.RULES_OVERLAP: separate_rules,
    _K.PLAN_BELOW_TARGET: meet_target,
    _K.NO_CROSS_ACCOUNT_COPY: copy_elsewhere,
    _K.NO_CROSS_REGION_COPY: copy_elsewhere,
    _K.NO_AIR_GAPPED_COPY: copy_elsewhere,
    _K.NO_COPY: copy_elsewhere,
    _K.NO_SELECTION: cover,
    _K.NOT_SELECTED: cover,
    _K.ARN_MISMATCH: cover,
    _K.SELECTION_EXCLUDES: cover,
    _K.TAG_VALUE: cover,
    # Adding a tag that the resource lacks could change more than its backups.
    _K.TAG_MISSING: cover,
    _K.TAG_SPELLING: correct_tag,
    _K.VAULT_NOT_LOCKED: lock_vault,
}
"""What mends each kind of root cause. A kind is in here or in MANUAL."""

_STEPS: Final = {step: position for position, step in enumerate(Step)}


def propose(bench: Workbench, problems: Iterable[Problem]) -> tuple[ManualStep, ...]:
    """Change the draft so that root causes are mended, and return those that no change mends.

    What explains most comes first within its step: a setting of the Region mends more than a tag.
    """
    manual = []
    # Later strategies see the draft of earlier ones, so the order decides what is proposed.
    for problem in sorted(problems, key=_order):
        strategy = STRATEGIES.get(problem.cause.kind)
        if strategy is None:
            why, what = MANUAL[problem.cause.kind]
            manual.append(_step(problem, why, what))
            continue
        try:
            strategy(bench, problem)
        except NoFixError as problem_with_it:
            manual.append(_step(problem, str(problem_with_it), NO_STRATEGY))
    # Last, as any strategy may have brought a plan into the draft.
    accept_lifecycles(bench.draft)
    return tuple(manual)


def _order(problem: Problem) -> tuple[int, int, tuple[str, ...]]:
    return (_STEPS[problem.cause.step], -len(problem.failures), problem.cause.key)


def _step(problem: Problem, why: str, what: str) -> ManualStep:
    return ManualStep(cause=problem.cause, why=why, what=what, failures=len(problem.failures))

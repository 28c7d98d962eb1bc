"""A scan under exactly the policies that `audit policy` prints, and what becomes unknown without each action.

The simulation enforces the policies of role and caller. What action an operation asks for it knows from
the Service Authorization Reference, not from the scanner's declarations (scanner/demo/actions.json).
"""

import gzip
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from moto.iam.models import Role, User, iam_backends

from scanner.app import collection
from scanner.cli.scan.judgement import judgement_of
from scanner.collect.permissions import is_asked_of_members
from scanner.collect.request import CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import Demo, serve
from scanner.demo.server.authorization import AUDITOR, enforced
from scanner.demo.story.accounts import CENTRAL, DEVELOPMENT, FRANKFURT, IRELAND, MANAGEMENT, PRODUCTION
from scanner.errors import CredentialsError
from scanner.evaluate.needs import affected_controls
from scanner.services.base import Operation
from scanner.services.catalogue import OPERATIONS
from scanner.settings.settings import Settings
from tests.contract.variants import findings_and_gaps

JUDGEMENT = judgement_of(Settings(), None, DEMO_CLOCK)
SHIPPED = affected_controls(JUDGEMENT.controls)
ASSESSED = "account-region-assessed"


def operations_of(action: str) -> tuple[Operation, ...]:
    return tuple(operation for operation in OPERATIONS.values() if action in operation.actions)


LEADS_TO = {
    "timestream:DescribeEndpoints": {
        "timestream-write:ListDatabases",
        "timestream-write:ListTables",
        "timestream-write:ListTagsForResource",
    }
}
"""Reads that cannot be made without another one before them."""


def keys_of(action: str) -> set[str]:
    """The reads that the action allows."""
    return {operation.key for operation in operations_of(action)} | LEADS_TO.get(action, set())


def is_needed(action: str) -> bool:
    """Whether a control rests on a read that the action allows."""
    return any(key in SHIPPED for key in keys_of(action))


def is_of_members(action: str) -> bool:
    return all(is_asked_of_members(operation) for operation in operations_of(action))


ROLE, TREE = "sts:AssumeRole", "organizations:ListAccounts"
"""Without these there is no scan of other accounts; they have tests of their own."""

ACTIONS = sorted({action for operation in OPERATIONS.values() for action in operation.actions})
SINGLE = [name for name in ACTIONS if name not in (ROLE, TREE, "sts:GetCallerIdentity")]
NEEDED = [action for action in SINGLE if is_needed(action)]
NOT_NEEDED = [action for action in SINGLE if not is_needed(action)]

TOLD_TWICE = {
    "organizations:DescribeOrganization": "the ARNs of the accounts name the organisation as well",
    "kms:ListAliases": "only a key that is named by an alias would be unknown, and here none is",
    "s3:GetBucketTagging": "the tagging API tells the tags of buckets as well",
}
"""Actions on which controls rest, and without which nothing is unknown as long as another one is there."""

NEVER_ASKED = {"s3:GetBucketLocation": "S3 says the Region of each bucket in its list"}
"""Actions for which the simulated organisation gives no occasion."""

SMALL, RICH = (DEVELOPMENT,), (PRODUCTION,)
COPIES = (CENTRAL, PRODUCTION)
"""Scopes, all in one Region: few resources, every type of resource, copies between accounts."""

Verdicts = Mapping[tuple[str, str], str]
"""Status by control and subject."""


@dataclass(frozen=True)
class Scanned:
    """What a scan left: verdicts, gaps (operation and what about), evidence lines."""

    verdicts: Verdicts
    gaps: frozenset[tuple[str, str, str, str]]
    lines: tuple[dict[str, Any], ...]

    def refused(self) -> set[str]:
        """What AWS said that the caller may not do: the actions that its refusals name."""
        messages = (line["error"]["message"] for line in self.lines if "error" in line)
        found = (re.search(r"not authorized to perform: (\S+)", one) for one in messages)
        return {named.group(1) for named in found if named}

    def tells(self, action: str) -> bool:
        """Whether a read that the action allows brought something: a description, or a list with rows."""
        keys = {operation.key for operation in operations_of(action)}
        answers = (
            line["response"]
            for line in self.lines
            if f"{line['service']}:{line['operation']}" in keys and "response" in line
        )
        return any(_has_rows(answer) for answer in answers)


def _has_rows(answer: Mapping[str, Any]) -> bool:
    lists = [value for value in answer.values() if isinstance(value, list)]
    return any(lists) if lists else bool(answer)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    kept = {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    for key in kept:
        del os.environ[key]
    with serve() as running:
        os.environ.update(running.environment())
        yield running
    for key in running.environment():
        del os.environ[key]
    os.environ.update(kept)


Scan = Callable[..., Scanned]


@pytest.fixture(scope="module")
def scan(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Collect and judge in this process; a refusal is not asked again."""

    def run(**request: Any) -> Scanned:
        folder = tmp_path_factory.mktemp("scan")
        values: dict[str, Any] = {
            "regions": (IRELAND,),
            "role_name": demo.role_name,
            "retries": RetryPolicy(attempts=1),
        }
        collection.collect(CollectRequest(**(values | request)), folder)
        findings, gaps = findings_and_gaps(folder, JUDGEMENT)
        files = sorted((folder / "evidence").rglob("*.jsonl.gz"))
        lines = (line for file in files for line in gzip.decompress(file.read_bytes()).splitlines())
        return Scanned(
            {(one.control, one.subject): one.status.value for one in findings},
            frozenset((gap.account, gap.region, gap.operation, gap.about) for gap in gaps),
            tuple(json.loads(line) for line in lines),
        )

    return run


@pytest.fixture(scope="module")
def whole(scan: Scan) -> Mapping[tuple[str, ...], Scanned]:
    """The scopes under the whole policies."""
    with enforced():
        return {
            SMALL: scan(accounts=SMALL),
            RICH: scan(accounts=RICH),
            COPIES: scan(organization=True, accounts=COPIES),
        }


@contextmanager
def without(principal: Role | User, *actions: str) -> Iterator[None]:
    """Take actions out of the one policy of a role or user while the block runs."""
    (policy,) = principal.managed_policies.values()
    (version,) = policy.versions
    whole = version.document
    document = json.loads(whole)
    for statement in document["Statement"]:
        statement["Action"] = [name for name in statement["Action"] if name not in actions]
    document["Statement"] = [one for one in document["Statement"] if one["Action"]]
    version.document = json.dumps(document)
    try:
        yield
    finally:
        version.document = whole


def role(account: str, name: str) -> Role:
    (found,) = [one for one in iam_backends[account]["aws"].get_roles() if one.name == name]
    return found


def auditor() -> User:
    (found,) = [one for one in iam_backends[MANAGEMENT]["aws"].users.values() if one.name == AUDITOR]
    return found


def changes(before: Verdicts, after: Verdicts) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    keys = before.keys() | after.keys()
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def is_honest(control: str, after: str | None) -> bool:
    """Whether a verdict may come of taking a read away. None: nobody tells of the subject any more."""
    return after in ("unknown", None) or (control, after) == (ASSESSED, "fail")


@pytest.mark.slow
def test_the_printed_policies_are_enough(scan: Scan) -> None:
    """Every type of resource is in Ireland, and Frankfurt has the copies and keys of other Regions."""
    free = scan(organization=True, regions=(IRELAND, FRANKFURT))
    with enforced():
        bound = scan(organization=True, regions=(IRELAND, FRANKFURT))
    assert bound.verdicts == free.verdicts
    assert bound.gaps == free.gaps
    assert bound.refused() == free.refused()


@pytest.mark.slow
def test_enforcement_refuses_what_no_policy_allows(scan: Scan, demo: Demo) -> None:
    with enforced(), without(role(DEVELOPMENT, demo.role_name), *ACTIONS):
        shut = scan(accounts=SMALL)
    assert {line["operation"] for line in shut.lines if line.get("response")} <= {
        "GetCallerIdentity",
        "DescribeRegions",  # the caller asked it in its own account
    }


@pytest.mark.exhaustive
@pytest.mark.parametrize("action", NEEDED)
def test_without_an_action_only_what_rests_on_it_is_unknown(
    action: str, scan: Scan, whole: Mapping[tuple[str, ...], Scanned], demo: Demo
) -> None:
    if action in NEVER_ASKED:
        assert not any(scope.tells(action) for scope in whole.values())
        return
    if is_of_members(action):
        scope: tuple[str, ...] = SMALL if whole[SMALL].tells(action) else RICH
        with enforced(), without(role(scope[0], demo.role_name), action):
            less = scan(accounts=scope)
    else:
        scope = COPIES
        with enforced(), without(auditor(), action):
            less = scan(organization=True, accounts=scope)
    changed = changes(whole[scope].verdicts, less.verdicts)
    assert [(key, pair) for key, pair in changed.items() if not is_honest(key[0], pair[1])] == []
    assert less.refused() == whole[scope].refused() | {action}  # the demo refuses some of them anyway
    keys = keys_of(action)
    assert {gap[2] for gap in less.gaps - whole[scope].gaps} <= keys
    resting = {control for key in keys for control in SHIPPED.get(key, ())} | {ASSESSED}
    assert {control for control, _ in changed} <= resting
    assert bool(changed) == (action not in TOLD_TWICE)


@pytest.mark.slow
def test_without_what_no_control_needs_no_verdict_changes(
    scan: Scan, whole: Mapping[tuple[str, ...], Scanned], demo: Demo
) -> None:
    """All at once: to take reads away changes no more verdicts than to take more of them away."""
    asked = {name for name in NOT_NEEDED if any(one.tells(name) for one in whole.values())}
    with ExitStack() as stack:
        stack.enter_context(enforced())
        stack.enter_context(without(auditor(), *NOT_NEEDED))
        for account in COPIES:
            stack.enter_context(without(role(account, demo.role_name), *NOT_NEEDED))
        less = scan(organization=True, accounts=COPIES)
    assert changes(whole[COPIES].verdicts, less.verdicts) == {}
    assert less.refused() - whole[COPIES].refused() <= set(NOT_NEEDED)
    assert less.refused()
    assert asked


@pytest.mark.slow
def test_without_the_role_nothing_of_the_account_is_known(
    scan: Scan, whole: Mapping[tuple[str, ...], Scanned]
) -> None:
    with enforced(), without(auditor(), ROLE):
        less = scan(accounts=SMALL)
    found = {control: status for (control, _), status in less.verdicts.items()}
    assert found == {ASSESSED: "fail", "account-backup-policy": "unknown"}
    assert less.refused() == {ROLE}
    assert whole[SMALL].verdicts


@pytest.mark.slow
def test_without_the_list_of_accounts_the_scan_says_what_it_needs(scan: Scan) -> None:
    with enforced(), without(auditor(), TREE), pytest.raises(CredentialsError, match=TREE):
        scan(organization=True, accounts=SMALL)


@pytest.mark.slow
def test_the_caller_needs_its_policy_in_its_own_account(scan: Scan) -> None:
    with enforced():
        own = scan(accounts=(MANAGEMENT,))
        with without(auditor(), "ec2:DescribeVolumes"):
            less = scan(accounts=(MANAGEMENT,))
    assert less.refused() - own.refused() == {"ec2:DescribeVolumes"}

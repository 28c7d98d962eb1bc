"""Test with a few calls, before the first scan, whether a scan could read what it needs.

It tests the caller's identity, the organization, the role in every account, and one operation of each service
in one Region of each account. The answers are not evidence: only the result of each call is kept.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Final

from scanner.collect.calls import Caller, HeldCalls
from scanner.collect.endpoints import is_doubtful
from scanner.collect.environment import Opening, Roles, ScanEnvironment, open_scan, set_up
from scanner.collect.pool import Pool
from scanner.collect.request import CollectRequest, Unwatched
from scanner.collect.retry import EXPIRED_CODES, THROTTLING_CODES, TRANSIENT_STATUSES, FinalError, Halted
from scanner.collect.scope import Resolved, ask, check_request
from scanner.errors import EmptyScopeError, VaultproofError
from scanner.evidence.answers import error_kind, pagination
from scanner.evidence.writer import Call, Failure
from scanner.model.access import AccessReport, AccessResult, AccessRow, AccessStep
from scanner.model.known import GapKind
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard
from scanner.services import ec2, organizations
from scanner.services.base import CallScope, Operation
from scanner.services.catalogue import OPERATIONS, samples

_VAULTS: Final = "backup:ListBackupVaults"
# AWS Backup is called in every Region; its sample is always the list
# of vaults, and not the first of its calls.
SAMPLES: Final = (_VAULTS, *(key for key in samples(CallScope.REGION) if not key.startswith("backup:")))
"""The operation of each service that is called in one Region of each account."""

GLOBAL_SAMPLES: Final = ("iam:ListRoles", "s3:ListBuckets")
"""Operations of global services, called once per account."""
_ANY: Final = AccountId("*")
_IDENTITY: Final = "sts:GetCallerIdentity"
_ASSUME_ROLE: Final = "sts:AssumeRole"

_POLICY: Final = re.compile(
    r"(?P<how>explicit deny in an?|because no) (?P<type>service control|resource control|session|"
    r"identity-based|resource-based|role trust|VPC endpoint)? ?(?P<what>policy|permissions boundary)",
    re.IGNORECASE,
)
# An Allow in the role's own policies cannot lift these (IAM User Guide, "Policy evaluation logic").
_GUARDRAILS: Final = frozenset({"service control policy", "resource control policy", "permissions boundary"})
_OF_SESSION: Final = frozenset({"session policy", "vpc endpoint policy"})
_EXPIRED: Final = "The credentials expired. Log in again, then run `audit check` again."

_UNANSWERED: Final = (
    "AWS did not answer, which says nothing about permissions. Check the network and the proxy, then run "
    "`audit check` again (with a lower --concurrency if calls were throttled)."
)
_TOO_LONG: Final = "DurationSeconds exceeds"


def check_access(
    request: CollectRequest,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AccessReport:
    """Make sample calls that a scan of `request` would need. `progress`: accounts finished, and in total.

    Raises CredentialsError and EndpointError if the caller's own credentials do not work, UsageError if
    something that was named does not exist, and EmptyScopeError. All other errors are rows of the report.
    """
    check_request(request)
    environment = set_up(request, Unwatched(), clock)
    opening = open_scan(environment.wiring, environment.credential_store, environment.own, environment.home)
    check = _Check(request, environment, opening)
    held = HeldCalls()
    try:
        resolved = ask(request, environment, opening, held)
    except EmptyScopeError:
        raise
    except VaultproofError as problem:
        # Without a failed call, the request itself is wrong (an OU that
        # does not exist), and no row could say so.
        if not any(call.is_gap for call in held.recorded):
            raise
        rows = (*check.identity(), *check.organization(held, str(problem)))
        return check.report(None, rows)
    by_account = check.accounts(resolved, progress)
    environment.wiring.clients.close()
    rows = (*check.identity(), *check.organization(held), *(row for rows in by_account for row in rows))
    return check.report(resolved, rows)


# What to do about a call that was refused or not answered: a command, or the policy statement to add.
#
# AWS says which kind of policy denied a call: "with an explicit deny in a TYPE policy", or "because no TYPE
# policy allows the ACTION action" (IAM User Guide, "Troubleshoot access denied error messages"). Not every
# service does.
@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """The account that assumes the role, its partition, and the name of the role."""

    caller: AccountId
    partition: str
    name: str
    has_external_id: bool

    def arn(self, account: AccountId) -> str:
        """Return the ARN of the role in an account."""
        return f"arn:{self.partition}:iam::{account}:role/{self.name}"


@dataclass(frozen=True, slots=True)
class _Check:
    """One access check: its calls, and the rows of their results."""

    request: CollectRequest
    environment: ScanEnvironment
    opening: Opening

    @property
    def _role(self) -> RoleSettings:
        opening, request = self.opening, self.request
        return RoleSettings(
            caller=opening.account,
            partition=opening.partition,
            name=request.role_name,
            has_external_id=request.external_id is not None,
        )

    def report(self, resolved: Resolved | None, rows: tuple[AccessRow, ...]) -> AccessReport:
        """Build the report. `resolved` None: the accounts of the organization are unknown."""
        scope = resolved.scope if resolved else None
        return AccessReport(
            caller_arn=self.opening.arn,
            caller_account=self.opening.account,
            role_name=self.request.role_name,
            accounts=scope.accounts if scope else (),
            regions=scope.regions if scope else (),
            excluded=tuple((exclusion.account, exclusion.reason) for exclusion in scope.excluded)
            if scope
            else (),
            rows=rows,
        )

    def identity(self) -> Iterator[AccessRow]:
        """Return the row of the caller, whose credentials work."""
        yield AccessRow(
            step=AccessStep.IDENTITY,
            account=self.opening.account,
            region=self.environment.home,
            operation=_IDENTITY,
            result=AccessResult.OK,
            message=self.opening.arn,
        )

    def organization(self, held: HeldCalls, problem: str = "") -> Iterator[AccessRow]:
        """Yield a row for each operation on the organization, with the worst of its results.

        `problem`: why the scope is not known.
        """
        worst: dict[str, Call] = {}
        for call in held.recorded:
            name = f"{call.service}:{call.operation}"
            # An operation is called for many OUs and policies: one
            # refusal among them is what has to be fixed.
            if name not in worst or (call.is_gap and not worst[name].is_gap):
                worst[name] = call
        for call in worst.values():
            row = self._row(AccessStep.ORGANIZATION, call, "the caller")
            # The error explains the failed ListAccounts, so it is the fix of that row only.
            is_cause = problem and call.is_gap and call.operation == "ListAccounts"
            yield replace(row, fix=problem) if is_cause else row

    def accounts(
        self, resolved: Resolved, progress: Callable[[int, int], None]
    ) -> list[tuple[AccessRow, ...]]:
        """Check all accounts in parallel, and return their rows in the order of the accounts."""
        accounts = resolved.scope.accounts
        results: dict[AccountId, tuple[AccessRow, ...]] = {}
        pool, lock = Pool(self.request.concurrency), Lock()

        def check(account: AccountId) -> None:
            try:
                rows = tuple(self._account(account, resolved.scope.regions))
            except Halted:
                return
            with lock:
                results[account] = rows
                # While the lock is held, so that the numbers arrive in order.
                progress(len(results), len(accounts))

        progress(0, len(accounts))
        try:
            for account in accounts:
                pool.enter(partial(check, account), account)
            problem = pool.join()
        except KeyboardInterrupt:
            self.environment.wiring.halt.set()
            pool.drop()
            raise
        finally:
            pool.close()
        if problem is not None:
            raise problem
        return [results[account] for account in accounts]

    def _account(self, account: AccountId, regions: tuple[RegionName, ...]) -> Iterator[AccessRow]:
        if account != self.opening.account:
            role = self._assume(account)
            yield role
            if role.result is not AccessResult.OK:
                return
        calls, home = HeldCalls(), self.environment.home
        everywhere = Caller(self.environment.wiring, Shard(account, AWS_GLOBAL), calls, home)
        enabled = ec2.regions(everywhere)
        for operation in GLOBAL_SAMPLES:
            _sample(everywhere, operation)
        if self.request.organization:
            organizations.collect_account(everywhere)
        # None: DescribeRegions was refused. Regions that are not known to
        # be disabled count as enabled, as in a scan.
        region = next(
            (candidate for candidate in _nearest(home, regions) if (enabled or {}).get(candidate, True)), None
        )
        if region is not None:
            there = Caller(self.environment.wiring, Shard(account, region), calls, region)
            for operation in SAMPLES:
                # Where a service has no endpoint, every attempt would fail like a
                # broken network, and say nothing of access.
                if not is_doubtful(operation.partition(":")[0], region):
                    _sample(there, operation)
        yield from (self._row(AccessStep.READ, call, self._principal(account)) for call in calls.recorded)
        yield from _not_called(account, region)

    def _assume(self, account: AccountId) -> AccessRow:
        opening, environment = self.opening, self.environment
        roles = Roles(self.request, environment.wiring, opening.account, opening.partition, environment.home)
        source = roles.source(account)
        operation = OPERATIONS[_ASSUME_ROLE]
        row = AccessRow(
            step=AccessStep.ROLE,
            account=account,
            region=environment.home,
            operation=operation.key,
            result=AccessResult.OK,
            message=roles.arn(account),
        )
        try:
            source()
        except FinalError as problem:
            failure = problem.failure
            result = result_of(failure)
            return replace(
                row,
                result=result,
                code=failure.code,
                message=failure.message,
                fix=fix_for_role(failure, account, self._role),
                statement=_statement(result, statement_for(operation, self._role.arn(_ANY))),
            )
        environment.credential_store.put(account, source)
        return row

    def _principal(self, account: AccountId) -> str:
        return "the caller" if account == self.opening.account else self._role.arn(account)

    def _row(self, step: AccessStep, call: Call, principal: str) -> AccessRow:
        operation = OPERATIONS[f"{call.service}:{call.operation}"]
        row = AccessRow(
            step=step,
            account=call.shard.account,
            region=call.shard.region,
            operation=operation.key,
            result=AccessResult.OK,
        )
        if call.failure is None or not call.is_gap:
            return row
        result = result_of(call.failure)
        return replace(
            row,
            result=result,
            code=call.failure.code,
            message=call.failure.message,
            fix=fix_for_read(call.failure, operation, principal),
            statement=_statement(result, statement_for(operation)),
        )


def _statement(result: AccessResult, statement: str) -> str:
    return statement if result is AccessResult.DENIED else ""


def _nearest(home: RegionName, regions: tuple[RegionName, ...]) -> tuple[RegionName, ...]:
    """Return the Regions of the scope, the caller's own first, where clients and connections exist."""
    return tuple(sorted(regions, key=lambda region: (region != home, region)))


def _sample(caller: Caller, operation: str) -> None:
    """Call an operation once (the first page of a list); the recorder stores the outcome."""
    service, _, name = operation.partition(":")
    if operation in pagination():
        next(caller.pages(service, name), None)
    else:
        caller.call(service, name)


def _not_called(account: AccountId, region: RegionName | None) -> Iterator[AccessRow]:
    """Yield a row for each service that was not sampled, with the reason."""
    for operation in SAMPLES:
        if region is None or is_doubtful(operation.partition(":")[0], region):
            message = (
                "The account has enabled no Region of the scope."
                if region is None
                else f"The service may not exist in {region}; a scan asks AWS Backup about that."
            )
            yield AccessRow(
                step=AccessStep.READ,
                account=account,
                region=region or "",
                operation=operation,
                result=AccessResult.SKIPPED,
                message=message,
            )


def result_of(failure: Failure) -> AccessResult:
    """Return what a failed call means for access: only a refusal of AWS is a denial.

    Throttling, a failure of AWS or of the network, and expired credentials say nothing about permissions.
    """
    if failure.code in EXPIRED_CODES or error_kind(failure.code) is not GapKind.REFUSED:
        return AccessResult.UNKNOWN
    return AccessResult.DENIED


def statement_for(operation: Operation, resource: str = "*") -> str:
    """Return the statement that allows an operation, as JSON."""
    document = {"Effect": "Allow", "Action": list(operation.actions), "Resource": resource}
    return json.dumps(document, separators=(", ", ": "))


def fix_for_read(failure: Failure, operation: Operation, principal: str) -> str:
    """Return what to do when `principal` (a role, or the caller) could not call an operation."""
    if result_of(failure) is not AccessResult.DENIED:
        return _fix_for_no_answer(failure)
    action = operation.action
    policy, is_explicit = _denying_policy(failure.message)
    # An Allow never overrides an explicit deny (IAM User Guide, "Policy evaluation logic").
    if policy in _GUARDRAILS or is_explicit:
        return f"The {policy} denies {action} to {principal}. Allow it there."
    if policy in _OF_SESSION:
        return f"The {policy} does not allow {action}. Add the statement to it."
    return f"Add the statement to the policies of {principal}, or attach the whole policy: `audit policy`."


def fix_for_role(failure: Failure, account: AccountId, role: RoleSettings) -> str:
    """Return what to do when the role of an account could not be assumed."""
    # A role that another role assumes has sessions of one hour at most
    # (IAM User Guide, "Roles terms and concepts").
    if _TOO_LONG in failure.message:
        return "Ask for a shorter session (scope.session_seconds): 3600 at most where a role assumes a role."
    if result_of(failure) is not AccessResult.DENIED:
        return _fix_for_no_answer(failure)
    policy, is_explicit = _denying_policy(failure.message)
    if policy in _GUARDRAILS or (is_explicit and policy != "role trust policy"):
        return f"The {policy} denies sts:AssumeRole on {role.arn(account)}. Allow it there."
    if policy == "identity-based policy":
        return "Add the statement to the policies of the caller, or attach `audit policy --part caller`."
    # AWS answers AccessDenied both for a role that does not exist and for one that does not trust the caller.
    external = ", and with the right --external-id" if role.has_external_id else ""
    command = f"audit policy --part trust --role-name {role.name} --trusted-principal {role.caller}"
    return (
        f"Check that {role.name} exists in {account} and trusts {role.caller}{external} (`{command}` prints "
        "its trust policy), and that the caller has the statement."
    )


def _fix_for_no_answer(failure: Failure) -> str:
    if failure.code in EXPIRED_CODES:
        return _EXPIRED
    if not failure.status or failure.code in THROTTLING_CODES or failure.status in TRANSIENT_STATUSES:
        return _UNANSWERED
    return "AWS answered with an error that is not about permissions: read its message."


def _denying_policy(message: str) -> tuple[str, bool]:
    """Return the type of policy that AWS names, in lower case, and whether it denies explicitly."""
    match = _POLICY.search(message)
    if match is None:
        return "", False
    kind = f"{match['type'] or ''} {match['what']}".strip().lower()
    return kind, "explicit" in match["how"].lower()

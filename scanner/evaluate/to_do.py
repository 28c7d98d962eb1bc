"""What to do about an answer that is unknown: it follows from why its reads are missing.

A refused call needs a permission, one that was throttled needs time, one that was never made needs a scan,
and what AWS does not report needs a person. The remediation of a control is for failures and would mislead.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from scanner.model.finding import ToDo
from scanner.model.known import ASSUME_ROLE, LEFT_OUT, NOT_ENABLED, GapKind
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.services.catalogue import iam_actions

_NAMED: Final = 4


class Cause(Enum):
    """Why a read is missing, as far as that makes a difference for what to do; in the order of telling."""

    NOT_ENTERED = auto()
    REFUSED = auto()
    NOT_SUBSCRIBED = auto()
    THROTTLED = auto()
    BROKEN = auto()
    FAILED = auto()
    HALF_READ = auto()
    LEFT_OUT = auto()
    NEVER_ASKED = auto()
    OUT_OF_SCOPE = auto()
    NOT_ENABLED = auto()
    NOT_REPORTED = auto()
    OPEN = auto()  # no read is missing


@dataclass(frozen=True, slots=True, order=True)
class MissingRead:
    """A read that keeps an answer open, as a note of a fact row names it; empty texts: no read is missing."""

    operation: str
    of: str
    account: str
    region: str
    kind: str
    code: str

    @property
    def cause(self) -> Cause:
        """Return why it is missing."""
        if self.operation == ASSUME_ROLE:
            # Before the code: without the role every call of the account is missing.
            return Cause.NOT_ENTERED
        # AWS has several codes for one cause, which differ by service.
        by_code = next((cause for words, cause in _BY_CODE if any(word in self.code for word in words)), None)
        return by_code or _BY_KIND.get(self.kind, Cause.FAILED)


_BY_CODE: Final = (
    ((NOT_ENABLED,), Cause.NOT_ENABLED),
    ((LEFT_OUT,), Cause.LEFT_OUT),
    (("OptInRequired", "SubscriptionRequired"), Cause.NOT_SUBSCRIBED),
    (("Throttl", "BudgetExceeded", "SlowDown", "TooManyRequests", "RequestLimitExceeded"), Cause.THROTTLED),
    (("MalformedAnswer",), Cause.BROKEN),
)
"""Codes that say more than the kind of a gap: those of AWS by a part that they have in common."""

_BY_KIND: Final = {
    # A note without a kind is about the facts themselves, not about a read.
    "": Cause.OPEN,
    GapKind.REFUSED.value: Cause.REFUSED,
    GapKind.FAILED.value: Cause.FAILED,
    GapKind.HALF_READ.value: Cause.HALF_READ,
    GapKind.NEVER_ASKED.value: Cause.NEVER_ASKED,
    GapKind.OUT_OF_SCOPE.value: Cause.OUT_OF_SCOPE,
    GapKind.NOT_REPORTED.value: Cause.NOT_REPORTED,
}

_NO_SCAN: Final = (Cause.NOT_ENABLED, Cause.NOT_REPORTED)
"""Causes that another scan does not mend."""


def to_do_of(reads: Iterable[MissingRead]) -> ToDo:
    """Return what to do to get an answer, and the commands; what a permission mends comes first."""
    by_cause: dict[Cause, list[MissingRead]] = {}
    # Sorted and distinct, so that equal gaps give equal texts.
    for read in sorted(set(reads)):
        by_cause.setdefault(read.cause, []).append(read)
    by_cause.pop(Cause.OPEN, None)
    if not by_cause:
        return _OPEN
    # In the order of the enumeration: what a permission solves comes first.
    texts = [_text(cause, by_cause[cause]) for cause in Cause if cause in by_cause]
    return ToDo(" ".join(texts), "\n".join(_commands(by_cause)))


_OPEN: Final = ToDo(
    "Another scan cannot resolve this: AWS does not report a required value, or does not document the "
    "behaviour. Check manually what the reason names."
)


def _text(cause: Cause, reads: list[MissingRead]) -> str:
    return _TEXTS[cause].format(
        what=_some(_called(read) for read in reads),
        actions=_some(action for read in reads for action in iam_actions(read.operation)),
        where=_some(_place(read) for read in reads),
        whose=_whose(reads),
        accounts=_accounts(reads),
        role=_some(f"the role {read.of}" if read.of else "the role that the scan assumes" for read in reads),
        key=_KEY_POLICY if any(read.operation.startswith("kms:") for read in reads) else "",
    )


_KEY_POLICY: Final = " The key policy must allow it as well."
_TEXTS: Final = {
    Cause.NOT_ENTERED: (
        "{accounts} could not be entered: create {role} there with a trust policy for the scanning account, "
        "and allow the principal that starts the scan to assume it (sts:AssumeRole). Then scan again."
    ),
    Cause.REFUSED: (
        "Allow {actions} for {whose}, and check for a service control policy or a permissions boundary that "
        "denies it.{key} Then scan {where} again."
    ),
    Cause.NOT_SUBSCRIBED: (
        "AWS answers {what} only for accounts that use the service: activate it, then scan {where} again."
    ),
    Cause.THROTTLED: (
        "AWS throttled the scan, and the retry budget was used up before {what} was answered. "
        "Scan {where} again with less concurrency or at a quieter time."
    ),
    Cause.BROKEN: (
        "The recorded answer of {what} does not have the form that AWS documents. Scan {where} again; "
        "if the problem persists, report it with the evidence line."
    ),
    Cause.FAILED: "AWS failed to answer {what}. Scan {where} again.",
    Cause.HALF_READ: "Pages of {what} are missing. Scan {where} again.",
    Cause.LEFT_OUT: (
        "The scan did not collect {what}: it collected only what its controls needed. "
        "Scan {where} again with these controls, or with --collect all."
    ),
    Cause.NEVER_ASKED: (
        "The bundle has no answer of {what}. Scan {where} again, or resume the scan if it was interrupted "
        "(audit run --resume SCAN_DIR)."
    ),
    Cause.OUT_OF_SCOPE: "{where} is outside the scope of the scan: scan it as well.",
    Cause.NOT_ENABLED: (
        "{where} cannot be read: the Region is not enabled for the account. "
        "Check the configuration that refers to it."
    ),
    Cause.NOT_REPORTED: (
        "AWS answered {what} without a required value. Check it manually: "
        "another call would give the same answer."
    ),
}


def _called(read: MissingRead) -> str:
    return f"{read.operation} of {read.of}" if read.of else read.operation


def _place(read: MissingRead) -> str:
    if read.region == ORG:
        return "the organization"
    return f"{read.account}/{read.region}" if read.region else read.account


def _accounts(reads: list[MissingRead]) -> str:
    accounts = sorted({read.account for read in reads})
    return f"{'Account' if len(accounts) == 1 else 'Accounts'} {_some(accounts)}"


def _whose(reads: list[MissingRead]) -> str:
    if all(read.region == ORG for read in reads):
        return "the principal that starts the scan"
    # Calls to AWS Organizations are made by the principal that starts the scan, not in the accounts.
    accounts = sorted({read.account for read in reads if read.region != ORG})
    return f"the role that scans {'account' if len(accounts) == 1 else 'accounts'} {_some(accounts)}"


def _some(words: Iterable[str]) -> str:
    several = list(dict.fromkeys(words))
    more = f" and {len(several) - _NAMED} more" if len(several) > _NAMED else ""
    return f"{', '.join(several[:_NAMED])}{more}"


def _commands(by_cause: dict[Cause, list[MissingRead]]) -> Iterator[str]:
    """Return what grants the permissions, and the scan that then reads what is missing."""
    reads = [read for cause, of_cause in by_cause.items() if cause not in _NO_SCAN for read in of_cause]
    refused = by_cause.get(Cause.REFUSED, ())
    # Separate policies: the role in the accounts, and the caller in the management account.
    if any(read.region != ORG for read in refused):
        yield "audit policy > read.json"
        yield (
            "aws iam put-role-policy --role-name VaultproofReadOnly --policy-name read "
            "--policy-document file://read.json"
        )
    if any(read.region == ORG for read in refused):
        yield "audit policy --part caller > caller.json"
    # The account's role is missing, so its trust policy has to be created first.
    if Cause.NOT_ENTERED in by_cause:
        yield "audit policy --format cloudformation --trusted-principal SCANNING_ACCOUNT > role.yaml"
    for read in by_cause.get(Cause.NOT_REPORTED, ()):
        if read.operation == "s3:ListBuckets":
            yield f"aws s3api get-bucket-location --bucket {shlex.quote(read.of)}"
    if reads:
        yield _scan(reads, slowly=Cause.THROTTLED in by_cause, all_of_it=Cause.LEFT_OUT in by_cause)


def _scan(reads: list[MissingRead], *, slowly: bool, all_of_it: bool) -> str:
    accounts = sorted({read.account for read in reads if read.region != ORG})[:_NAMED]
    # Global services have no Region to name; they are read with any.
    regions = sorted({read.region for read in reads} - {ORG, AWS_GLOBAL, ""})[:_NAMED]
    options = [
        *(["--org"] if any(read.region == ORG for read in reads) else ()),
        *(f"--account {shlex.quote(account)}" for account in accounts if account),
        *(f"--region {shlex.quote(region)}" for region in regions),
        *(["--concurrency 2"] if slowly else ()),
        *(["--collect all"] if all_of_it else ()),
    ]
    return " ".join(("audit run", *options, "--out NEW_SCAN_DIR"))

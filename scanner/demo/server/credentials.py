"""Who an access key stands for; AssumeRole and GetCallerIdentity.

Moto accepts every key and takes unknown ones for its default account. Here an unknown or expired key
is refused, and a role is assumed only where it exists and its account is in reach. Expiry follows the
real clock, since it is compared with the client's.
"""

import base64
import itertools
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.iam.models import iam_backends

from scanner.demo.server.authorization import trusts
from scanner.demo.wire.answer import HTTP_FORBIDDEN, ApiError
from scanner.demo.wire.call import Call

ROOT_ACCESS_KEY = "AKIAVAULTPROOFDEMO01"
AUDITOR = "auditor"
"""The user of the management account whom the root keys belong to."""
ROOT_SECRET_KEY = "simulated/organisation/on/this/machine00"  # nosec B105 # noqa: S105 - opens nothing but the simulation
_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")
_SHORTEST, _LONGEST, _USUAL = 900, 43_200, 3_600  # seconds; API reference, AssumeRole, DurationSeconds


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an access key stands for; `expires` None means never."""

    account: str
    arn: str
    user_id: str
    expires: datetime | None = None


class Credentials:
    """The access keys of the simulation. Safe for threads."""

    def __init__(self, management_account: str) -> None:
        root = Identity(
            management_account, f"arn:aws:iam::{management_account}:user/{AUDITOR}", "AIDADEMOAUDITOR"
        )
        self._known = {ROOT_ACCESS_KEY: root}
        self._closed: frozenset[str] = frozenset()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def close(self, accounts: Iterable[str]) -> None:
        """Let no role of these accounts be assumed (suspended, or without the role)."""
        self._closed = self._closed | frozenset(accounts)

    def identify(self, access_key: str) -> Identity | None:
        """Whom the key stands for, or None where it is unknown."""
        return self._known.get(access_key)

    def assume_role(self, call: Call) -> dict[str, Any]:
        """The answer of sts:AssumeRole. Raises ApiError where the role cannot be assumed."""
        arn, session = call.parameters["RoleArn"], call.parameters["RoleSessionName"]
        found = _ROLE_ARN.fullmatch(arn)
        if not found:
            raise ApiError("ValidationError", f"{arn} is invalid")
        account, role = found.groups()
        if account in self._closed or not _may_assume(account, role, call):
            raise ApiError(
                "AccessDenied",
                f"User: {call.caller} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                HTTP_FORBIDDEN,
            )
        return self._open_session(account, role, session, _duration(call.parameters))

    def caller_identity(self, access_key: str) -> dict[str, Any]:
        """The answer of sts:GetCallerIdentity for a known key."""
        identity = self._known[access_key]
        return {"UserId": identity.user_id, "Account": identity.account, "Arn": identity.arn}

    def _open_session(self, account: str, role: str, session: str, seconds: int) -> dict[str, Any]:
        with self._lock:
            number = next(self._numbers)
        expires = (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
        user_id = f"AROADEMO{account}:{session}"
        access_key = "ASIA" + base64.b32encode(number.to_bytes(10, "big")).decode()
        self._known[access_key] = Identity(account, arn, user_id, expires)
        return {
            "Credentials": {
                "AccessKeyId": access_key,
                "SecretAccessKey": f"simulated-secret-{number}",
                "SessionToken": f"simulated-session-{number}",
                "Expiration": expires,
            },
            "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn},
        }


def _duration(parameters: Mapping[str, Any]) -> int:
    seconds = int(parameters.get("DurationSeconds", _USUAL))
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ApiError("ValidationError", f"DurationSeconds must lie between {_SHORTEST} and {_LONGEST}.")
    return seconds


def _may_assume(account: str, role: str, call: Call) -> bool:
    """Whether there is such a role, and it trusts the caller."""
    roles = iam_backends[account]["aws"].get_roles()
    return any(known.name == role and trusts(known, call) for known in roles)

"""The first calls of a scan: who is asking, and which Regions there are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from scanner.collect.calls import Caller, Held, Wiring
from scanner.collect.credentials import Source, Wallet
from scanner.collect.retry import FinalError
from scanner.collect.session import explain_first_call
from scanner.errors import CredentialsError
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard, parse_arn
from scanner.services import ec2
from scanner.services.base import text

_SOMEBODY: Final = AccountId("caller")  # until the first call tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the first calls told. `regions` says which are enabled; None: AWS does not tell.

    `held` are the calls themselves: they belong to the evidence of the caller's account.
    """

    arn: str
    account: AccountId
    partition: str
    regions: Mapping[RegionName, bool] | None
    held: Held


def open_scan(  # noqa: PLR0913 -- the last two are for resuming only
    wiring: Wiring,
    wallet: Wallet,
    own: Source,
    home: RegionName,
    *,
    expected: AccountId | None = None,
    asks_regions: bool = True,
) -> Opening:
    """Ask STS who is calling, and EC2 for the Regions; put the caller's `own` credentials in the wallet.

    CredentialsError, EndpointError: the first call was not answered, or the caller is not `expected`.
    """
    held = Held()
    wallet.put(_SOMEBODY, own)
    identity = _identity(Caller(_impatient(wiring), Shard(_SOMEBODY, AWS_GLOBAL), held, home))
    arn, account = text(identity, "Arn"), AccountId(text(identity, "Account"))
    parts = parse_arn(arn)
    if parts is None or not account:
        raise CredentialsError(
            "sts:GetCallerIdentity was answered without an account: is AWS_ENDPOINT_URL that of AWS?"
        )
    if expected is not None and account != expected:
        raise CredentialsError(
            f"The scan was begun with credentials of account {expected}, and these are of {account}. "
            "Name the right profile with --profile, or start another scan with --out."
        )
    wallet.put(account, own)
    regions = ec2.regions(Caller(wiring, Shard(account, AWS_GLOBAL), held, home)) if asks_regions else None
    return Opening(arn=arn, account=account, partition=parts.partition, regions=regions, held=held)


def _identity(caller: Caller) -> Mapping[str, Any]:
    try:
        return caller.demand("sts", "GetCallerIdentity")
    except FinalError as problem:
        raise explain_first_call(problem, caller.region) from problem


def _impatient(wiring: Wiring) -> Wiring:
    """A person waits for the first answer, and most of what is wrong then does not pass by itself."""
    retries = replace(wiring.retries, attempts=min(2, wiring.retries.attempts))
    return replace(wiring, retries=retries, deadline=None)

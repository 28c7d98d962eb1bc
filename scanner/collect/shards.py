"""What is asked in one account: first its global services, then each Region, service after service."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.endpoints import is_doubtful, is_left_out
from scanner.collect.retry import Halted
from scanner.errors import VaultproofError
from scanner.evidence.writer import Failure, WriterClosedError
from scanner.model.names import RegionName
from scanner.services.caller import Read as ServiceRead
from scanner.services.catalogue import SERVICES
from scanner.services.supported import supported_types


@dataclass(frozen=True, slots=True)
class AccountView:
    """What an account's global services told. `regions`: which are enabled; None: AWS does not tell."""

    regions: Mapping[RegionName, bool] | None
    buckets: Mapping[RegionName, Iterable[str]]

    def has_enabled(self, region: RegionName) -> bool:
        """Whether to ask in a Region: not when the account says that it has not enabled it."""
        return self.regions is None or self.regions.get(region, True)


GLOBAL_STEPS: Final[tuple[tuple[str, ServiceRead], ...]] = tuple(
    (service.name, service.collect_account) for service in SERVICES if service.collect_account
)
"""What is read once in every account, besides its identity, its Regions and its buckets."""

REGION_STEPS: Final[tuple[tuple[str, ServiceRead], ...]] = tuple(
    (service.name, service.collect) for service in SERVICES if service.collect
)
"""What is read in every account and Region, by boto3's name of the service."""


def region_steps(caller: Caller) -> Iterator[tuple[str, ServiceRead]]:
    """Yield the steps of one account in one Region, except its buckets and its keys.

    What AWS Backup supports there is only waited for where a step depends on it.
    """
    doubtful = {service for service, _ in REGION_STEPS if is_doubtful(service, caller.region)}
    for service, step in REGION_STEPS:
        if service not in doubtful:
            yield service, step
    types = supported_types(caller)
    for service, step in REGION_STEPS:
        if service in doubtful and not is_left_out(service, caller.region, types):
            yield service, step


def guarded(caller: Caller, service: str, step: Callable[[], None]) -> None:
    """Do a service's step; one that breaks is on record as a failed read and does not sink the others."""
    try:
        step()
    except (Halted, VaultproofError, WriterClosedError):
        raise
    except Exception as problem:  # noqa: BLE001 -- a collector that breaks is a failed read too
        failure = Failure("CollectorFailed", f"{type(problem).__name__}: {problem}", 0, 0)
        caller.note(service, "Collect", {}, failure)

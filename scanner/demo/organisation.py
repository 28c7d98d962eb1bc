"""The simulated organisation: who is in it, what they run, how they back it up, and what goes wrong.

    management    the landing zone; a vault's policy and a plan that cannot be read
    central       vaults that the others copy into, one as it should be, four with something wrong
    production    everything in order (gold), almost in order (standard), and copies gone wrong
    development   weekly for a week; Aurora not opted in; corners that cannot be read
    acquired      the scanner's role is missing: nothing is known of it
    closed        suspended

What proves protection in them, and governs it, is planted next (`assurance`), then every type of resource
(`breadth`), and last what befell some of it (`mishaps`).

It is the same for the same seed, byte for byte: ids, ARNs, dates and order.
"""

from moto.moto_api._internal import mock_random

from scanner.demo import accounts, assurance, central, development, management, mishaps, production
from scanner.demo.accounts import MANAGEMENT, REGIONS, Estate
from scanner.demo.breadth.plant import plant_every_type
from scanner.demo.clock import ago, standing_at
from scanner.demo.estate.identity import SCANNER_ROLE as ROLE_NAME
from scanner.demo.front import Front

__all__ = ["MANAGEMENT", "REGIONS", "ROLE_NAME", "build"]


def build(front: Front, seed: int) -> None:
    """Plant the organisation behind `front`. Moto must be empty."""
    mock_random.seed(seed)
    estate = Estate(front)
    with standing_at(ago(days=500)):
        organization_id = accounts.found(estate)
        vaults = central.plant(estate, organization_id)
    management.plant(estate, vaults)
    planted = production.plant(estate, vaults)
    development.plant(estate, vaults)
    assurance.plant(estate, organization_id, planted)
    plant_every_type(estate, vaults, planted)
    mishaps.plant(estate, planted)
    accounts.allow_scan(estate)

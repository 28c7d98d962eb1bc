"""The simulated organisation: who is in it, what they run, how they back it up, and what goes wrong.

    management    the landing zone; a vault's policy and a plan that cannot be read
    central       vaults that the others copy into, one as it should be, four with something wrong
    production    everything in order (gold), almost in order (standard), and copies gone wrong
    development   weekly for a week; Aurora not opted in; corners that cannot be read
    acquired      the scanner's role is missing: nothing is known of it
    closed        suspended

What proves protection in them, and governs it, is planted next (`assurance`), then every type of resource
that AWS Backup supports (`other_services`, `other_regions`, `forgotten`; last, so that what was there keeps
its ids), and at the end what befell some of it (`mishaps`).

It is the same for the same seed, byte for byte: ids, ARNs, dates and order.
"""

from moto.moto_api._internal import mock_random

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate.identity import SCANNER_ROLE as ROLE_NAME
from scanner.demo.server.front import Front
from scanner.demo.story import (
    accounts,
    assurance,
    central,
    development,
    management,
    mishaps,
    other_regions,
    other_services,
    production,
)
from scanner.demo.story.accounts import IRELAND, MANAGEMENT, PRODUCTION, REGIONS, Estate
from scanner.demo.story.central import Central
from scanner.demo.story.production import Production

__all__ = ["MANAGEMENT", "REGIONS", "ROLE_NAME", "build"]


def build(front: Front, seed: int) -> None:
    """Plant the organisation behind `front`. Moto must be empty."""
    # Moto draws all ids from here: whatever is planted earlier shifts those that come later.
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
    # Last, as the policies name no resource, and new ids here must not shift any others.
    accounts.allow_scan(estate)
    accounts.know_backup_policies(estate)


def plant_every_type(estate: Estate, central: Central, production: Production) -> None:
    """Every type, in every account that has a workload of its own."""
    site = estate.at(PRODUCTION, IRELAND)
    with standing_at(ago(days=340)):
        protected = other_services.plant(site, central, production)
        other_services.plant_partners(site, central, production)
        other_regions.plant_stacks(site, production)
        other_services.plant_forgotten(site, str(production.resources.ledger.key))
        other_regions.plant(estate)
        other_services.plant_secrets(site, production, protected)

"""Plants all of it."""

from scanner.demo.accounts import IRELAND, PRODUCTION, Estate
from scanner.demo.breadth import elsewhere, forgotten, gold, partners, secrets, stacks
from scanner.demo.central import Central
from scanner.demo.clock import ago, standing_at
from scanner.demo.production import Production


def plant_every_type(estate: Estate, central: Central, production: Production) -> None:
    """Every type, in every account that has a workload of its own."""
    site = estate.at(PRODUCTION, IRELAND)
    with standing_at(ago(days=340)):
        protected = gold.plant(site, central, production)
        partners.plant(site, central, production)
        stacks.plant(site, production)
        forgotten.plant(site, str(production.resources.ledger.key))
        elsewhere.plant(estate)
        secrets.plant(site, production, protected)

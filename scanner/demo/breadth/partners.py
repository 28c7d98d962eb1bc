"""Production in Ireland: under AWS managed keys, with copies into the central account that cannot arrive."""

from scanner.demo.central import Central
from scanner.demo.estate import clusters, history
from scanner.demo.estate.keys import aws_key
from scanner.demo.estate.plans import Copy, Rule, plan, select, tagged
from scanner.demo.estate.site import Resource, Site
from scanner.demo.production import Production
from scanner.demo.services import fsx, redshift
from scanner.demo.services.stock import Sketch

_TAGS = {"tier": "partners", "owner": "partners"}
_NIGHTS = (3.0, 27.0)  # hours before the demo's clock


def plant(site: Site, central: Central, production: Production) -> None:
    """Two kinds that could be copied under another key, and one that never can."""
    chosen = (
        fsx.file_system(site.stock, Sketch("render-farm", _TAGS, aws_key(site, "fsx")), "LUSTRE"),
        clusters.cluster(site, Sketch("partner-orders", _TAGS, aws_key(site, "rds")), "aurora-mysql"),
        redshift.cluster(site.stock, Sketch("partner-reports", _TAGS, aws_key(site, "redshift"))),
    )
    rule = Rule("nightly", "cron(0 3 ? * * *)", production.vaults.standard, 35, (Copy(central.good.arn, 35),))
    nightly = plan(site, "production-partners", production.role, rule)
    select(nightly, "tier-partners", ListOfTags=tagged("tier", "partners"))
    for resource in chosen:
        for point in history.back_up(resource, nightly.rules["nightly"], *_NIGHTS):
            _turn_away(point, resource, central)


def _turn_away(point: history.Point, resource: Resource, central: Central) -> None:
    if resource.type == "Redshift":
        message, category = "Feature is not supported for provided resource type.", "UNSUPPORTED_OPERATION"
    else:
        message = "Copying a snapshot encrypted with an AWS managed key to another account is not supported."
        category = "KMS_KEY_ERROR"
    history.fail_copy(point, central.good.arn, 35, message, category)

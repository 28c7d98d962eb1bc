"""Production in Ireland: CloudFormation stacks, one protected with all that is in it."""

from scanner.demo.canaries import CANARIES
from scanner.demo.estate import databases, history
from scanner.demo.estate.plans import Copy, Rule, plan, select
from scanner.demo.estate.site import Site
from scanner.demo.production import Production
from scanner.demo.services import cloudformation
from scanner.demo.services.cloudformation import Texts
from scanner.demo.services.stock import Sketch

STACK_TAG = "aws:cloudformation:stack-id"
"""The tag that CloudFormation gives to what a stack makes."""


def plant(site: Site, production: Production) -> None:
    """A stack with a nested one and a table; others that nobody protects, or that are on their way."""
    stock = site.stock
    root = cloudformation.stack(stock, Sketch("shop", {"owner": "web"}), _texts())
    cloudformation.stack(stock, Sketch("shop-Database-1A2B3C4D"), _texts(), root)
    table = databases.table(site, "shop-baskets", {STACK_TAG: root.arn})
    cloudformation.holds(stock, root, "AWS::DynamoDB::Table", "Baskets", table.name)
    cloudformation.stack(stock, Sketch("monitoring", {"owner": "web"}), Texts("<b>Dashboards</b> & alarms"))
    cloudformation.stack(stock, Sketch("old-shop", state="DELETE_IN_PROGRESS"))
    cloudformation.stack(stock, Sketch("next-shop", state="REVIEW_IN_PROGRESS"))
    cloudformation.stack(stock, Sketch("first-shop", state="DELETE_COMPLETE"))
    disaster = production.vaults.disaster
    rule = Rule("nightly", "cron(0 1 ? * * *)", production.vaults.gold, 35, (Copy(disaster.arn, 35),))
    nightly = plan(site, "production-stacks", production.role, rule)
    select(nightly, "shop", Resources=[root.arn])
    for point in history.back_up(root, nightly.rules["nightly"], 5.0, 29.0, IsParent=True):
        history.copy(point, disaster, 35)


def _texts() -> Texts:
    """A template whose author took no care: a password goes in, and another comes out."""
    return Texts(
        "The shop",
        {"DatabasePassword": CANARIES["stack parameter"], "InstanceCount": "3"},
        {"AdminPassword": CANARIES["stack output"], "Url": "https://shop.example.com"},
        {"ApiKey": CANARIES["stack parameter, resolved"]},
    )

"""The other Regions of production, the other accounts, and CloudFormation stacks.

There is a stack with a nested one and a table, and there are stacks that nothing protects.
"""

from scanner.demo.estate import history, workloads
from scanner.demo.estate.keys import aws_key
from scanner.demo.estate.plans import Copy, Rule, plan, select
from scanner.demo.estate.site import Site
from scanner.demo.services import (
    backupgateway,
    cloudformation,
    dsql,
    eks,
    fsx,
    redshift,
    redshiftserverless,
    storagegateway,
    timestream,
)
from scanner.demo.services.cloudformation import Texts
from scanner.demo.services.stock import Sketch
from scanner.demo.story.accounts import (
    DEVELOPMENT,
    FRANKFURT,
    IRELAND,
    MANAGEMENT,
    MILAN,
    PRODUCTION,
    VIRGINIA,
    Estate,
)
from scanner.demo.story.other_services import CANARIES
from scanner.demo.story.production import Production

_DEV = {"env": "dev", "owner": "platform"}
_INTEGRATION = {"env": "integration"}

STACK_TAG = "aws:cloudformation:stack-id"
"""The tag that CloudFormation gives to what a stack makes."""


def plant(estate: Estate) -> None:
    """Little of each type; existing plans select it, or almost."""
    _production_frankfurt(estate.at(PRODUCTION, FRANKFURT))
    _production_virginia(estate.at(PRODUCTION, VIRGINIA))
    _production_milan(estate.at(PRODUCTION, MILAN))
    _development_ireland(estate.at(DEVELOPMENT, IRELAND))
    _development_frankfurt(estate.at(DEVELOPMENT, FRANKFURT))
    workloads.cluster(estate.at(DEVELOPMENT, VIRGINIA), Sketch("load-graph", {"env": "load"}), "neptune")
    stacks = estate.at(MANAGEMENT, IRELAND).stock
    cloudformation.stack(stacks, Sketch("landing-zone-guardrails", {"owner": "cloud"}))


def _production_frankfurt(site: Site) -> None:
    """Resources selected by the team's name; their copies go to an unreadable account, or cannot be made."""
    dsql.cluster(site.stock, Sketch("analytics-sql", {"team": "analytics-eu"}))
    redshift.cluster(site.stock, Sketch("analytics-warehouse", {"team": "analytics-us"}))
    workloads.cluster(site, Sketch("campaigns", {"team": "marketing"}), "neptune")


def _production_virginia(site: Site) -> None:
    """Selected are all but env=test, once a month, with a copy to Frankfurt."""
    stock, key = site.stock, aws_key(site, "fsx")
    fsx.file_system(stock, Sketch("edge-builds", {}, key), "OPENZFS")
    redshift.cluster(stock, Sketch("edge-warehouse"))
    eks.cluster(stock, Sketch("edge-test-cluster", {"env": "test"}))
    vcenter = backupgateway.hypervisor(stock, "vcenter-ashburn")
    backupgateway.virtual_machine(stock, vcenter, Sketch("edge-router", {"env": "production"}))


def _production_milan(site: Site) -> None:
    """A Region that only this account has enabled, without backups."""
    workloads.volume(site, "milan-office", {"owner": "sales"})
    workloads.cluster(site, Sketch("milan-sales", {"owner": "sales"}, aws_key(site, "rds")), "aurora-mysql")
    eks.cluster(site.stock, Sketch("milan-kiosk"))


def _development_ireland(site: Site) -> None:
    """Weekly, with a copy into the central account; volumes of gateways are not opted in."""
    site.backup.opt_in["Storage Gateway"] = False
    stock = site.stock
    gateway = storagegateway.gateway(stock, "development-gateway")
    storagegateway.volume(stock, gateway, Sketch("development-disk", _DEV))
    redshiftserverless.namespace(stock, Sketch("development-queries", _DEV))
    timestream.table(
        stock, timestream.database(stock, "ci", aws_key(site, "timestream")), Sketch("runs", _DEV)
    )
    output = {"Token": CANARIES["stack output"]}
    cloudformation.stack(stock, Sketch("ci-runners"), Texts(outputs=output))


def _development_frankfurt(site: Site) -> None:
    """Selected by a tag, or even by its ARN; but the opt-in of its type is off, and decides."""
    # For FSx the opt-in counts even where the exact ARN is selected (AWS Backup, "Assigning resources").
    site.backup.opt_in |= dict.fromkeys(("DocumentDB", "EKS", "FSx"), False)
    stock = site.stock
    workloads.cluster(site, Sketch("integration-documents", _INTEGRATION), "docdb")
    eks.cluster(stock, Sketch("integration-cluster", _INTEGRATION))
    named = fsx.file_system(stock, Sketch("integration-scratch", {}, aws_key(site, "fsx")), "LUSTRE")
    vcenter = backupgateway.hypervisor(stock, "vcenter-frankfurt")
    backupgateway.virtual_machine(stock, vcenter, Sketch("integration-machine", _INTEGRATION))
    # The only plan there: `development` has planted it.
    (listed,) = site.do("backup", "ListBackupPlans")["BackupPlansList"]
    selections = site.do("backup", "ListBackupSelections", BackupPlanId=listed["BackupPlanId"])
    role = selections["BackupSelectionsList"][0]["IamRoleArn"]
    body = {"SelectionName": "scratch-by-arn", "IamRoleArn": role, "Resources": [named.arn]}
    site.do("backup", "CreateBackupSelection", BackupPlanId=listed["BackupPlanId"], BackupSelection=body)


def plant_stacks(site: Site, production: Production) -> None:
    """A stack with a nested one and a table; others that no plan covers, or that are being created."""
    stock = site.stock
    root = cloudformation.stack(stock, Sketch("shop", {"owner": "web"}), _texts())
    cloudformation.stack(stock, Sketch("shop-Database-1A2B3C4D"), _texts(), root)
    # AWS Backup covers what a stack made together with the stack; the tag is how a scan knows.
    table = workloads.table(site, "shop-baskets", {STACK_TAG: root.arn})
    cloudformation.holds(stock, root, "AWS::DynamoDB::Table", "Baskets", table.name)
    cloudformation.stack(stock, Sketch("monitoring", {"owner": "web"}), Texts("<b>Dashboards</b> & alarms"))
    cloudformation.stack(stock, Sketch("old-shop", state="DELETE_IN_PROGRESS"))
    # A stack in review exists for its first change set only, and has no resources.
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

"""Composite and rare shapes (facts 3.4): what is the unit of backup, and what a plan of one Region covers."""

from typing import Any, Final

from tests.contract.world import FAIL, IN_PLAN, PASS, Truth
from tests.fakes.bundles import FAR, REGION, BundleBuilder, ShardScript, instance_arn, rule, volume_arn

ACCOUNT: Final = "111111111111"
Terms = dict[str, Any]


def arn(service: str, name: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


def _cluster(shard: ShardScript, name: str, engine: str, *members: str, **row: Any) -> str:
    """Add a DB cluster with its instances, which DescribeDBInstances lists as well; return its ARN."""
    cluster = arn("rds", f"cluster:{name}", shard.region)
    rows = [{"DBInstanceIdentifier": member} for member in members]
    told = {"DBClusterIdentifier": name, "DBClusterArn": cluster, "Engine": engine, "Status": "available"}
    shard.listed(
        "rds:DescribeDBClusters", {**told, "DBClusterMembers": rows, "StorageEncrypted": True, **row}
    )
    for member in members:
        instance = {"DBInstanceArn": arn("rds", f"db:{member}", shard.region), "DBClusterIdentifier": name}
        shard.listed(
            "rds:DescribeDBInstances", {**instance, "DBInstanceIdentifier": member, "Engine": engine}
        )
    return cluster


def _plan(shard: ShardScript, terms: Terms) -> None:
    shard.vault("main").plan("p", rules=[rule()], selections=[terms])


def multi_az(bundle: BundleBuilder) -> Truth:
    """Check a Multi-AZ DB cluster: `db:*` takes stand-alone instances only, and members are no subjects."""
    shard = bundle.shard(page=4)
    cluster = _cluster(shard, "bookings", "mysql", "bookings-1", "bookings-2", "bookings-3")
    single = {"DBInstanceArn": arn("rds", "db:single"), "Engine": "mysql", "DBInstanceStatus": "available"}
    shard.listed("rds:DescribeDBInstances", single)
    _plan(shard, {"Resources": ["arn:aws:rds:*:*:db:*"]})
    return {(IN_PLAN, cluster): FAIL, (IN_PLAN, arn("rds", "db:single")): PASS}


def multi_az_by_arn(bundle: BundleBuilder) -> Truth:
    """Check a Multi-AZ DB cluster that a selection names, and one that the ARN of a member leaves out."""
    shard = bundle.shard(page=4)
    named = _cluster(shard, "named", "postgres", "named-1")
    member = _cluster(shard, "by-member", "postgres", "by-member-1")
    _plan(shard, {"Resources": [named, arn("rds", "db:by-member-1")]})
    return {(IN_PLAN, named): PASS, (IN_PLAN, member): FAIL}


def global_database(bundle: BundleBuilder) -> Truth:
    """Check an Aurora global database: a backup of the primary's Region is none of the secondary's."""
    shared = {"GlobalClusterIdentifier": "ledger", "GlobalWriteForwardingStatus": "disabled"}
    near, far = bundle.shard(), bundle.shard(region=FAR)
    primary = _cluster(near, "ledger-1", "aurora-postgresql", "ledger-1-a", **shared)
    secondary = _cluster(far, "ledger-2", "aurora-postgresql", "ledger-2-a", **shared)
    _plan(near, {"Resources": [primary, secondary]})  # a plan acts in its own Region only
    return {(IN_PLAN, primary): PASS, (IN_PLAN, secondary): FAIL}


def _dsql(shard: ShardScript, peer: str) -> str:
    here = arn("dsql", "cluster/c", shard.region)
    shard.listed("dsql:ListClusters", {"identifier": "c", "arn": here})
    properties = {"witnessRegion": "us-east-1", "clusters": [here, arn("dsql", "cluster/c", peer)]}
    told = {
        "identifier": "c",
        "arn": here,
        "status": "ACTIVE",
        "multiRegionProperties": properties,
        "tags": {},
    }
    shard.call("dsql:GetCluster", told, identifier="c")
    return here


def dsql_multi_region(bundle: BundleBuilder) -> Truth:
    """Check a multi-Region DSQL cluster: each Region needs a backup of its own."""
    near, far = bundle.shard().settings(DSQL=True), bundle.shard(region=FAR).settings(DSQL=True)
    here, there = _dsql(near, FAR), _dsql(far, REGION)
    _plan(near, {"Resources": ["*"]})
    return {(IN_PLAN, here): PASS, (IN_PLAN, there): FAIL}


def hana_tenants(bundle: BundleBuilder) -> Truth:
    """Check HANA: the system database and each tenant are backed up one by one."""
    shard = bundle.shard(page=4)
    databases = {name: arn("ssm-sap", f"HANA/ERP/DB/{name}") for name in ("SYSTEMDB", "PRD", "QAS")}
    for name, database in databases.items():
        kind = "SYSTEM" if name == "SYSTEMDB" else "TENANT"
        row = {"DatabaseId": name, "DatabaseType": kind, "Arn": database, "Tags": {}}
        shard.listed("ssm-sap:ListDatabases", row)
        shard.call("ssm-sap:GetDatabase", {"Database": {**row, "Status": "RUNNING"}}, DatabaseArn=database)
    _plan(shard, {"Resources": [databases["PRD"]]})
    verdicts = {"SYSTEMDB": FAIL, "PRD": PASS, "QAS": FAIL}
    return {(IN_PLAN, databases[name]): verdict for name, verdict in verdicts.items()}


def eks_clusters(bundle: BundleBuilder) -> Truth:
    """Check EKS: the cluster is covered; its nodes and their volumes are judged by themselves."""
    shard = bundle.shard(page=4).settings(EKS=True)
    tags = {"kubernetes.io/cluster/shop": "owned"}
    cluster, other = arn("eks", "cluster/shop"), arn("eks", "cluster/lab")
    for name, each in (("shop", cluster), ("lab", other)):
        shard.listed("eks:ListClusters", name)
        told = {"name": name, "arn": each, "status": "ACTIVE", "tags": {}}
        shard.call("eks:DescribeCluster", {"cluster": told}, name=name)
    attached = [{"InstanceId": "i-node", "State": "attached"}]
    shard.instance("i-node", tags).volume("vol-claim", tags, Attachments=attached)
    _plan(shard, {"Resources": [cluster]})
    return {
        (IN_PLAN, cluster): PASS,
        (IN_PLAN, other): FAIL,
        (IN_PLAN, instance_arn("i-node")): FAIL,
        (IN_PLAN, volume_arn("vol-claim")): FAIL,  # which volumes its backup holds is not read: a limitation
    }


def stacks(bundle: BundleBuilder) -> Truth:
    """Check stacks: nested stacks and parts come with the parent, but for what is excluded."""
    shard = bundle.shard(page=5)
    shop, inner, lone = (arn("cloudformation", f"stack/{name}/1") for name in ("shop", "shop-inner", "lone"))
    for stack, parent in ((shop, None), (inner, shop), (lone, None)):
        above = {"ParentId": parent, "RootId": parent} if parent else {}
        name = stack.split("/")[1]
        shard.listed(
            "cloudformation:DescribeStacks",
            {"StackId": stack, "StackName": name, "StackStatus": "CREATE_COMPLETE", "Tags": [], **above},
        )
    of = "aws:cloudformation:stack-id"
    shard.volume("vol-inner", {of: inner}).volume("vol-out", {of: shop}).volume("vol-lone", {of: lone})
    _plan(shard, {"Resources": [shop, volume_arn("vol-lone")], "NotResources": [volume_arn("vol-out")]})
    return {
        (IN_PLAN, shop): PASS,
        (IN_PLAN, inner): PASS,
        (IN_PLAN, volume_arn("vol-inner")): PASS,
        (IN_PLAN, volume_arn("vol-out")): FAIL,
        (IN_PLAN, volume_arn("vol-lone")): PASS,
        (IN_PLAN, lone): FAIL,  # there is no inheritance upwards
    }


ALL: Final = (
    multi_az,
    multi_az_by_arn,
    global_database,
    dsql_multi_region,
    hana_tenants,
    eks_clusters,
    stacks,
)

"""From a name in planted.yaml to the subject of a finding: the ARNs of what a walk saw."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from scanner.demo.accounts import MANAGEMENT, MEMBERS

Document = dict[str, Any]

ACCOUNTS = {"management": MANAGEMENT, **{member.name: member.id for member in MEMBERS}}


@dataclass
class Names:
    """The ARNs of what a walk saw, by account, Region and name."""

    walk: Any
    arns: dict[tuple[str, str, str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, answer in self.walk.answers.items():
            if not isinstance(answer, str):
                self._read(key[0], key[1], key[3], answer)

    def subject(self, control: str, text: str) -> str:
        """The subject of a finding, from "account/Region/name"."""
        account, region, name = text.split("/", 2)
        number = ACCOUNTS[account]
        if control == "account-region-assessed":
            return f"aws:account-region:{number}/{region}"
        kind = control.split("-", 1)[0]
        if kind != "copy":
            return self.arns[number, region, kind, name]
        rule, destination = name.split(" -> ")
        return self.arns[number, region, "copy", f"{rule} -> {destination}"]

    def _read(self, account: str, region: str, operation: str, answer: Document) -> None:
        for kind, name, arn in (*_named(account, region, operation, answer), *_newly_named(answer)):
            self.arns.setdefault((account, region, kind, name), arn)


def _named(account: str, region: str, operation: str, answer: Document) -> Iterator[tuple[str, str, str]]:
    """Kind, name and ARN of what an answer speaks of."""
    here = f"{region}:{account}"
    yield from _computers(here, answer)
    for kind, name, arn, items in _SELF_NAMED:
        for one in answer.get(items, []):
            if name in one and arn in one:
                yield kind, one[name], one[arn]
    for table in answer.get("TableNames", []):
        yield "resource", table, f"arn:aws:dynamodb:{here}:table/{table}"
    for bucket in answer.get("Buckets", []):
        if bucket["BucketRegion"] == region:
            yield "resource", bucket["Name"], f"arn:aws:s3:::{bucket['Name']}"
    if operation == "ListRecoveryPointsByBackupVault":
        for point in answer["RecoveryPoints"]:
            yield (
                "recovery",
                f"{point['BackupVaultName']}/{point['ResourceName']}",
                point["RecoveryPointArn"],
            )
    if operation == "GetBackupPlan":
        yield from _copy_actions(answer)


def _computers(here: str, answer: Document) -> Iterator[tuple[str, str, str]]:
    """Instances and volumes of EC2, which are named by a tag."""
    for reservation in answer.get("Reservations", []):
        for instance in reservation["Instances"]:
            yield "resource", _tag(instance), f"arn:aws:ec2:{here}:instance/{instance['InstanceId']}"
    for volume in answer.get("Volumes", []):
        if "ResourceARN" not in volume:  # an EBS volume, and not one of FSx
            yield "resource", _tag(volume), f"arn:aws:ec2:{here}:volume/{volume['VolumeId']}"


def _newly_named(answer: Document) -> Iterator[tuple[str, str, str]]:
    """Names of resources that have one in a tag only, or in two parts."""
    for system in answer.get("FileSystems", []):
        if "ResourceARN" in system:
            yield "resource", _tag(system), system["ResourceARN"]
    for mapping in answer.get("ResourceTagMappingList", []):
        if ":storagegateway:" in mapping["ResourceARN"]:
            yield "resource", _tag(mapping), mapping["ResourceARN"]
    if "identifier" in answer:
        yield "resource", answer["tags"]["Name"], answer["arn"]
    for table in answer.get("Tables", []):
        yield "resource", f"{table['DatabaseName']}/{table['TableName']}", table["Arn"]
    if "cluster" in answer:
        yield "resource", answer["cluster"]["name"], answer["cluster"]["arn"]
    for cluster in answer.get("Clusters", []):
        arn = cluster["ClusterNamespaceArn"].partition(":namespace:")[0]
        yield "resource", cluster["ClusterIdentifier"], f"{arn}:cluster:{cluster['ClusterIdentifier']}"


_SELF_NAMED = (
    ("resource", "DBInstanceIdentifier", "DBInstanceArn", "DBInstances"),
    ("resource", "DBClusterIdentifier", "DBClusterArn", "DBClusters"),
    ("resource", "Name", "FileSystemArn", "FileSystems"),
    ("resource", "Name", "ResourceARN", "Volumes"),
    ("resource", "namespaceName", "namespaceArn", "namespaces"),
    ("resource", "Name", "ResourceArn", "VirtualMachines"),
    ("resource", "StackName", "StackId", "Stacks"),
    ("resource", "DatabaseId", "Arn", "Databases"),
    ("vault", "BackupVaultName", "BackupVaultArn", "BackupVaultList"),
    ("plan", "BackupPlanName", "BackupPlanArn", "BackupPlansList"),
)


def _copy_actions(plan: Document) -> Iterator[tuple[str, str, str]]:
    for rule in plan["BackupPlan"]["Rules"]:
        for copy in rule.get("CopyActions", []):
            arn = copy["DestinationBackupVaultArn"]
            name = f"{plan['BackupPlan']['BackupPlanName']}/{rule['RuleName']} -> {arn.rpartition(':')[2]}"
            yield "copy", name, f"{plan['BackupPlanArn']}#{rule['RuleId']}->{arn}"


def _tag(described: Document) -> str:
    return str(next((tag["Value"] for tag in described.get("Tags", []) if tag["Key"] == "Name"), ""))

"""From a name in planted.yaml to the subject of a finding: the ARNs of what a walk saw."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scanner.demo.story.accounts import MANAGEMENT, MEMBERS
from scanner.evaluate.controls.loader import load_controls

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
        for key, answer in self.walk.answers.items():
            if key[3] == "ListBackupSelections" and not isinstance(answer, str):
                self._read_selections(key[0], key[1], answer)

    def subject(self, control: str, text: str) -> str:
        """The subject of a finding, from "account/Region/name"; an account is its name alone."""
        kind = _subjects()[control]
        if kind == "account":
            return f"aws:account:{ACCOUNTS[text]}"
        account, region, name = text.split("/", 2)
        if kind == "account_region":
            return f"aws:account-region:{ACCOUNTS[account]}/{region}"
        return self.arns[ACCOUNTS[account], region, _KINDS.get(kind, kind), name]

    def _read(self, account: str, region: str, operation: str, answer: Document) -> None:
        for kind, name, arn in (*_named(account, region, operation, answer), *_newly_named(answer)):
            self.arns.setdefault((account, region, kind, name), arn)

    def _read_selections(self, account: str, region: str, answer: Document) -> None:
        """Selections of a plan; they tell its id, and the plans tell whose it is."""
        for selection in answer["BackupSelectionsList"]:
            plan = self._plan(account, region, selection["BackupPlanId"])
            arn = self.arns[account, region, "plan", plan]
            key = account, region, "selection", f"{plan}/{selection['SelectionName']}"
            self.arns.setdefault(key, f"{arn}#{selection['SelectionId']}")

    def _plan(self, account: str, region: str, plan_id: str) -> str:
        return next(
            name
            for (*where, kind, name), arn in self.arns.items()
            if where == [account, region] and kind == "plan" and arn.endswith(f":{plan_id}")
        )


@cache
def _subjects() -> dict[str, str]:
    """What each control is asked of, by its id."""
    return {control.id: control.subject for control in load_controls()}


_KINDS = {"copy_action": "rule", "recovery_point": "recovery"}
"""Rules and their copy actions are told apart by their names."""


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
        yield from _points(answer)
    if operation == "GetBackupPlan":
        yield from _rules(answer)


def _points(answer: Document) -> Iterator[tuple[str, str, str]]:
    """Recovery points of a vault by their resource, and by what tells them apart."""
    for point in answer["RecoveryPoints"]:
        name = f"{point['BackupVaultName']}/{point['ResourceName']}"
        for label in ("", *_labels(point)):
            yield "recovery", f"{name} {label}".strip(), point["RecoveryPointArn"]


def _labels(point: Document) -> Iterator[str]:
    """What tells a recovery point apart from others of its resource in its vault."""
    yield point["Status"]
    if "AggregatedScanResult" in point:
        yield from point["AggregatedScanResult"]["Findings"] or ["scanned"]


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


def _rules(plan: Document) -> Iterator[tuple[str, str, str]]:
    """The rules of a plan, and their copy actions."""
    for rule in plan["BackupPlan"]["Rules"]:
        name = f"{plan['BackupPlan']['BackupPlanName']}/{rule['RuleName']}"
        arn = f"{plan['BackupPlanArn']}#{rule['RuleId']}"
        yield "rule", name, arn
        for copy in rule.get("CopyActions", []):
            destination = copy["DestinationBackupVaultArn"]
            yield "rule", f"{name} -> {destination.rpartition(':')[2]}", f"{arn}->{destination}"


def _tag(described: Document) -> str:
    return str(next((tag["Value"] for tag in described.get("Tags", []) if tag["Key"] == "Name"), ""))

"""One simulated organisation for the whole session, and a walk through every call that a scan makes."""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from scanner.demo.command import run_scan, scan_arguments
from scanner.demo.serve import Demo, serve
from scanner.demo.story.accounts import MILAN, READABLE, REGIONS, SHARDS
from scanner.demo.wire.call import Call
from scanner.report.write import FORMATS
from tests.demo.naming import Names

Document = dict[str, Any]
Key = tuple[str, str, str, str, str]
"""Account, Region, service, operation, parameters."""


_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=32)

_SESSION: Any = boto3.Session()  # one, since each reads the models of its services anew


def make_client(service: str, region: str, endpoint: str, **keys: str) -> Any:
    """A boto3 client that tries once."""
    return _SESSION.client(service, region_name=region, endpoint_url=endpoint, config=_CONFIG, **keys)


# Lists of one account in one Region: service, operation, names of the input and output token, the list.
LISTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("ec2", "DescribeInstances", "NextToken", "NextToken", "Reservations"),
    ("ec2", "DescribeVolumes", "NextToken", "NextToken", "Volumes"),
    ("rds", "DescribeDBInstances", "Marker", "Marker", "DBInstances"),
    ("rds", "DescribeDBClusters", "Marker", "Marker", "DBClusters"),
    ("dynamodb", "ListTables", "ExclusiveStartTableName", "LastEvaluatedTableName", "TableNames"),
    ("efs", "DescribeFileSystems", "Marker", "NextMarker", "FileSystems"),
    ("s3", "ListBuckets", "ContinuationToken", "ContinuationToken", "Buckets"),
    ("kms", "ListAliases", "Marker", "NextMarker", "Aliases"),
    (
        "resourcegroupstaggingapi",
        "GetResources",
        "PaginationToken",
        "PaginationToken",
        "ResourceTagMappingList",
    ),
    ("backup", "ListBackupVaults", "NextToken", "NextToken", "BackupVaultList"),
    ("backup", "ListBackupPlans", "NextToken", "NextToken", "BackupPlansList"),
    ("backup", "ListProtectedResources", "NextToken", "NextToken", "Results"),
    ("backup", "ListBackupJobs", "NextToken", "NextToken", "BackupJobs"),
    ("backup", "ListCopyJobs", "NextToken", "NextToken", "CopyJobs"),
    ("backup", "ListRestoreJobs", "NextToken", "NextToken", "RestoreJobs"),
    ("backup", "ListRestoreTestingPlans", "NextToken", "NextToken", "RestoreTestingPlans"),
    ("backup", "ListLegalHolds", "NextToken", "NextToken", "LegalHolds"),
    ("backup", "ListFrameworks", "NextToken", "NextToken", "Frameworks"),
    ("backup", "ListReportPlans", "NextToken", "NextToken", "ReportPlans"),
    ("backup", "ListTieringConfigurations", "NextToken", "NextToken", "TieringConfigurations"),
    ("fsx", "DescribeFileSystems", "NextToken", "NextToken", "FileSystems"),
    ("fsx", "DescribeVolumes", "NextToken", "NextToken", "Volumes"),
    ("storagegateway", "ListGateways", "Marker", "Marker", "Gateways"),
    ("storagegateway", "ListVolumes", "Marker", "Marker", "VolumeInfos"),
    ("dsql", "ListClusters", "nextToken", "nextToken", "clusters"),
    ("redshift", "DescribeClusters", "Marker", "Marker", "Clusters"),
    ("redshift-serverless", "ListNamespaces", "nextToken", "nextToken", "namespaces"),
    ("timestream-write", "ListDatabases", "NextToken", "NextToken", "Databases"),
    ("timestream-write", "ListTables", "NextToken", "NextToken", "Tables"),
    ("backup-gateway", "ListHypervisors", "NextToken", "NextToken", "Hypervisors"),
    ("backup-gateway", "ListVirtualMachines", "NextToken", "NextToken", "VirtualMachines"),
    ("cloudformation", "DescribeStacks", "NextToken", "NextToken", "Stacks"),
    ("ssm-sap", "ListApplications", "NextToken", "NextToken", "Applications"),
    ("ssm-sap", "ListDatabases", "NextToken", "NextToken", "Databases"),
    ("eks", "ListClusters", "nextToken", "nextToken", "clusters"),
)

NOT_IN_MILAN = ("dsql", "timestream-write")
"""Services that have no endpoint there."""


@dataclass
class Walk:
    """Makes calls as an auditor would, and remembers each answer (or the error's code)."""

    demo: Demo
    answers: dict[Key, Document | str] = field(default_factory=dict)
    bodies: list[tuple[OperationModel, int, bytes]] = field(default_factory=list)
    _keys: dict[str, dict[str, str]] = field(default_factory=dict)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def keys(self, account: str) -> dict[str, str]:
        """Keys for the account, through the scanner's role; the management account's caller has its own."""
        if account not in self._keys:
            self._keys[account] = self._assume(account)
        return self._keys[account]

    def client(self, account: str, service: str, region: str) -> Any:
        """A boto3 client that talks to the simulation."""
        key = (account, service, region)
        if key not in self._clients:
            client = make_client(service, region, self.demo.endpoint, **self.keys(account))
            client.meta.events.register("before-parse", self._remember_body)
            self._clients[key] = client
        return self._clients[key]

    def _remember_body(self, operation_model: OperationModel, response_dict: Document, **_: Any) -> None:
        self.bodies.append((operation_model, response_dict["status_code"], response_dict["body"]))

    def call(self, account: str, region: str, service: str, operation: str, **parameters: Any) -> Document:
        """One call; an error counts as an empty answer, its code is remembered."""
        client = self.client(account, service, region)
        key = (account, region, service, operation, repr(sorted(parameters.items())))
        try:
            answer: Document = client._make_api_call(operation, parameters)
        except ClientError as error:
            self.answers[key] = str(error.response["Error"]["Code"])
            return {}
        metadata = answer.pop("ResponseMetadata")
        self.answers[key] = answer | {"RequestId": metadata["RequestId"]}
        return answer

    def every(self, account: str, region: str, *how: str, **parameters: Any) -> list[Any]:
        """Every element of a list, page after page; `how` as in LISTS."""
        service, operation, token, next_token, items = how
        found: list[Any] = []
        while True:
            page = self.call(account, region, service, operation, **parameters)
            found += page.get(items, [])
            if not page.get(next_token):
                return found
            parameters = {**parameters, token: page[next_token]}

    def _assume(self, account: str) -> dict[str, str]:
        environment = self.demo.environment()
        root = {name: environment[name.upper()] for name in ("aws_access_key_id", "aws_secret_access_key")}
        if account == self.demo.management_account:
            return root
        sts = make_client("sts", REGIONS[0], self.demo.endpoint, **root)
        role = f"arn:aws:iam::{account}:role/{self.demo.role_name}"
        given = sts.assume_role(RoleArn=role, RoleSessionName="audit")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def everything(self) -> "Walk":
        """Every call that a scan makes, on every account that can be read."""
        self.organisation()
        for account in READABLE:
            self.call(account, REGIONS[0], "sts", "GetCallerIdentity")
            self.call(account, REGIONS[0], "ec2", "DescribeRegions", AllRegions=True)
            self.call(account, REGIONS[0], "iam", "GetRole", RoleName="AWSBackupDefaultServiceRole")
            self.every(account, REGIONS[0], "iam", "ListRoles", "Marker", "Marker", "Roles")
            effective = {"PolicyType": "BACKUP_POLICY"}
            self.call(account, REGIONS[0], "organizations", "DescribeEffectivePolicy", **effective)
        for account, region in SHARDS:
            self.shard(account, region)
        return self

    def organisation(self) -> None:
        """The calls about the organisation, from its management account."""
        where = self.demo.management_account, "us-east-1"
        token = "NextToken", "NextToken"
        self.call(*where, "organizations", "DescribeOrganization")
        self.every(*where, "organizations", "ListAccounts", *token, "Accounts")
        self.every(*where, "organizations", "ListDelegatedAdministrators", *token, "DelegatedAdministrators")
        (root,) = self.every(*where, "organizations", "ListRoots", *token, "Roots")
        units = self.every(
            *where,
            "organizations",
            "ListOrganizationalUnitsForParent",
            *token,
            "OrganizationalUnits",
            ParentId=root["Id"],
        )
        for parent in (root, *units):
            listing = "ListAccountsForParent", *token, "Accounts"
            self.every(*where, "organizations", *listing, ParentId=parent["Id"])
        self.call(*where, "backup", "DescribeGlobalSettings")
        self._backup_policies(*where)

    def _backup_policies(self, account: str, region: str) -> None:
        """The organisation's backup policies, and what they hang on."""
        where, token = (account, region, "organizations"), ("NextToken", "NextToken")
        access = "ListAWSServiceAccessForOrganization"
        self.every(*where, access, *token, "EnabledServicePrincipals")
        invalid = "ListAccountsWithInvalidEffectivePolicy"
        self.every(*where, invalid, *token, "Accounts", PolicyType="BACKUP_POLICY")
        for policy in self.every(*where, "ListPolicies", *token, "Policies", Filter="BACKUP_POLICY"):
            self.call(*where, "DescribePolicy", PolicyId=policy["Id"])
            self.every(*where, "ListTargetsForPolicy", *token, "Targets", PolicyId=policy["Id"])

    def shard(self, account: str, region: str) -> None:
        """Every list of the shard, and the details of what it holds."""
        self.call(account, region, "backup", "DescribeRegionSettings")
        here = [how for how in LISTS if region != MILAN or how[0] not in NOT_IN_MILAN]
        found: dict[tuple[str, ...], list[Any]] = {}
        for how in here:
            found[how[:2]] = self.every(account, region, *how)
        # Two services may name their lists alike: the first of them is meant.
        lists = {operation: rows for (_, operation), rows in reversed(found.items())}
        self._backup_details(account, region, lists)
        self._details(account, region, found)
        self._assurance_details(account, region, lists)
        for name in lists["ListTables"]:
            table = self.call(account, region, "dynamodb", "DescribeTable", TableName=name)
            arn = table["Table"]["TableArn"]
            self.call(account, region, "dynamodb", "ListTagsOfResource", ResourceArn=arn)
        for bucket in lists["ListBuckets"]:
            if bucket["BucketRegion"] == region:
                for operation in (
                    "GetBucketTagging",
                    "GetBucketVersioning",
                    "GetBucketEncryption",
                    "GetBucketLocation",
                ):
                    self.call(account, region, "s3", operation, Bucket=bucket["Name"])
        for key in {alias["TargetKeyId"] for alias in lists["ListAliases"] if "TargetKeyId" in alias}:
            self.call(account, region, "kms", "DescribeKey", KeyId=key)
            self.call(account, region, "kms", "GetKeyPolicy", KeyId=key)

    def _details(self, account: str, region: str, found: Mapping[tuple[str, ...], list[Any]]) -> None:
        """What is described one by one, of the services that list little more than names."""
        where = account, region
        self.call(*where, "backup", "GetSupportedResourceTypes")
        for info in found["storagegateway", "ListVolumes"]:
            kind = "Stored" if info["VolumeType"].startswith("STORED") else "Cached"
            arns = [info["VolumeARN"]]
            self.call(*where, "storagegateway", f"Describe{kind}iSCSIVolumes", VolumeARNs=arns)
        for one in found.get(("dsql", "ListClusters"), []):
            self.call(*where, "dsql", "GetCluster", identifier=one["identifier"])
        for name in found["eks", "ListClusters"]:
            self.call(*where, "eks", "DescribeCluster", name=name)
        for database in found["ssm-sap", "ListDatabases"]:
            self.call(*where, "ssm-sap", "GetDatabase", DatabaseArn=database["Arn"])
        for stack in found["cloudformation", "DescribeStacks"]:
            listing = "ListStackResources", "NextToken", "NextToken", "StackResourceSummaries"
            self.every(*where, "cloudformation", *listing, StackName=stack["StackId"])

    def _backup_details(self, account: str, region: str, lists: Mapping[str, list[Any]]) -> None:
        token = "NextToken", "NextToken"
        for vault in lists["ListBackupVaults"]:
            name = vault["BackupVaultName"]
            self.call(account, region, "backup", "GetBackupVaultAccessPolicy", BackupVaultName=name)
            self.call(account, region, "backup", "GetBackupVaultNotifications", BackupVaultName=name)
            listing = "ListRecoveryPointsByBackupVault", *token, "RecoveryPoints"
            for point in self.every(account, region, "backup", *listing, BackupVaultName=name):
                if ":continuous:" in point["RecoveryPointArn"] and "AggregatedScanResult" in point:
                    which = {
                        "RecoveryPointArn": point["RecoveryPointArn"],
                        "BackupVaultName": name,
                        "ScanEndTime": point["AggregatedScanResult"]["LastComputed"],
                        "MalwareScanner": "GUARDDUTY",
                    }
                    self.call(account, region, "backup", "GetPITRMalwareScanResults", **which)
        for resource in lists["ListProtectedResources"]:
            arn = resource["ResourceArn"]
            self.call(account, region, "backup", "DescribeProtectedResource", ResourceArn=arn)
        for plan in lists["ListBackupPlans"]:
            plan_id = plan["BackupPlanId"]
            self.call(account, region, "backup", "GetBackupPlan", BackupPlanId=plan_id)
            listing = "ListBackupSelections", *token, "BackupSelectionsList"
            for selection in self.every(account, region, "backup", *listing, BackupPlanId=plan_id):
                which = {"BackupPlanId": plan_id, "SelectionId": selection["SelectionId"]}
                self.call(account, region, "backup", "GetBackupSelection", **which)

    def _assurance_details(self, account: str, region: str, lists: Mapping[str, list[Any]]) -> None:
        where = account, region, "backup"
        for vault in lists["ListBackupVaults"]:
            if vault["VaultType"] != "BACKUP_VAULT":
                self.call(*where, "DescribeBackupVault", BackupVaultName=vault["BackupVaultName"])
        for plan in lists["ListRestoreTestingPlans"]:
            which = {"RestoreTestingPlanName": plan["RestoreTestingPlanName"]}
            self.call(*where, "GetRestoreTestingPlan", **which)
            listing = "ListRestoreTestingSelections", "NextToken", "NextToken", "RestoreTestingSelections"
            for selection in self.every(*where, *listing, **which):
                name = {"RestoreTestingSelectionName": selection["RestoreTestingSelectionName"]}
                self.call(*where, "GetRestoreTestingSelection", **(which | name))
        for hold in lists["ListLegalHolds"]:
            which = {"LegalHoldId": hold["LegalHoldId"]}
            self.call(*where, "GetLegalHold", **which)
            listing = "ListRecoveryPointsByLegalHold", "NextToken", "NextToken", "RecoveryPoints"
            self.every(*where, *listing, **which)
        for framework in lists["ListFrameworks"]:
            self.call(*where, "DescribeFramework", FrameworkName=framework["FrameworkName"])
        for report in lists["ListReportPlans"]:
            self.call(*where, "DescribeReportPlan", ReportPlanName=report["ReportPlanName"])
        for tiering in lists["ListTieringConfigurations"]:
            name = {"TieringConfigurationName": tiering["TieringConfigurationName"]}
            self.call(*where, "GetTieringConfiguration", **name)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The organisation, served."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    for key in kept:
        del os.environ[key]
    with serve() as running:
        yield running
    os.environ.update(kept)


@pytest.fixture(scope="session")
def walk(demo: Demo) -> Walk:
    """Every answer of the simulation."""
    return Walk(demo).everything()


@dataclass(frozen=True)
class Scan:
    """One scan by the ordinary command: folder, findings, and the calls that reached the simulation."""

    folder: Path
    findings: tuple[Document, ...]
    calls: tuple[Call, ...]


@pytest.fixture(scope="session")
def scan(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """A scan of the organisation with every control and every format of report."""
    out = tmp_path_factory.mktemp("scanned") / "scan"
    arguments = scan_arguments(demo, out, ",".join(FORMATS), ["all"], quiet=True)
    with demo.log.listening() as calls:
        assert run_scan(arguments, demo.scrubbed(os.environ)) == 0
    lines = gzip.decompress((out / "findings.jsonl.gz").read_bytes()).splitlines()
    return Scan(out, tuple(map(json.loads, lines)), tuple(calls))


@pytest.fixture(scope="session")
def new_walk() -> Callable[[Demo], Walk]:
    """Make a walk through another server."""
    return Walk


@pytest.fixture(scope="session")
def clients() -> Callable[..., Any]:
    """Make a client with keys of one's own choice."""
    return make_client


@pytest.fixture
def walker(demo: Demo) -> Walk:
    """A walk that has not begun."""
    return Walk(demo)


@pytest.fixture(scope="session")
def planted(walk: Walk) -> list[tuple[str, str, str]]:
    """The table of planted.yaml: control, subject, expected status."""
    names = Names(walk)
    text = (Path(__file__).parent / "planted.yaml").read_text(encoding="utf-8")
    return [
        (control, names.subject(control, subject), status)
        for control, statuses in yaml.safe_load(text).items()
        for status, subjects in statuses.items()
        for subject in subjects
    ]

"""Tiny evidence bundles in the documented format, for tests that must not touch AWS.

    bundle = BundleBuilder(tmp_path)
    shard = bundle.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}]).volume("vol-1")
    facts = facts_of(bundle.write())

A shard is complete by itself: the lists that a test says nothing of are recorded as empty. `without(...)`
leaves a call out, `refuse(...)` turns its answer into AccessDenied.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import orjson

from scanner.evidence.answers import Answers
from scanner.evidence.bundle import Bundle
from scanner.evidence.lines import parse_line
from scanner.facts.build import FactsRequest, build_facts
from scanner.graph.control_plane import ControlPlane, summarise
from scanner.graph.cross_shard import LoadRows, load_spilled_rows, spilled_existing_resources, spilled_rows
from scanner.inventory.shard import parse_shard
from scanner.model.facts import Row
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.known import EvidenceRef
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.organizations import parse_organization

ACCOUNT, OTHER, MANAGEMENT = "111111111111", "222222222222", "999999999999"
REGION, FAR = "eu-west-1", "eu-central-1"
AS_OF = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
ORG_ID = "o-ours"

Line = dict[str, Any]
Lines = dict[str, list[Line]]
"""Evidence lines by file, without the suffix: `evidence/ACCOUNT/REGION`."""

TYPES = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3")

# operation: the answer's list, the parameter of the next page, the answer's token
LISTS: Mapping[str, tuple[str, str, str]] = {
    "backup:ListBackupPlans": ("BackupPlansList", "NextToken", "NextToken"),
    "backup:ListBackupVaults": ("BackupVaultList", "NextToken", "NextToken"),
    "backup:ListBackupJobs": ("BackupJobs", "NextToken", "NextToken"),
    "backup:ListCopyJobs": ("CopyJobs", "NextToken", "NextToken"),
    "backup:ListRestoreJobs": ("RestoreJobs", "NextToken", "NextToken"),
    "backup:ListFrameworks": ("Frameworks", "NextToken", "NextToken"),
    "backup:ListLegalHolds": ("LegalHolds", "NextToken", "NextToken"),
    "backup:ListProtectedResources": ("Results", "NextToken", "NextToken"),
    "backup:ListReportPlans": ("ReportPlans", "NextToken", "NextToken"),
    "backup:ListRestoreTestingPlans": ("RestoreTestingPlans", "NextToken", "NextToken"),
    "backup:ListRestoreTestingSelections": ("RestoreTestingSelections", "NextToken", "NextToken"),
    "backup:ListTieringConfigurations": ("TieringConfigurations", "NextToken", "NextToken"),
    "backup:ListBackupSelections": ("BackupSelectionsList", "NextToken", "NextToken"),
    "backup:ListRecoveryPointsByBackupVault": ("RecoveryPoints", "NextToken", "NextToken"),
    "backup-gateway:ListVirtualMachines": ("VirtualMachines", "NextToken", "NextToken"),
    "cloudformation:DescribeStacks": ("Stacks", "NextToken", "NextToken"),
    "dsql:ListClusters": ("clusters", "nextToken", "nextToken"),
    "dynamodb:ListTables": ("TableNames", "ExclusiveStartTableName", "LastEvaluatedTableName"),
    "ec2:DescribeInstances": ("Reservations", "NextToken", "NextToken"),
    "ec2:DescribeVolumes": ("Volumes", "NextToken", "NextToken"),
    "efs:DescribeFileSystems": ("FileSystems", "Marker", "NextMarker"),
    "eks:ListClusters": ("clusters", "nextToken", "nextToken"),
    "fsx:DescribeFileSystems": ("FileSystems", "NextToken", "NextToken"),
    "fsx:DescribeVolumes": ("Volumes", "NextToken", "NextToken"),
    "iam:ListRoles": ("Roles", "Marker", "Marker"),
    "kms:ListAliases": ("Aliases", "Marker", "NextMarker"),
    "organizations:ListAccounts": ("Accounts", "NextToken", "NextToken"),
    "rds:DescribeDBClusters": ("DBClusters", "Marker", "Marker"),
    "rds:DescribeDBInstances": ("DBInstances", "Marker", "Marker"),
    "redshift:DescribeClusters": ("Clusters", "Marker", "Marker"),
    "redshift-serverless:ListNamespaces": ("namespaces", "nextToken", "nextToken"),
    "resourcegroupstaggingapi:GetResources": (
        "ResourceTagMappingList",
        "PaginationToken",
        "PaginationToken",
    ),
    "s3:ListBuckets": ("Buckets", "ContinuationToken", "ContinuationToken"),
    "ssm-sap:ListDatabases": ("Databases", "NextToken", "NextToken"),
    "storagegateway:ListVolumes": ("VolumeInfos", "Marker", "Marker"),
    "timestream-write:ListDatabases": ("Databases", "NextToken", "NextToken"),
    "timestream-write:ListTables": ("Tables", "NextToken", "NextToken"),
}
_EVERY_SHARD = tuple(
    name
    for name in LISTS
    if not name.startswith(("iam", "organizations", "s3"))
    and not name.endswith(("Selections", "ByBackupVault"))
)


def stamp(hours_ago: float = 0.0) -> str:
    """Give an instant before the clock of the evaluation, as evidence writes it."""
    return (AS_OF - timedelta(hours=hours_ago)).isoformat().replace("+00:00", "Z")


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def vault_arn(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-vault:{name}"


def key_arn(key_id: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


def plan_arn(plan: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-plan:{plan}"


def volume_arn(volume: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:ec2:{region}:{account}:volume/{volume}"


def instance_arn(instance: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:ec2:{region}:{account}:instance/{instance}"


def table_arn(table: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:dynamodb:{region}:{account}:table/{table}"


def admits(account: str) -> str:
    """Give a vault's access policy that lets an account copy into it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def shares_key(*accounts: str) -> str:
    """Give a key policy that lets accounts do anything with the key."""
    roots = [f"arn:aws:iam::{account}:root" for account in accounts]
    statement = {"Effect": "Allow", "Principal": {"AWS": roots}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def rule(name: str = "daily", vault: str = "main", days: int | None = 35, **more: Any) -> dict[str, Any]:
    lifecycle = {} if days is None else {"Lifecycle": {"DeleteAfterDays": days}}
    return {
        "RuleId": f"rule-{name}",
        "RuleName": name,
        "TargetBackupVaultName": vault,
        "ScheduleExpression": "cron(0 5 ? * * *)",
        **lifecycle,
        **more,
    }


def copy_to(vault: str, days: int | None = None) -> dict[str, Any]:
    lifecycle = {} if days is None else {"Lifecycle": {"DeleteAfterDays": days}}
    return {"DestinationBackupVaultArn": vault, **lifecycle}


class ShardScript:
    """What one shard answers. Every method gives the script back, so that calls read as a list."""

    def __init__(self, account: str, region: str, page: int = 2) -> None:
        self.account, self.region, self.page = account, region, page
        self._rows: dict[tuple[str, tuple[tuple[str, str], ...]], list[Any]] = {}
        self._calls: list[Line] = []

    def call(
        self,
        name: str,
        /,
        response: Mapping[str, Any] | None = None,
        *,
        error: str = "",
        message: str = "no",
        at: str = "2026-11-22T17:00:00.000Z",
        **parameters: Any,
    ) -> Self:
        """Record one call: `name` is `service:Operation`."""
        service, _, operation = name.partition(":")
        line: Line = {"service": service, "operation": operation, "parameters": parameters, "at": at}
        if error:
            line["error"] = {"code": error, "message": message, "status": 403, "attempts": 1}
        else:
            line["response"] = dict(response or {})
        self._calls.append(line)
        return self

    def listed(self, name: str, *rows: Any, **parameters: str) -> Self:
        """Add rows to a list; the list is recorded even when there is none."""
        self._rows.setdefault((name, tuple(parameters.items())), []).extend(rows)
        return self

    def settings(self, *, managed: bool = True, incremental: bool | None = None, **opt_in: bool) -> Self:
        named = {} if incremental is None else {"ResourceTypeOptInIncremental": {"DynamoDB": incremental}}
        return self.call(
            "backup:DescribeRegionSettings",
            {
                "ResourceTypeOptInPreference": dict.fromkeys(TYPES, True) | opt_in,
                "ResourceTypeManagementPreference": {"DynamoDB": managed, "EFS": True},
                **named,
            },
        )

    def vault(self, name: str, *, policy: str | None = None, key: str = "", **row: Any) -> Self:
        arn = vault_arn(name, self.account, self.region)
        keyed = {"EncryptionKeyArn": key} if key else {}
        row = {
            "BackupVaultName": name,
            "BackupVaultArn": arn,
            "VaultType": "BACKUP_VAULT",
            "Locked": False,
            **keyed,
            **row,
        }
        self.listed("backup:ListBackupVaults", row)
        self.listed("backup:ListRecoveryPointsByBackupVault", BackupVaultName=name)
        notifications = "backup:GetBackupVaultNotifications"
        self.call(notifications, error="ResourceNotFoundException", BackupVaultName=name)
        if policy is None:
            return self.call(
                "backup:GetBackupVaultAccessPolicy", error="ResourceNotFoundException", BackupVaultName=name
            )
        return self.call("backup:GetBackupVaultAccessPolicy", {"Policy": policy}, BackupVaultName=name)

    def point(self, vault: str, resource: str, *, hours_ago: float = 5, arn: str = "", **more: Any) -> Self:
        row = {
            "RecoveryPointArn": arn
            or f"arn:aws:backup:{self.region}:{self.account}:recovery-point:{vault}-{hours_ago}",
            "BackupVaultArn": vault_arn(vault, self.account, self.region),
            "ResourceArn": resource,
            "ResourceType": "EBS",
            "Status": "COMPLETED",
            "CreationDate": stamp(hours_ago),
            "Lifecycle": {"DeleteAfterDays": 35},
            "IsEncrypted": True,
            **more,
        }
        return self.listed("backup:ListRecoveryPointsByBackupVault", row, BackupVaultName=vault)

    def plan(
        self,
        plan: str,
        *,
        rules: Sequence[Mapping[str, Any]] = (),
        selections: Sequence[Mapping[str, Any]] = (),
    ) -> Self:
        arn = plan_arn(plan, self.account, self.region)
        self.listed(
            "backup:ListBackupPlans", {"BackupPlanArn": arn, "BackupPlanId": plan, "BackupPlanName": plan}
        )
        self.call(
            "backup:GetBackupPlan",
            {"BackupPlan": {"BackupPlanName": plan, "Rules": list(rules)}, "BackupPlanId": plan},
            BackupPlanId=plan,
        )
        self.listed("backup:ListBackupSelections", BackupPlanId=plan)
        for number, terms in enumerate(selections, start=1):
            ids = {"BackupPlanId": plan, "SelectionId": f"s{number}"}
            self.listed(
                "backup:ListBackupSelections", {**ids, "SelectionName": f"s{number}"}, BackupPlanId=plan
            )
            self.call("backup:GetBackupSelection", {**ids, "BackupSelection": dict(terms)}, **ids)
        return self

    def volume(self, volume: str, tags: Mapping[str, str] | None = None, **row: Any) -> Self:
        told = {"VolumeId": volume, "State": "in-use", "Encrypted": False, "Tags": pairs(tags or {})}
        return self.listed("ec2:DescribeVolumes", {**told, **row})

    def instance(self, instance: str, tags: Mapping[str, str] | None = None, **row: Any) -> Self:
        told = {"InstanceId": instance, "State": {"Name": "running"}, "Tags": pairs(tags or {})}
        return self.listed("ec2:DescribeInstances", {"Instances": [{**told, **row}]})

    def table(self, table: str, tags: Mapping[str, str] | None = None, **row: Any) -> Self:
        arn = table_arn(table, self.account, self.region)
        self.listed("dynamodb:ListTables", table)
        told = {"TableName": table, "TableArn": arn, "TableStatus": "ACTIVE"}
        self.call("dynamodb:DescribeTable", {"Table": {**told, **row}}, TableName=table)
        if tags:
            self.listed("resourcegroupstaggingapi:GetResources", {"ResourceARN": arn, "Tags": pairs(tags)})
        return self

    def key(self, key_id: str, manager: str = "CUSTOMER", *, policy: str | None = None) -> Self:
        arn = key_arn(key_id, self.account, self.region)
        metadata = {"KeyId": key_id, "Arn": arn, "KeyManager": manager, "KeyState": "Enabled"}
        self.call("kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=arn)
        if policy is not None:
            self.call("kms:GetKeyPolicy", {"Policy": policy}, KeyId=arn, PolicyName="default")
        return self

    def alias(self, name: str, key_id: str) -> Self:
        return self.listed("kms:ListAliases", {"AliasName": name, "TargetKeyId": key_id})

    def bucket(self, name: str, region: str | None = REGION) -> Self:
        """Add a bucket to the account's list; only for the script of `aws-global`."""
        placed = {} if region is None else {"BucketRegion": region}
        return self.listed("s3:ListBuckets", {"Name": name, **placed})

    def bucket_details(
        self,
        name: str,
        *,
        versioned: bool = True,
        key: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Self:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
        rules = [{"ApplyServerSideEncryptionByDefault": default}]
        self.call("s3:GetBucketVersioning", {"Status": "Enabled"} if versioned else {}, Bucket=name)
        self.call(
            "s3:GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}}, Bucket=name
        )
        if tags is None:
            return self.call("s3:GetBucketTagging", error="NoSuchTagSet", Bucket=name)
        self.listed(
            "resourcegroupstaggingapi:GetResources",
            {"ResourceARN": f"arn:aws:s3:::{name}", "Tags": pairs(tags)},
        )
        return self.call("s3:GetBucketTagging", {"TagSet": pairs(tags)}, Bucket=name)

    def lines(self) -> Iterator[Line]:
        """Give all lines: the calls, and the lists page by page."""
        yield from self._calls
        for (name, parameters), rows in self._rows.items():
            yield from self._pages(name, dict(parameters), rows)

    def complete(self) -> Self:
        """Record as empty what every shard owes and this one has not said anything of."""
        told = {name for name, _ in self._rows}
        called = {f"{line['service']}:{line['operation']}" for line in self._calls}
        owed: tuple[str, ...] = _EVERY_SHARD
        if self.region == "aws-global":
            owed = ("iam:ListRoles", "s3:ListBuckets")
        elif self.region == "org":
            owed = ()
        elif "backup:DescribeRegionSettings" not in called:
            self.settings()
        for name in owed:
            if name not in told | called:
                self.listed(name)
        return self

    def _pages(self, name: str, parameters: dict[str, Any], rows: list[Any]) -> Iterator[Line]:
        key, token_in, token_out = LISTS[name]
        service, _, operation = name.partition(":")
        chunks = [rows[at : at + self.page] for at in range(0, len(rows), self.page)] or [[]]
        about = "".join(parameters.values())
        for number, chunk in enumerate(chunks):
            asked = {**parameters, **({token_in: f"{about}#{number}"} if number else {})}
            more = {token_out: f"{about}#{number + 1}"} if number + 1 < len(chunks) else {}
            yield {
                "service": service,
                "operation": operation,
                "parameters": asked,
                "at": "2026-11-22T17:00:00.000Z",
                "response": {key: chunk, **more},
            }


class BundleBuilder:
    """A bundle of one account in one Region, until more is asked for."""

    def __init__(self, folder: Path, **manifest: Any) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = {
            "schema": "backup-audit/manifest/1",
            "evaluated_as_of": stamp(),
            "scope": {"accounts": [], "regions": []},
            "accounts": [],
            **manifest,
        }
        self._shards: dict[tuple[str, str], ShardScript] = {}

    def shard(self, account: str = ACCOUNT, region: str = REGION, *, page: int = 2) -> ShardScript:
        """Give the script of a shard; its account and Region come into the scope."""
        self._account(account)
        scope = self.manifest["scope"]
        if region not in (*scope["regions"], "aws-global", "org"):
            scope["regions"].append(region)
        return self._shards.setdefault((account, region), ShardScript(account, region, page))

    def account(self, account: str = ACCOUNT) -> ShardScript:
        """Give the script of an account's global services."""
        return self.shard(account, "aws-global")

    def organization(self, *members: str, cross_account: bool = True) -> ShardScript:
        """Record an organisation with these members, all active."""
        script = self._shards.setdefault(("", "org"), ShardScript("", "org"))
        script.call(
            "organizations:DescribeOrganization",
            {"Organization": {"Id": ORG_ID, "MasterAccountId": MANAGEMENT}},
        )
        script.call(
            "backup:DescribeGlobalSettings",
            {"GlobalSettings": {"isCrossAccountBackupEnabled": str(cross_account).lower()}},
        )
        rows = [{"Id": member, "Name": member, "Status": "ACTIVE"} for member in members]
        return script.listed("organizations:ListAccounts", *rows)

    def _account(self, account: str) -> None:
        if account not in self.manifest["scope"]["accounts"]:
            self.manifest["scope"]["accounts"].append(account)
            self.manifest["accounts"].append({"id": account})
            self._shards[(account, "aws-global")] = ShardScript(account, "aws-global")

    def lines(self) -> Lines:
        """Give the lines of all shards, by file; a shard is completed with empty lists."""
        return {
            "evidence/org" if region == "org" else f"evidence/{account}/{region}": list(
                script.complete().lines()
            )
            for (account, region), script in self._shards.items()
        }

    def write(self, lines: Lines | None = None, *, suffix: str = ".jsonl") -> Path:
        """Write manifest and evidence; other lines than the bundle's own may be given."""
        return write_bundle(self.folder, self.manifest, self.lines() if lines is None else lines, suffix)

    def record(self, **statuses: str) -> Self:
        """Say in the manifest that every shard was read completely, but those of some Regions."""
        self.manifest["shards"] = [
            {"account": account, "region": region, "status": statuses.get(region, "complete"), "file": stem}
            for account, region in self._shards
            for stem in ["evidence/org.jsonl" if region == "org" else f"evidence/{account}/{region}.jsonl"]
        ]
        return self


def write_bundle(folder: Path, manifest: Mapping[str, Any], lines: Lines, suffix: str = ".jsonl") -> Path:
    """Write a bundle's files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for stem, of_file in lines.items():
        path = folder / (stem + suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(json.dumps(line) + "\n" for line in of_file).encode()
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    return folder


def of_operation(name: str, **parameters: str) -> Callable[[Line], bool]:
    """Give a test for the lines of one operation, whose parameters hold at least these."""
    service, _, operation = name.partition(":")
    return lambda line: (
        (line["service"], line["operation"]) == (service, operation)
        and (parameters.items() <= line["parameters"].items())
    )


def without(lines: Lines, name: str, **parameters: str) -> Lines:
    """Leave the lines of a call out. It must be there: a test that removes nothing proves nothing."""
    gone = of_operation(name, **parameters)
    left = {stem: [line for line in of_file if not gone(line)] for stem, of_file in lines.items()}
    assert left != lines, f"no line of {name} {parameters}"
    return left


def refuse(lines: Lines, name: str, **parameters: str) -> Lines:
    """Turn the answers to a call into AccessDenied."""
    hit = of_operation(name, **parameters)
    assert any(hit(line) for of_file in lines.values() for line in of_file), f"no line of {name} {parameters}"
    return {
        stem: [refused(line) if hit(line) else line for line in of_file] for stem, of_file in lines.items()
    }


def refused(line: Line) -> Line:
    kept = {key: value for key, value in line.items() if key not in ("response", "error")}
    return {**kept, "error": {"code": "AccessDeniedException", "message": "no", "status": 403}}


def answers_of(lines: Iterable[Line], account: str = ACCOUNT, region: str = REGION) -> Answers:
    """Give the answers of a shard straight from its lines, without a file."""
    shard = Shard(AccountId(account), RegionName(region))
    parsed = (
        parse_line(json.dumps(line).encode(), EvidenceRef("evidence/test.jsonl", number))
        for number, line in enumerate(lines, start=1)
    )
    return Answers(shard, parsed)


def parsed(script: ShardScript, account: ShardScript | None = None) -> ShardInventory:
    """Give the inventory of one shard straight from its script."""
    globally = account or ShardScript(script.account, "aws-global")
    return parse_shard(
        answers_of(script.complete().lines(), script.account, script.region),
        answers_of(globally.complete().lines(), script.account, "aws-global"),
        ShardStatus.COMPLETE,
    )


def inventories_of(folder: Path) -> tuple[ShardInventory, ...]:
    bundle = Bundle(folder)
    return tuple(
        parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)
        for shard, status in bundle.scope()
    )


Facts = dict[str, dict[str, Row]]
"""Rows by table and subject."""


def plane_of(folder: Path) -> ControlPlane:
    bundle = Bundle(folder)
    organization = parse_organization(bundle.organization_answers(), bundle.manifest)
    return ControlPlane(organization, map(summarise, inventories_of(folder)))


def put_aside_by(inventories: Iterable[ShardInventory]) -> LoadRows:
    """Give what shards put aside for each other, without a file: as it comes out of JSON."""
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for inventory in inventories:
        for name, row in (*spilled_rows(inventory), *spilled_existing_resources(inventory)):
            rows[name].append(orjson.loads(orjson.dumps(row)))
    return lambda name: tuple(rows[name])


def facts_of(folder: Path, *, inherit: bool = True, blinds: Iterable[str] = ()) -> Facts:
    """Give the facts of a whole bundle. Two rows of one subject are a mistake."""
    request = FactsRequest(
        as_of=Bundle(folder).manifest.evaluated_as_of,
        affected_controls=dict.fromkeys(blinds, ("some-control",)),
        count_inherited_backup=inherit,
    )
    plane, found, recall = plane_of(folder), Facts(), put_aside_by(inventories_of(folder))
    for inventory in inventories_of(folder):
        facts = build_facts(inventory, plane, request, load_spilled_rows(inventory, recall))
        for table, rows in facts.tables.items():
            for row in rows:
                subjects = found.setdefault(table, {})
                assert row.subject not in subjects, f"two rows of {row.subject}"
                subjects[row.subject] = row
    return found

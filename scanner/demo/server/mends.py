"""Corrections of moto: of its answers, one call at a time, and of moto itself, once per process."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from moto.kms import models as kms_models
from moto.kms.models import kms_backends
from moto.kms.utils import generate_private_key
from moto.organizations.models import FakeDelegatedAdministrator, organizations_backends
from moto.s3.models import s3_backends

from scanner.demo import clock
from scanner.demo.backup import backend
from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.server.authorization import denied
from scanner.demo.services.stock import OPT_IN_REGIONS, has_enabled, stock_of, tagged_resources
from scanner.demo.wire.answer import ApiError
from scanner.demo.wire.call import Call

Mend: TypeAlias = Callable[[Call, dict[str, Any]], dict[str, Any]]
_GLOBAL_REGION = "us-east-1"
_BACKUP = "backup.amazonaws.com"
_SYMMETRIC = "SYMMETRIC_DEFAULT"


def bucket_regions(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Add the Region of each bucket, and sort buckets by name, as S3 does."""
    buckets = s3_backends[call.account]["aws"].buckets
    for bucket in result.get("Buckets", ()):
        bucket["BucketRegion"] = buckets[bucket["Name"]].region_name
    return {**result, "Buckets": sorted(result.get("Buckets", ()), key=lambda bucket: str(bucket["Name"]))}


def sizes_at_the_clock(_: Call, result: dict[str, Any]) -> dict[str, Any]:
    """EFS meters a file system about once an hour, not at each call."""
    for file_system in result.get("FileSystems", ()):
        file_system["SizeInBytes"]["Timestamp"] = DEMO_CLOCK
    return result


def enabled_regions(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Opt-in Regions that the account has not enabled are listed only for AllRegions."""
    regions = [_opted(call.account, region) for region in result["Regions"]]
    if not call.parameters.get("AllRegions"):
        # Scanners choose their Regions by this call.
        regions = [region for region in regions if region["OptInStatus"] != "not-opted-in"]
    return {**result, "Regions": regions}


def _opted(account: str, region: dict[str, Any]) -> dict[str, Any]:
    name = region["RegionName"]
    if name not in OPT_IN_REGIONS:
        return region
    return {**region, "OptInStatus": "opted-in" if has_enabled(account, name) else "not-opted-in"}


def existing_targets(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """KMS lists the aliases of AWS managed keys that were never used without a target key."""
    keys = kms_backends[call.account][call.region].keys
    for alias in result["Aliases"]:
        # Moto invents a key for each alias, which DescribeKey then does not know.
        if alias.get("TargetKeyId") not in keys:
            alias.pop("TargetKeyId", None)
        alias.setdefault("CreationDate", DEMO_CLOCK.replace(month=1, day=5))
        alias.setdefault("LastUpdatedDate", alias["CreationDate"])
    return {**result, "Aliases": sorted(result["Aliases"], key=lambda alias: str(alias["AliasName"]))}


def own_region(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """The tagging API of a Region knows its own buckets only; IAM is in us-east-1; moto lacks some types."""
    buckets = s3_backends[call.account]["aws"].buckets

    def lies_here(mapping: Mapping[str, Any]) -> bool:
        service, name = mapping["ResourceARN"].split(":", 5)[2::3]
        if service == "s3":
            return name in buckets and buckets[name].region_name == call.region
        # Resources of global services are tagged in us-east-1 (Tagging API reference).
        return service != "iam" or call.region == _GLOBAL_REGION

    mappings = [mapping for mapping in result["ResourceTagMappingList"] if lies_here(mapping)]
    mappings += tagged_resources(call)
    return {
        **result,
        "ResourceTagMappingList": sorted(mappings, key=lambda row: str(row["ResourceARN"])),
    }


def by_name(_: Call, result: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's tables come in one order, and the token is a name."""
    return {**result, "TableNames": sorted(result.get("TableNames", ()))}


def roles_as_listed(_: Call, result: dict[str, Any]) -> dict[str, Any]:
    """IAM lists roles without tags, boundary and last use (API reference, "ListRoles"), by path and name."""
    roles = [
        {key: value for key, value in role.items() if key not in _UNLISTED}
        for role in result.get("Roles", ())
    ]
    return {**result, "Roles": sorted(roles, key=lambda role: (str(role["Path"]), str(role["RoleName"])))}


_UNLISTED = frozenset({"Tags", "PermissionsBoundary", "RoleLastUsed"})


def databases_as_told(call: Call, result: dict[str, Any]) -> dict[str, Any]:
    """RDS shows a password that waits for the maintenance window, and no key where nothing is encrypted."""
    pending = {row["arn"]: row["password"] for row in stock_of(call.account, call.region).of("rds.pending")}
    for items, arn in (("DBInstances", "DBInstanceArn"), ("DBClusters", "DBClusterArn")):
        for row in result.get(items, ()):
            if not row["StorageEncrypted"]:
                row.pop("KmsKeyId", None)
            if row[arn] in pending:
                changes = row.setdefault("PendingModifiedValues", {})
                changes["MasterUserPassword"] = pending[row[arn]]
    return result


def as_it_is(_: Call, result: dict[str, Any]) -> dict[str, Any]:
    """Nothing but what has no shape, or no value, is taken out."""
    return result


MENDS: Mapping[tuple[str, str], Mend] = {
    ("s3", "ListBuckets"): bucket_regions,
    ("efs", "DescribeFileSystems"): sizes_at_the_clock,
    ("ec2", "DescribeRegions"): enabled_regions,
    ("kms", "ListAliases"): existing_targets,
    ("kms", "DescribeKey"): as_it_is,
    ("rds", "DescribeDBClusters"): databases_as_told,
    ("rds", "DescribeDBInstances"): databases_as_told,
    ("iam", "ListRoles"): roles_as_listed,
    ("resourcegroupstaggingapi", "GetResources"): own_region,
    ("dynamodb", "ListTables"): by_name,
}

DEFAULTS: Mapping[tuple[str, str], Mapping[str, str]] = {
    # Moto wants the policy's name, though there is only one.
    ("kms", "GetKeyPolicy"): {"PolicyName": "default"},
}
"""Parameters that a caller may leave out, and moto may not."""


def reroute(call: Call, protocol: str) -> str:
    """The account whose data answer the call. Raises ApiError where the caller may not see them."""
    if call.service == "kms":
        return _owner_of_key(call, protocol)
    if call.service == "organizations":
        return _organization_of(call, protocol)
    return call.account


def _owner_of_key(call: Call, protocol: str) -> str:
    """A key's own account, where the call names a key of another by ARN and its policy lets the caller in."""
    key_id = str(call.parameters.get("KeyId", ""))
    if not key_id.startswith("arn:"):
        return call.account
    region, owner = key_id.split(":")[3:5]
    # KMS does not reach keys of other Regions, whatever the policy says.
    if region != call.region:
        raise ApiError("NotFoundException", f"Invalid arn {region}")
    if owner == call.account:
        return owner
    # GetKeyPolicy is never allowed to another account (AWS KMS, "Key policies").
    if call.operation != "DescribeKey" or not _key_admits(owner, region, key_id, call.account):
        raise denied(call, protocol)
    return owner


def _key_admits(owner: str, region: str, key_arn: str, account: str) -> bool:
    """Whether a statement of the key's policy allows the account as a whole. None planted has a Deny."""
    key = kms_backends[owner][region].keys.get(key_arn.rpartition("/")[2])
    if key is None:
        return False
    root = f"arn:aws:iam::{account}:root"
    statements = json.loads(key.policy)["Statement"]
    return any(root in _principals(statement) for statement in statements if statement["Effect"] == "Allow")


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal", {})
    named = principal.get("AWS", []) if isinstance(principal, dict) else []
    return [named] if isinstance(named, str) else named


def _organization_of(call: Call, protocol: str) -> str:
    """Organizations answers the management account and its delegates; a member sees only the head."""
    master = organizations_backends.master_accounts.get(call.account)
    management = master[0] if master else call.account
    admins = {admin.account.id for admin in organizations_backends[management]["aws"].admins}
    if call.account == management or call.account in admins:
        return str(management)
    # The only call about the organization that every member may make.
    if call.operation == "DescribeOrganization":
        return str(management)
    raise denied(call, protocol)


def adapt_moto() -> None:
    """Install our backup backend and clock in moto, and remove slow features that the demo does not need."""
    backend.install()
    clock.take_over()
    _know_backup()
    vars(kms_models)["generate_private_key"] = _private_key
    # Loading images takes a quarter of a second per account and Region, and no call lists them.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"


def _know_backup() -> None:
    """Moto does not know that AWS Backup can have a delegated administrator."""
    services = FakeDelegatedAdministrator.SUPPORTED_SERVICES
    if _BACKUP not in services:
        services.append(_BACKUP)


def _private_key(key_spec: str) -> Any:  # noqa: ANN401 - moto's own private key
    """Moto makes an RSA key pair even for a symmetric key, which has none."""
    return None if key_spec == _SYMMETRIC else generate_private_key(key_spec)

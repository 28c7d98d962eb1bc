"""Holding the inventory against second sources, which can only add what the service lists missed.

ListProtectedResources knows what was backed up at least once, the tagging API what is or was tagged;
neither proves anything complete (architecture, "Reports").
"""

import re
from collections import Counter
from typing import Final

from scanner.model.inventory import ShardInventory
from scanner.model.names import parse_arn
from scanner.model.scan import Reconciliation

_TAGGED_TYPES: Final = {
    "VirtualMachine": re.compile(r"backup-gateway:vm/"),
    "CloudFormation": re.compile(r"cloudformation:stack/"),
    "DSQL": re.compile(r"dsql:cluster/"),
    "DynamoDB": re.compile(r"dynamodb:table/"),
    "EBS": re.compile(r"ec2:volume/"),
    "EC2": re.compile(r"ec2:instance/"),
    "EFS": re.compile(r"elasticfilesystem:file-system/"),
    "EKS": re.compile(r"eks:cluster/"),
    "Redshift": re.compile(r"redshift:cluster:"),
    "Redshift Serverless": re.compile(r"redshift-serverless:namespace/"),
    "SAP HANA on Amazon EC2": re.compile(r"ssm-sap:HANA/[^/]*/DB/"),
    "Storage Gateway": re.compile(r"storagegateway:gateway/[^/]*/volume/"),
    "Timestream": re.compile(r"timestream:database/[^/]*/table/"),
}
"""Types that an ARN alone tells apart, by its service and resource: members of database clusters look like
databases of their own, and a file system of FSx may be one of ONTAP, which is no resource."""


def reconcile(inventory: ShardInventory) -> tuple[Reconciliation, ...]:
    """Count what the service lists gave, by type, and name what only a second source knows."""
    listed = Counter(resource.type for resource in inventory.resources)
    known = {resource.arn for resource in inventory.resources}
    elsewhere: dict[str, set[str]] = {}
    for protected in inventory.protected_resources:
        if protected.arn not in known:
            elsewhere.setdefault(protected.type, set()).add(protected.arn)
    for arn in inventory.tagged:
        kind = _type_of(arn)
        if kind and arn not in known:
            elsewhere.setdefault(kind, set()).add(arn)
    return tuple(
        Reconciliation(
            account=inventory.shard.account,
            region=inventory.shard.region,
            subject_type=kind,
            listed=listed[kind],
            elsewhere=tuple(sorted(elsewhere.get(kind, ()))),
        )
        for kind in sorted({*listed, *elsewhere})
    )


def _type_of(arn: str) -> str:
    parts = parse_arn(arn)
    if parts is None:
        return ""
    named = f"{parts.service}:{parts.resource}"
    return next((kind for kind, pattern in _TAGGED_TYPES.items() if pattern.match(named)), "")

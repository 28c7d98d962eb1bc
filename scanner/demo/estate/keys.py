"""KMS keys: customer managed ones with their policies, and the AWS managed ones of each service."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from moto.kms.models import kms_backends

from scanner.demo.estate.site import Site

# What another account needs to copy snapshots under a key (AWS Backup, "Encryption").
_USE_KEY = ["kms:DescribeKey", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]


def _root(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


def _own_account(account: str) -> dict[str, Any]:
    return {
        "Sid": "OwnAccount",
        "Effect": "Allow",
        "Principal": _root(account),
        "Action": "kms:*",
        "Resource": "*",
    }


def _shared_with(account: str) -> list[dict[str, Any]]:
    allow: dict[str, Any] = {"Effect": "Allow", "Principal": _root(account), "Resource": "*"}
    grants_for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        {"Sid": f"Use{account}", **allow, "Action": _USE_KEY},
        {"Sid": f"Grant{account}", **allow, "Action": "kms:CreateGrant", "Condition": grants_for_services},
    ]


def customer_key(site: Site, alias: str, shared_with: Iterable[str] = ()) -> str:
    """A customer managed key under `alias/…`; other accounts may use it where it is shared. Its ARN."""
    statements = [_own_account(site.account)]
    for account in shared_with:
        statements += _shared_with(account)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    key = site.do(
        "kms",
        "CreateKey",
        Description=f"{alias} (customer managed)",
        KeyUsage="ENCRYPT_DECRYPT",
        MultiRegion=False,
        Policy=policy,
    )["KeyMetadata"]
    site.do("kms", "CreateAlias", AliasName=f"alias/{alias}", TargetKeyId=key["KeyId"])
    return str(key["Arn"])


def schedule_deletion(site: Site, arn: str, at: datetime) -> None:
    """Have a key go at that moment. Moto would count the days from the real clock."""
    key = kms_backends[site.account][site.region].keys[arn.rpartition("/")[2]]
    key.enabled, key.key_state, key.deletion_date = False, "PendingDeletion", at.replace(tzinfo=None)


def aws_key(site: Site, service: str) -> str:
    """The AWS managed key `aws/…` of a service, made at its first use. Its ARN."""
    backend = kms_backends[site.account][site.region]
    name = f"alias/aws/{service}"
    for key in backend.keys.values():
        # One key for each service, account and Region, as in AWS.
        if name in key.aliases:
            return str(key.arn)
    created = backend.create_key(_service_policy(site, service), "ENCRYPT_DECRYPT", "", "", None)
    created.description = f"Default key that protects my {service} data when no other key is defined"
    # Moto has no request that makes an AWS managed key.
    created.key_manager = "AWS"
    backend.create_alias(created.id, name)
    return str(created.arn)


def _service_policy(site: Site, service: str) -> str:
    """AWS's own policy of such a key: only its account, only through the service. It cannot be changed."""
    through = {
        "StringEquals": {
            "kms:CallerAccount": site.account,
            "kms:ViaService": f"{service}.{site.region}.amazonaws.com",
        }
    }
    allow = {"Sid": "ThroughService", "Effect": "Allow", "Principal": {"AWS": "*"}, "Resource": "*"}
    use = {**allow, "Action": [*_USE_KEY, "kms:CreateGrant"], "Condition": through}
    # The account may read its AWS managed keys, but neither change nor share them.
    look = {**_own_account(site.account), "Sid": "Look", "Action": ["kms:Describe*", "kms:Get*", "kms:List*"]}
    return json.dumps({"Version": "2012-10-17", "Id": f"auto-{service}-1", "Statement": [use, look]})

"""The IAM actions that allow an operation (Service Authorization Reference)."""

from typing import Final

_PREFIXES: Final = {
    "efs": "elasticfilesystem",
    "timestream-write": "timestream",
    "resourcegroupstaggingapi": "tag",
}
"""Services whose IAM prefix differs from boto3's client name."""

_ACTIONS: Final = {
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "cloudformation:DescribeStacks": ("cloudformation:DescribeStacks", "cloudformation:ListStacks"),
}
"""Operations whose action has another name, or that need several."""


def iam_actions(operation: str) -> tuple[str, ...]:
    """Return the actions that allow `service:Operation`, as in the evidence."""
    if operation in _ACTIONS:
        return _ACTIONS[operation]
    service, _, name = operation.partition(":")
    return (f"{_PREFIXES.get(service, service)}:{name}",)

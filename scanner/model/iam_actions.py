"""The IAM actions that allow an operation (Service Authorization Reference)."""

from typing import Final

_PREFIXES: Final = {
    "efs": "elasticfilesystem",
    "timestream-write": "timestream",
    "resourcegroupstaggingapi": "tag",
}
"""Services whose prefix in IAM is not boto3's name of the client."""

_ACTIONS: Final = {
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "cloudformation:DescribeStacks": ("cloudformation:DescribeStacks", "cloudformation:ListStacks"),
}
"""Operations whose action has another name, or that need more than one."""


def iam_actions(operation: str) -> tuple[str, ...]:
    """Return the actions that allow `service:Operation`, as evidence names it."""
    if operation in _ACTIONS:
        return _ACTIONS[operation]
    service, _, name = operation.partition(":")
    return (f"{_PREFIXES.get(service, service)}:{name}",)

"""A scan as it is usually written: for each account a session, for each Region its clients, call by call.

`python -m bench.sessions ACCOUNT,… REGION…` makes the calls that need no parameter, which are those that
a scan makes for an empty shard, and prints their cost as JSON.
"""

import json
import resource
import sys
from typing import Any, Final

import boto3
from botocore import xform_name

from scanner.services.catalogue import OPERATIONS

_ELSEWHERE: Final = frozenset({"sts", "organizations", "iam", "s3", "timestream-write"})
"""Services that are not called in every Region, or whose endpoint has to be discovered."""


def _operations(client: Any, service: str) -> list[str]:  # noqa: ANN401 -- boto3's
    model = client.meta.service_model
    names = [operation.name for operation in OPERATIONS.values() if operation.service == service]
    shapes = {name: model.operation_model(name).input_shape for name in names}
    return [name for name, shape in shapes.items() if shape is None or not shape.required_members]


def _read(account: str, regions: list[str]) -> int:
    """Read an account's Regions, and return the number of calls."""
    sts: Any = boto3.Session().client("sts", region_name=regions[0])
    credentials = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/R", RoleSessionName="bench")[
        "Credentials"
    ]
    session = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
    )
    calls = 1
    for region in regions:
        for service in {operation.service for operation in OPERATIONS.values()} - _ELSEWHERE:
            client: Any = session.client(service, region_name=region)  # type: ignore[call-overload]
            for name in _operations(client, service):
                getattr(client, xform_name(name))()
                calls += 1
    return calls


def main(accounts: list[str], regions: list[str]) -> None:
    """Read the accounts, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    calls = sum(_read(account, regions) for account in accounts)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu": cpu, "calls": calls}))


if __name__ == "__main__":
    main(sys.argv[1].split(","), sys.argv[2:])

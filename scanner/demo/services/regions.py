"""What is not everywhere: Regions that an account must enable, and services without an endpoint in one.

Sources: Account Management guide, "Regions"; botocore's endpoints; the services' pages of quotas.
"""

from collections.abc import Mapping

from scanner.demo.wire.answer import HTTP_NOT_FOUND, ApiError
from scanner.demo.wire.call import Call

OPT_IN_REGIONS = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ca-west-1", "il-central-1", "mx-central-1"),
        *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
        *("eu-central-2", "eu-south-1", "eu-south-2", "me-central-1", "me-south-1"),
    }
)
"""Regions that an account has only after it asked for them."""

UNSUPPORTED: Mapping[str, frozenset[str]] = {
    "eu-south-1": frozenset({"DSQL", "SAP HANA on Amazon EC2", "Timestream"}),
}
"""By Region, the resource types that AWS Backup does not support there."""

_WITHOUT_ENDPOINT = frozenset({("dsql", "eu-south-1"), ("timestream-write", "eu-south-1")})


def check_endpoint(call: Call) -> None:
    """Raise where the service has no endpoint: in truth its host has no address, and nothing answers."""
    if (call.service, call.region) in _WITHOUT_ENDPOINT:
        raise ApiError("UnknownEndpoint", f"{call.service} is not in {call.region}", HTTP_NOT_FOUND)

"""The simulated resources of one account in one Region, their tags, and the Regions that services are in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.moto_api._internal import mock_random

from scanner.demo.clock import demo_utcnow
from scanner.demo.resource import Resource, Tags, tag_list
from scanner.demo.wire.answer import HTTP_NOT_FOUND, ApiError
from scanner.demo.wire.call import Call

OPT_IN_REGIONS = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ca-west-1", "il-central-1", "mx-central-1"),
        *("ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
        *("eu-central-2", "eu-south-1", "eu-south-2", "me-central-1", "me-south-1"),
    }
)
"""Regions that an account must enable first."""

UNSUPPORTED: Mapping[str, frozenset[str]] = {
    "eu-south-1": frozenset({"DSQL", "SAP HANA on Amazon EC2", "Timestream"}),
}
"""By Region, the resource types that AWS Backup does not support there."""
# Botocore has no endpoint for these, and an override of the address hides that.
_WITHOUT_ENDPOINT = frozenset({("dsql", "eu-south-1"), ("timestream-write", "eu-south-1")})
Document = dict[str, Any]


# Regions that an account must enable, and services without an endpoint in one. Sources: Account Management
# guide, "Regions"; botocore's endpoints; the services' pages of quotas.
def check_endpoint(call: Call) -> None:
    """Raise where the service has no endpoint: in truth its host has no address, and nothing answers."""
    if (call.service, call.region) in _WITHOUT_ENDPOINT:
        raise ApiError("UnknownEndpoint", f"{call.service} is not in {call.region}", HTTP_NOT_FOUND)


@dataclass(frozen=True, slots=True)
class Sketch:
    """The resource to create. `key` None: no visible KMS key.

    `state` is the service's own word; "" means that it is well.
    """

    name: str
    tags: Tags = field(default_factory=dict)
    key: str | None = None
    state: str = ""


@dataclass(slots=True)
class Stock:
    """Documents by kind ("fsx.volume"), each in the shape that the API answers with, and tags by ARN.

    `enabled` says whether the account has enabled the Region, where it must. All of it is written while the
    organisation is built, and only read afterwards.
    """

    account: str
    region: str
    documents: dict[str, list[Document]] = field(default_factory=dict)
    tags: dict[str, Tags] = field(default_factory=dict)
    enabled: bool = False

    def of(self, kind: str) -> list[Document]:
        """Return all documents of a kind, in the order of creation."""
        return self.documents.get(kind, [])

    def add(self, kind: str, document: Document, arn: str = "", tags: Tags | None = None) -> None:
        """Add a document without its None values, and the tags of its resource."""
        stored = {key: value for key, value in document.items() if value is not None}
        self.documents.setdefault(kind, []).append(stored)
        if tags:
            self.tags[arn] = dict(tags)

    def arn(self, service: str, rest: str) -> str:
        """Return an ARN of this account and Region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def resource(self, arn: str, kind: str, sketch: Sketch, *, managed: bool = False) -> Resource:
        """Return the created resource, for the history of its backups."""
        return Resource(arn, kind, sketch.name, self.account, self.region, sketch.key, managed)


def identifier(prefix: str, length: int = 17) -> str:
    """Return an id such as `fs-0123456789abcdef0`; the same seed gives the same id."""
    return f"{prefix}{mock_random.get_random_hex(length)}"


def unique_id() -> str:
    """Return a UUID; the same seed gives the same one."""
    return str(mock_random.uuid4())


def now() -> datetime:
    """Return the time of the demo's clock."""
    return demo_utcnow().replace(tzinfo=UTC)


_stocks: dict[tuple[str, str], Stock] = {}


def stock_of(account: str, region: str) -> Stock:
    """Return the stock of an account in a Region, which may be empty."""
    # setdefault is atomic in CPython: the server answers in several threads.
    return _stocks.setdefault((account, region), Stock(account, region))


def has_enabled(account: str, region: str) -> bool:
    """Return whether an account has enabled a Region."""
    return region not in OPT_IN_REGIONS or stock_of(account, region).enabled


def forget() -> None:
    """Empty every stock, before another organisation is built."""
    _stocks.clear()


def wanted(documents: list[Document], key: str, names: list[str] | None) -> tuple[list[Document], list[str]]:
    """Return the documents with these names (all if there are none), and the names without a document."""
    if not names:
        return documents, []
    matching = [document for document in documents if document[key] in names]
    return matching, [name for name in names if name not in {document[key] for document in matching}]


def tagged_resources(call: Call) -> list[Document]:
    """What is tagged in the call's account and Region, and not kept out by its filters."""
    tags = stock_of(call.account, call.region).tags
    return [
        {"ResourceARN": arn, "Tags": tag_list(own)}
        for arn, own in tags.items()
        if _is_wanted(call.parameters, arn, own)
    ]


def _is_wanted(filters: Mapping[str, Any], arn: str, tags: Tags) -> bool:
    kinds, named = filters.get("ResourceTypeFilters"), filters.get("ResourceARNList")
    return (
        (not named or arn in named)
        and (not kinds or any(_is_of_kind(arn, kind) for kind in kinds))
        and all(_has_tag(tags, criterion) for criterion in filters.get("TagFilters", ()))
    )


def _is_of_kind(arn: str, kind: str) -> bool:
    """Whether the ARN is of a type such as `fsx` or `fsx:file-system`."""
    service, _, resource = kind.partition(":")
    parts = arn.split(":", 5)
    return parts[2] == service and parts[5].startswith(resource)


def _has_tag(tags: Tags, wanted: Mapping[str, Any]) -> bool:
    values = wanted.get("Values")
    return wanted["Key"] in tags and (not values or tags[wanted["Key"]] in values)

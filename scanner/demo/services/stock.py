"""What one account has of the simulated services in one Region."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.moto_api._internal import mock_random

from scanner.demo.clock import demo_utcnow
from scanner.demo.resource import Resource, Tags
from scanner.demo.services.regions import OPT_IN_REGIONS

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a resource is to be. `key` None: no key of the customer's or of AWS's that is shown.

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
        """Every document of a kind, in the order of planting."""
        return self.documents.get(kind, [])

    def add(self, kind: str, document: Document, arn: str = "", tags: Tags | None = None) -> None:
        """Keep a document, and the tags of the resource that it describes; None has no place in it."""
        kept = {key: value for key, value in document.items() if value is not None}
        self.documents.setdefault(kind, []).append(kept)
        if tags:
            self.tags[arn] = dict(tags)

    def arn(self, service: str, rest: str) -> str:
        """An ARN of this account and Region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def resource(self, arn: str, kind: str, sketch: Sketch, *, managed: bool = False) -> Resource:
        """The resource that was planted, as the history of backups names it."""
        return Resource(arn, kind, sketch.name, self.account, self.region, sketch.key, managed)


def identifier(prefix: str, length: int = 17) -> str:
    """An id such as `fs-0123456789abcdef0`; the same for the same seed."""
    return f"{prefix}{mock_random.get_random_hex(length)}"


def unique_id() -> str:
    """A UUID; the same for the same seed."""
    return str(mock_random.uuid4())


def now() -> datetime:
    """The moment that the demo's clock stands at."""
    return demo_utcnow().replace(tzinfo=UTC)


_stocks: dict[tuple[str, str], Stock] = {}


def stock_of(account: str, region: str) -> Stock:
    """The stock of an account in a Region, empty where nothing was planted."""
    return _stocks.setdefault((account, region), Stock(account, region))


def has_enabled(account: str, region: str) -> bool:
    """Whether an account has enabled a Region."""
    return region not in OPT_IN_REGIONS or stock_of(account, region).enabled


def forget() -> None:
    """Empty every stock: another organisation is to be built."""
    _stocks.clear()


def wanted(documents: list[Document], key: str, names: list[str] | None) -> tuple[list[Document], list[str]]:
    """The documents that are asked for by name (all, where none is), and the names that nothing has."""
    if not names:
        return documents, []
    found = [document for document in documents if document[key] in names]
    return found, [name for name in names if name not in {document[key] for document in found}]

"""What the journal of a collection tells, and how its lines are written and read (docs/journal.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from scanner.errors import BundleError
from scanner.evidence.manifest import (
    excluded_documents,
    parse_excluded,
    parse_reads,
    reads_document,
    rfc3339,
)
from scanner.evidence.shape import Shape
from scanner.model.collected import CollectedReads
from scanner.model.inventory import Account
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName, Shard

SCHEMA: Final = "vaultproof/journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options that decide what is read.

    `external_id`: whether there was one; it is not written down. `reads`: what is collected; None:
    everything.
    """

    organization: bool
    accounts: tuple[str, ...]
    organizational_units: tuple[str, ...]
    regions: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    role_name: str
    external_id: bool
    session_name: str
    duration_seconds: int
    reads: CollectedReads | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line. `home` is the Region of the calls that need none."""

    scan_id: str
    tool_version: str
    started_at: datetime
    as_of: datetime | None
    caller_arn: str
    caller_account: AccountId
    home: RegionName
    asked: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a journal tells. `scope` None: the collection had not got that far.

    `keys`: those that a finished shard names and that another one owns. `finished_at` is when all was read;
    None: something is left to be read. `size`: the bytes that count.
    """

    header: Header
    scope: Scope | None = None
    accounts: tuple[Account, ...] = ()
    finished: Mapping[Shard, ShardRecord] = field(default_factory=dict)
    keys: Mapping[Shard, tuple[str, ...]] = field(default_factory=dict)
    finished_at: datetime | None = None
    size: int = 0


def parse_header(line: Shape) -> Header:
    """Read the first line. BundleError: it is none."""
    started, caller, asked = line.instant("started_at"), line.need_child("caller"), line.need_child("request")
    if started is None:
        raise BundleError(f"{line.ref.file}: 'started_at' is missing: start a new scan.")
    return Header(
        scan_id=line.need("scan_id"),
        tool_version=line.need_child("tool").text("version") or "",
        started_at=started,
        as_of=line.instant("as_of"),
        caller_arn=caller.text("arn") or "",
        caller_account=AccountId(caller.need("account")),
        home=RegionName(line.need("home")),
        asked=Asked(
            organization=asked.flag("organization") or False,
            accounts=asked.texts("accounts"),
            organizational_units=asked.texts("organizational_units"),
            regions=asked.texts("regions"),
            excluded=parse_excluded(asked),
            role_name=asked.need("role_name"),
            external_id=asked.flag("external_id") or False,
            session_name=asked.need("session_name"),
            duration_seconds=asked.integer("duration_seconds") or 0,
            reads=parse_reads(asked),
        ),
    )


def header_document(header: Header) -> dict[str, Any]:
    """Give the first line."""
    asked = header.asked
    return {
        "schema": SCHEMA,
        "scan_id": header.scan_id,
        "tool": {"name": "vaultproof", "version": header.tool_version},
        "started_at": rfc3339(header.started_at),
        "as_of": rfc3339(header.as_of),
        "caller": {"arn": header.caller_arn, "account": header.caller_account},
        "home": header.home,
        "request": {
            "organization": asked.organization,
            "accounts": list(asked.accounts),
            "organizational_units": list(asked.organizational_units),
            "regions": list(asked.regions),
            "excluded": excluded_documents(asked.excluded),
            "role_name": asked.role_name,
            "external_id": asked.external_id,
            "session_name": asked.session_name,
            "duration_seconds": asked.duration_seconds,
            **reads_document(asked.reads),
        },
    }

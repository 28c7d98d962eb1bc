"""manifest.json: reads those of this program and of others, and writes ours.

In the manifest of another program only `schema`, `evaluated_as_of`, `scope.accounts`, `scope.regions` and
`accounts[].id` are required; missing shards are inferred from the evidence files.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from scanner.errors import BundleError, EmptyScopeError
from scanner.evidence.attestation import signed_statement
from scanner.evidence.reader import names_a_file, shard_file, shards_on_disk
from scanner.evidence.shape import Shape
from scanner.model.inventory import Account, ShardStatus
from scanner.model.known import EvidenceRef
from scanner.model.manifest import CollectedReads, Excluded, Manifest, ManifestInputs, Scope, ShardRecord
from scanner.model.names import ORG, AccountId, RegionName, Shard
from scanner.storage.bounded import read_regular

SCHEMA: Final = "backup-audit/manifest/1"
"""The schema of a bundle, and of a scan that was judged before facts were stored by account."""

JUDGED_SCHEMA: Final = "backup-audit/manifest/2"
"""The schema of a judged scan."""

NAME: Final = "manifest.json"
SIGNATURE: Final = "signature"
TIME_STAMP: Final = "time_stamp"
WHAT_IF: Final = "what_if"
"""The key that marks a bundle as what a scan and planned changes would give: it is no evidence."""
LARGEST: Final = 128 << 20
"""Bytes of a manifest: one of 50,000 account-Regions has less than a third of it."""

INPUTS: Final = "inputs"
"""The folder of the settings and controls that a scan was judged against."""

CLOCK_YEARS: Final = range(1970, 9000)
"""Years that the clock of an evaluation may have: schedules and ages are computed from it."""


def read_document(bundle: Path, *, what_if: bool = False) -> dict[str, Any]:
    """Read a bundle's manifest as JSON. `what_if`: that of a what-if, which is no evidence, is read as well.

    BundleError: it is missing, broken, of another schema, or was changed after it was signed. The signature
    itself is not verified: that needs a key (`audit verify`).
    """
    try:
        raw = read_regular(bundle / NAME, LARGEST)
    except OSError as problem:
        raise BundleError(
            f"{bundle / NAME} cannot be read ({problem.strerror}). "
            "Name the folder that contains manifest.json and evidence/."
        ) from problem
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise BundleError(f"{NAME}: line {problem.lineno} is not JSON: {problem}.") from problem
    if not isinstance(document, dict) or document.get("schema") not in (SCHEMA, JUDGED_SCHEMA):
        raise BundleError(
            f"{NAME}: the schema is neither {SCHEMA!r} nor {JUDGED_SCHEMA!r}. This version reads no other."
        )
    if WHAT_IF in document and not what_if:
        raise BundleError(
            f"{bundle} is no evidence: audit what-if made it of a scan and of changes that are not applied. "
            "Name the scan itself."
        )
    # Even without the public key, a changed manifest shows: its digest is in the statement.
    if isinstance(document.get(SIGNATURE), dict):
        signed_statement(raw, str(document.get("scan_id") or ""))
    return document


def read_manifest(bundle: Path) -> Manifest:
    """Read a bundle's manifest. BundleError: it is missing, broken or of another schema."""
    return parse_manifest(read_document(bundle), bundle)


def parse_manifest(document: Mapping[str, Any], bundle: Path) -> Manifest:
    """Parse a manifest; shards that it does not list are inferred from the files in `bundle`."""
    shape = Shape(document, NAME.removesuffix(".json"), EvidenceRef(NAME, 1))
    scope = shape.child("scope") or Shape({}, "manifest.scope", shape.ref)
    # A bundle that was not evaluated has no other clock than the end of its collection.
    as_of = shape.instant("evaluated_as_of") or shape.instant("finished_at")
    if as_of is None:
        raise BundleError(f"{NAME}: 'evaluated_as_of' is missing: the evaluation has no clock.")
    if as_of.year not in CLOCK_YEARS:
        raise BundleError(f"{NAME}: 'evaluated_as_of' is in the year {as_of.year}: no scan was made then.")
    for key in ("accounts", "regions"):
        if key not in scope.data:
            raise BundleError(f"{NAME}: 'scope.{key}' is missing: the scope is unknown.")
        if not scope.texts(key):
            raise EmptyScopeError(f"{NAME}: 'scope.{key}' is empty: there is nothing to judge.")
    tool = shape.child("tool") or Shape({}, "manifest.tool", shape.ref)
    caller = shape.child("caller") or Shape({}, "manifest.caller", shape.ref)
    source = shape.child("source") or Shape({}, "manifest.source", shape.ref)
    return Manifest(
        evaluated_as_of=as_of,
        scope=parse_scope(scope),
        accounts=tuple(parse_account(account) for account in shape.children("accounts")),
        scan_id=shape.text("scan_id") or "",
        tool_name=tool.text("name") or "",
        tool_version=tool.text("version") or "",
        started_at=shape.instant("started_at"),
        finished_at=shape.instant("finished_at"),
        caller_arn=caller.text("arn") or "",
        caller_account=caller.text("account") or "",
        shards=_shards(shape, bundle),
        source_sha256=source.text("manifest_sha256") or "",
        files=_files(shape),
        columns=shape.mapping("columns", str),
        schema=shape.text("schema") or SCHEMA,
        capabilities_as_of=shape.text("capabilities_as_of") or "",
        reads=parse_reads(shape),
        inputs=parse_inputs(shape),
    )


def parse_scope(scope: Shape) -> Scope:
    """Parse the result of `scope_document`."""
    management = scope.text("management_account")
    return Scope(
        accounts=tuple(AccountId(account) for account in scope.texts("accounts")),
        regions=tuple(RegionName(region) for region in scope.texts("regions")),
        excluded=parse_excluded(scope),
        organization_id=scope.text("organization_id"),
        management_account=AccountId(management) if management else None,
        limited_to=scope.texts("limited_to"),
    )


def parse_reads(shape: Shape) -> CollectedReads | None:
    """Parse the key `reads` of a manifest or of a journal's request; None: everything was collected."""
    reads = shape.child("reads")
    if reads is None:
        return None
    if "operations" not in reads.data:
        raise BundleError(
            f"{reads.ref.file}: 'reads.operations' is missing: it is unknown what was collected."
        )
    return CollectedReads(
        controls=reads.texts("controls"),
        formats=reads.texts("formats"),
        operations=tuple(sorted(set(reads.texts("operations")))),
    )


def reads_document(reads: CollectedReads | None) -> dict[str, Any]:
    """Return the key `reads` of the contract; empty where everything was collected."""
    if reads is None:
        return {}
    parts = {"controls": reads.controls, "formats": reads.formats, "operations": reads.operations}
    return {"reads": {name: list(values) for name, values in parts.items()}}


def parse_inputs(shape: Shape) -> ManifestInputs:
    """Parse the key `inputs` of a manifest. BundleError: its settings file is not below inputs/."""
    inputs = shape.child("inputs")
    if inputs is None:
        return ManifestInputs()
    packaged = inputs.child("packaged_controls") or Shape({}, "manifest.inputs.packaged_controls", shape.ref)
    config = inputs.text("config") or ""
    if config and not _within(INPUTS, config):
        raise BundleError(f"{NAME}: inputs.config is {config[:80]!r}, which is not a file below {INPUTS}/.")
    return ManifestInputs(
        # null records that --as-of was not used; without the key nothing is known about it.
        has_as_of="as_of" in inputs.data,
        as_of=inputs.instant("as_of"),
        config=config,
        controls_version=packaged.text("version") or "",
        controls_sha256=packaged.text("sha256") or "",
    )


def inputs_document(inputs: ManifestInputs) -> dict[str, Any]:
    """Return the key `inputs` of the contract; empty where nothing is known of them."""
    as_of = {"as_of": rfc3339(inputs.as_of)} if inputs.has_as_of else {}
    config = {"config": inputs.config} if inputs.config else {}
    packaged = {"version": inputs.controls_version, "sha256": inputs.controls_sha256}
    controls = {"packaged_controls": packaged} if inputs.controls_sha256 else {}
    document = {**as_of, **config, **controls}
    return {"inputs": document} if document else {}


def parse_excluded(shape: Shape) -> tuple[Excluded, ...]:
    """Parse the list `excluded` of a scope."""
    return tuple(
        Excluded(AccountId(entry.need("account")), entry.text("reason") or "")
        for entry in shape.children("excluded")
    )


def parse_account(account: Shape) -> Account:
    """Parse the result of `account_document`."""
    return Account(
        id=AccountId(account.need("id")),
        name=account.text("name") or "",
        status=account.text("status"),
        ou_path=account.text("ou_path"),
    )


def _shards(shape: Shape, bundle: Path) -> tuple[ShardRecord, ...]:
    """Return the shards that the manifest lists, and those of other evidence files in the bundle."""
    listed = [parse_record(shard) for shard in shape.children("shards")]
    listed_shards = {Shard(record.account, record.region) for record in listed}
    if len(listed_shards) < len(listed):
        raise BundleError(f"{NAME}: 'shards' names an account-Region twice.")
    # Other programs need not list their shards: the files show which there are.
    inferred = [
        ShardRecord(
            account=shard.account,
            region=shard.region,
            status=ShardStatus.PARTIAL,  # the inventory finds out what is missing
            file=shard_file(bundle, shard) or "",
        )
        for shard in shards_on_disk(bundle)
        if shard not in listed_shards
    ]
    org = Shard(AccountId(""), ORG)
    if not any(record.region == ORG for record in listed) and (file := shard_file(bundle, org)):
        inferred.append(ShardRecord(account=org.account, region=ORG, status=ShardStatus.PARTIAL, file=file))
    return tuple(listed + inferred)


def parse_record(shard: Shape) -> ShardRecord:
    """Parse the result of `shard_document`. BundleError: an unknown status, or a file outside evidence/."""
    status = shard.text("status") or "partial"
    # Only account-Regions without a record are MISSING.
    if status not in set(ShardStatus) - {ShardStatus.MISSING}:
        raise BundleError(f"{NAME}: {shard.where}.status is {status!r}, which is not in the contract.")
    file = shard.text("file") or ""
    if file and not _within("evidence", file):
        raise BundleError(f"{NAME}: {shard.where}.file is {file!r}, which is not a file below evidence/.")
    return ShardRecord(
        account=AccountId(shard.text("account") or ""),
        region=RegionName(shard.need("region")),
        status=ShardStatus(status),
        calls=shard.integer("calls") or 0,
        errors=shard.integer("errors") or 0,
        file=file,
        sha256=shard.text("sha256") or "",
        bytes=shard.integer("bytes") or 0,
    )


def _files(shape: Shape) -> Mapping[str, str]:
    files = shape.mapping("files", str)
    for name in files:
        folder, below, _ = name.partition("/")
        # Names of other folders are checked where they are used (`scan_files`).
        if below and folder in ("evidence", INPUTS) and not _within(folder, name):
            raise BundleError(f"{NAME}: files names {name[:80]!r}, which is not a file below {folder}/.")
    return files


def _within(folder: str, name: str) -> bool:
    """Check whether a path from a manifest stays within a folder of the bundle."""
    path = PurePosixPath(name)
    return path.parts[:1] == (folder,) and all(map(names_a_file, path.parts))


def manifest_document(manifest: Manifest) -> dict[str, Any]:
    """Return the JSON document of the contract, with its keys in the contract's order."""
    columns = {"columns": dict(sorted(manifest.columns.items()))} if manifest.columns else {}
    return {
        "schema": manifest.schema or SCHEMA,
        "scan_id": manifest.scan_id,
        "tool": {"name": manifest.tool_name, "version": manifest.tool_version},
        "started_at": rfc3339(manifest.started_at),
        "finished_at": rfc3339(manifest.finished_at),
        "evaluated_as_of": rfc3339(manifest.evaluated_as_of),
        "caller": {"arn": manifest.caller_arn, "account": manifest.caller_account},
        "scope": scope_document(manifest.scope),
        "accounts": [account_document(account) for account in manifest.accounts],
        "shards": [shard_document(record) for record in manifest.shards],
        "source": {"manifest_sha256": manifest.source_sha256},
        "files": dict(sorted(manifest.files.items())),
        SIGNATURE: None,
        "capabilities_as_of": manifest.capabilities_as_of,
        **columns,
        **reads_document(manifest.reads),
        **inputs_document(manifest.inputs),
    }


def scope_document(scope: Scope) -> dict[str, Any]:
    """Return the JSON document of a scope."""
    return {
        "organization_id": scope.organization_id,
        "management_account": scope.management_account,
        "accounts": list(scope.accounts),
        "regions": list(scope.regions),
        "excluded": excluded_documents(scope.excluded),
        **({"limited_to": list(scope.limited_to)} if scope.limited_to else {}),
    }


def excluded_documents(excluded: Iterable[Excluded]) -> list[dict[str, str]]:
    """Return the JSON documents of excluded accounts."""
    return [{"account": entry.account, "reason": entry.reason} for entry in excluded]


def account_document(account: Account) -> dict[str, str | None]:
    """Return the JSON document of an account."""
    return {"id": account.id, "name": account.name, "status": account.status, "ou_path": account.ou_path}


def shard_document(record: ShardRecord) -> dict[str, Any]:
    """Return the JSON document of a shard's record."""
    return {
        "account": record.account,
        "region": record.region,
        "status": record.status.value,
        "calls": record.calls,
        "errors": record.errors,
        "file": record.file,
        "sha256": record.sha256,
        "bytes": record.bytes,
    }


def manifest_bytes(document: Mapping[str, Any]) -> bytes:
    """Encode a manifest: indented, so that a person can read it and a diff is small.

    Signature and time stamp have one line each, and are never last: replacing these lines restores what was
    signed (`attestation.canonical_bytes`).
    """
    lines = {key: document[key] for key in (SIGNATURE, TIME_STAMP) if key in document}
    if isinstance(envelope := lines.get(SIGNATURE), dict):
        # On one line, while everything else is indented.
        lines[SIGNATURE] = orjson.Fragment(orjson.dumps(envelope))
    if lines:
        others = [key for key in document if key != TIME_STAMP]
        # Not last, since the last line has no comma, which would change when a line is replaced.
        place = max(0, min(others.index(SIGNATURE), len(others) - 2)) if SIGNATURE in others else 0
        keys = [key for key in others if key != SIGNATURE]
        keys[place:place] = lines
        document = {key: lines.get(key, document[key]) for key in keys}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def rfc3339(instant: datetime | None) -> str | None:
    """Return an instant as the contract writes it: UTC, milliseconds, `Z`."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

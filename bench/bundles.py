"""Evidence bundles of any size: the sample bundle, copied under further account ids of its organisation.

`python -m bench.bundles RESOURCES FOLDER` writes one. A copy has its own account ids, account names, e-mail
addresses, bucket names, snapshot ids and image ids, in every line and ARN, so that no subject appears twice.
The management account and the organisation stay the same. Only the sample and the manifest are in memory.
"""

import argparse
import gzip
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from bench.measure import ROOT
from scanner.evidence.bundle import file_sha256

SAMPLE: Final = ROOT / "sample_reports" / "bundle"
RESOURCES: Final = 137
"""Resources in the sample bundle."""

_ORG: Final = "evidence/org.jsonl.gz"
_ACCOUNT_LISTS: Final = ("Accounts", "DelegatedAdministrators", "Targets")
"""Lists of accounts in the answers of AWS Organizations."""
_NUMBERED: Final = rb"\b(?:snap|ami)-[0-9a-f]{17}\b"
"""Snapshots and images: their ARNs name no account."""

Rename = Callable[[bytes], bytes]


def copies_for(resources: int) -> int:
    """Return how many copies of the sample bundle have about `resources` resources; at least one."""
    return max(1, round(resources / RESOURCES))


def bundle_of(resources: int) -> Path:
    """Return the folder of a bundle of about `resources` resources; write it if it is not there yet."""
    copies = copies_for(resources)
    folder = Path(tempfile.gettempdir()) / f"vaultproof-bench-bundle-{_version()}" / f"{copies}"
    if not (folder / "manifest.json").exists():  # it is written last
        write_bundle(copies, folder)
    return folder


def _version() -> str:
    """Return a digest of what a bundle is made from: the sample's manifest and this code."""
    made_from = ((SAMPLE / "manifest.json").read_bytes(), Path(__file__).read_bytes())
    return sha256(b"".join(made_from)).hexdigest()[:12]


def write_bundle(copies: int, folder: Path) -> None:
    """Write a bundle of `copies` times the sample bundle into `folder`."""
    sample = _Sample()
    shards = [_organization_shard(sample, copies, folder)]
    shards += (shard for copy in range(copies) for shard in _copy_shards(sample, copy, folder))
    (folder / "manifest.json").write_bytes(orjson.dumps(_manifest(sample, copies, shards)))


@dataclass(frozen=True)
class _Sample:
    """The sample bundle, and the names in it that a copy must change."""

    @cached_property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = orjson.loads((SAMPLE / "manifest.json").read_bytes())
        return document

    @cached_property
    def accounts(self) -> frozenset[str]:
        return frozenset(account["id"] for account in self.manifest["accounts"])

    @cached_property
    def files(self) -> dict[str, bytes]:
        names = (shard["file"] for shard in self.manifest["shards"] if shard["file"])
        return {name: gzip.decompress((SAMPLE / name).read_bytes()) for name in names}

    @cached_property
    def names(self) -> re.Pattern[bytes]:
        """Return the pattern of account ids, bucket names, snapshot ids and image ids."""
        accounts = "|".join(sorted(self.accounts)).encode()
        buckets = b"|".join(sorted(re.escape(name) for name in self._buckets()))
        return re.compile(
            rb"(?<!\d)(?:"
            + accounts
            + rb")(?!\d)|"
            + _NUMBERED
            + rb"|(?<![\w.-])(?:"
            + buckets
            + rb")(?![\w.-])"
        )

    def _buckets(self) -> Iterator[bytes]:
        for text in self.files.values():
            for line in text.splitlines():
                if b'"operation":"ListBuckets"' in line:
                    buckets = orjson.loads(line).get("response", {}).get("Buckets", ())
                    yield from (bucket["Name"].encode() for bucket in buckets)

    def rename(self, copy: int) -> Rename:
        """Return a function that gives the names in a text those of a copy; copy 0 is the sample itself."""
        if not copy:
            return lambda text: text
        return lambda text: self.names.sub(lambda match: _renamed(match[0], copy), text)


def _renamed(name: bytes, copy: int) -> bytes:
    if name.isdigit():
        return b"%c%011d" % (name[0], copy)
    if re.fullmatch(_NUMBERED, name):
        kind, _, number = name.partition(b"-")
        return b"%s-%07x%s" % (kind, copy, number[7:])
    return b"%s-%d" % (name, copy)


def _copy_shards(sample: _Sample, copy: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Write the account-Regions of a copy; yield their records for the manifest."""
    rename = sample.rename(copy)
    for shard in sample.manifest["shards"]:
        if shard["file"] == _ORG:
            continue
        renamed = orjson.loads(rename(orjson.dumps(shard)))
        if shard["file"]:
            renamed |= _write(folder / renamed["file"], (rename(sample.files[shard["file"]]),))
        yield renamed


def _organization_shard(sample: _Sample, copies: int, folder: Path) -> dict[str, Any]:
    """Write the organisation-wide calls of all copies; return their record for the manifest."""
    record = next(shard for shard in sample.manifest["shards"] if shard["file"] == _ORG)
    calls = 0

    def pages() -> Iterator[bytes]:
        nonlocal calls
        for line in sample.files[_ORG].splitlines():
            for page in _organization_pages(line, sample, copies):
                calls += 1
                yield page + b"\n"

    written = _write(folder / _ORG, pages())
    return {**record, **written, "calls": calls}


def _write(path: Path, texts: Iterable[bytes]) -> dict[str, Any]:
    """Write an evidence file, packed as a scan packs it; return what the manifest says of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, gzip.GzipFile("", "wb", compresslevel=3, fileobj=file, mtime=0) as packed:
        packed.writelines(texts)
    return {"sha256": file_sha256(path), "bytes": path.stat().st_size}


def _organization_pages(line: bytes, sample: _Sample, copies: int) -> Iterator[bytes]:
    """Yield an organisation-wide call; a list of accounts gets one further page for each copy."""
    call = orjson.loads(line)
    response = call.get("response", {})
    name = next((name for name in _ACCOUNT_LISTS if response.get(name)), None)
    if name is None:
        yield line
        return
    ends, begins = response.get("NextToken"), call["parameters"].get("NextToken")
    for copy in range(copies):
        following = f"{call['request_id']}-{copy + 1}" if copy + 1 < copies else ends
        entries = [_entry(entry, sample, copy) for entry in response[name]]
        parameters = {**call["parameters"], "NextToken": begins}
        answer = {**response, name: entries, "NextToken": following}
        yield orjson.dumps({**call, "parameters": _less_none(parameters), "response": _less_none(answer)})
        begins = following


def _less_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _entry(entry: dict[str, Any], sample: _Sample, copy: int) -> dict[str, Any]:
    """Return an account in a list as that of a copy. Its ARN begins with the management account's id."""
    key = "TargetId" if "TargetId" in entry else "Id"
    if not copy or entry[key] not in sample.accounts:
        return entry
    number = sample.rename(copy)(entry[key].encode()).decode()
    renamed = {**entry, key: number, "Arn": f"{entry['Arn'].rpartition('/')[0]}/{number}"}
    if "Name" in entry:
        renamed["Name"] = f"{entry['Name']}-{copy}"
    if "Email" in entry:
        renamed["Email"] = entry["Email"].replace("@", f"-{copy}@")
    return renamed


def _manifest(sample: _Sample, copies: int, shards: list[dict[str, Any]]) -> dict[str, Any]:
    scope = sample.manifest["scope"]
    renames = [sample.rename(copy) for copy in range(copies)]

    def again(entries: list[Any]) -> list[Any]:
        return [entry for rename in renames for entry in orjson.loads(rename(orjson.dumps(entries)))]

    # Benches evaluate with the packaged controls, not with the settings of the sample.
    collected = {key: value for key, value in sample.manifest.items() if key != "inputs"}
    return {
        **collected,
        "scope": {**scope, "accounts": again(scope["accounts"]), "excluded": again(scope["excluded"])},
        "accounts": [
            {**account, "name": f"{account['name']}-{copy}" if copy else account["name"]}
            for copy, rename in enumerate(renames)
            for account in orjson.loads(rename(orjson.dumps(sample.manifest["accounts"])))
        ],
        "shards": shards,
        "files": {shard["file"]: shard["sha256"] for shard in shards if shard["file"]},
    }


def main() -> None:
    """Write the bundle that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.bundles")
    parser.add_argument("resources", type=int)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    copies = copies_for(wanted.resources)
    write_bundle(copies, wanted.folder)
    print(f"{copies * RESOURCES:,} resources in {wanted.folder}")


if __name__ == "__main__":
    main()

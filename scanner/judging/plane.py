"""Plane files: what the shards of accounts contribute to the control plane, for workers elsewhere.

Lines of JSON, gzipped. `{"summary": {...}}` is a shard's summary, `{"wanted_by": NAME, "row": ...}` a row
that a shard spills for another one. The files of several accounts are concatenated in the order of the
accounts. JSON, not pickle: whoever can write such a file can falsify an evaluation, as with the evidence
itself, but cannot make its reader run code.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle
from scanner.graph.control_plane import ControlPlane, ShardSummary
from scanner.judging.passes import OtherShards, decoded_summary, encoded_summary, summarised
from scanner.model.collected import CollectedReads
from scanner.model.inventory import Organization
from scanner.storage.files import write_atomically
from scanner.storage.scratch import Spool


def write_plane(bundle: Bundle, path: Path) -> None:
    """Write what the shards of a bundle contribute to the control plane. OutputError: the disk is full."""
    lines = b"".join(line + b"\n" for line in _lines(bundle))
    write_atomically(path, gzip.compress(lines, 6, mtime=0))


def _lines(bundle: Bundle) -> Iterator[bytes]:
    for shard in summarised(bundle):
        yield b'{"summary":' + encoded_summary(shard.summary) + b"}"
        for name, row in shard.spilled:
            yield orjson.dumps({"wanted_by": name, "row": orjson.Fragment(row)})


def read_plane(
    path: Path, organization: Organization, spool: Spool, reads: CollectedReads | None = None
) -> OtherShards:
    """Read the control plane; spilled rows go into `spool`. BundleError: the file is malformed.

    `reads`: what the scan collected; None: everything.
    """

    def summaries() -> Iterator[ShardSummary]:
        try:
            with gzip.open(path) as lines:
                for line in lines:
                    document = orjson.loads(line)
                    if "summary" in document:
                        yield decoded_summary(orjson.dumps(document["summary"]))
                    else:
                        spool.put([(document["wanted_by"], document["row"])])
        except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as problem:
            raise BundleError(
                f"The control plane of the scan cannot be read ({problem}): scan again."
            ) from problem

    plane = ControlPlane(organization, summaries(), reads)
    return OtherShards(plane, spool.of)

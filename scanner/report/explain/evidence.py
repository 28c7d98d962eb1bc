"""The recorded answers that support a tree, shortened, so that an auditor can compare them with it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.bundle import file_sha256
from scanner.evidence.lines import EvidenceLine
from scanner.evidence.manifest import read_manifest
from scanner.evidence.reader import read_lines
from scanner.model.known import EvidenceRef
from scanner.storage.bounded import check_regular

EXCERPT: Final = 240


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of the evidence: the call, and the part of its answer that contains the subject."""

    ref: EvidenceRef
    call: str
    at: str
    answer: str


def recorded(
    scan: Path, bundle: Path, refs: tuple[EvidenceRef, ...], names: tuple[str, ...]
) -> Iterator[Recorded]:
    """Yield the lines in the order of their files. `names`: what to look for in a long answer.

    BundleError: a file is missing, or differs from the checksum in the manifest of the bundle or of the scan:
    then it is not the evidence that the scan was evaluated from.
    """
    # A bundle may come from elsewhere: links in it could point to any file of this machine.
    check_regular(bundle, ("evidence",))
    sums = [_checksums(folder) for folder in (bundle, scan)]
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for ref in refs:
        wanted[ref.file].add(ref.line)
    for file in sorted(wanted):
        _check(bundle, file, {checksums.get(file, "") for checksums in sums})
        yield from _lines(bundle, file, wanted[file], names)


def _checksums(bundle: Path) -> Mapping[str, str]:
    manifest = read_manifest(bundle)
    # Evidence has its checksums with the shards, all other files in a list of their own.
    shards = {record.file: record.sha256 for record in manifest.shards if record.file}
    return {**shards, **manifest.files}


def _check(bundle: Path, file: str, sums: AbstractSet[str]) -> None:
    # File names come from the scan's rows, which are not trusted either.
    if not file.startswith("evidence/") or ".." in Path(file).parts:
        raise BundleError(f"{file} is not an evidence file of a bundle.")
    if not (bundle / file).is_file():
        raise BundleError(f"{bundle} does not contain {file}. Name the folder of the bundle with --bundle.")
    # Bundle and scan must agree: a bundle with a new manifest is other evidence.
    if not {file_sha256(bundle / file)} >= {sha256 for sha256 in sums if sha256}:
        raise BundleError(f"{file} was changed: its SHA-256 differs from the one in the manifest.")


def _lines(bundle: Path, file: str, wanted: set[int], names: tuple[str, ...]) -> Iterator[Recorded]:
    last = max(wanted)
    for line in read_lines(bundle, file):
        if line.ref.line in wanted:
            yield _recorded(line, names)
        # The rest of a large file need not be decompressed.
        if line.ref.line >= last:
            return


def _recorded(line: EvidenceLine, names: tuple[str, ...]) -> Recorded:
    parameters = ", ".join(f"{name}={value}" for name, value in line.parameters.items())
    response = line.response
    if line.error is not None:
        response = {"error": line.error.code, "message": line.error.message}
    answer = orjson.dumps(response).decode()
    return Recorded(line.ref, f"{line.name}({parameters})", line.at, _around(answer, names))


def _around(answer: str, names: tuple[str, ...]) -> str:
    """Return the part of an answer around the first of the names, else its beginning."""
    if len(answer) <= EXCERPT:
        return answer
    # The subject is what an auditor looks for in an answer with a thousand rows.
    at = min((place for name in names if name and (place := answer.find(name)) >= 0), default=0)
    start = max(0, min(at - EXCERPT // 3, len(answer) - EXCERPT))
    part = answer[start : start + EXCERPT]
    return ("\u2026" if start else "") + part + ("\u2026" if start + EXCERPT < len(answer) else "")

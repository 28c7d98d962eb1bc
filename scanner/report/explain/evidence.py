"""The recorded answers that a chain rests on, shortened, so that an auditor can hold them against it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.bundle import file_sha256
from scanner.evidence.lines import EvidenceLine
from scanner.evidence.manifest import read_manifest
from scanner.evidence.reader import read_lines
from scanner.model.reading import EvidenceRef

EXCERPT: Final = 240


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of the evidence: the call, and the part of its answer that speaks of the subject."""

    ref: EvidenceRef
    call: str
    at: str
    answer: str


def recorded(bundle: Path, refs: tuple[EvidenceRef, ...], names: tuple[str, ...]) -> Iterator[Recorded]:
    """Give the lines, in the order of their files; `names` say what in a long answer is looked for.

    BundleError: a file is missing, or not the one whose checksum the manifest has.
    """
    sums = _checksums(bundle)
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for ref in refs:
        wanted[ref.file].add(ref.line)
    for file in sorted(wanted):
        _check(bundle, file, sums)
        yield from _lines(bundle, file, wanted[file], names)


def _checksums(bundle: Path) -> Mapping[str, str]:
    manifest = read_manifest(bundle)
    shards = {record.file: record.sha256 for record in manifest.shards if record.file}
    return {**shards, **manifest.files}


def _check(bundle: Path, file: str, sums: Mapping[str, str]) -> None:
    if not file.startswith("evidence/") or ".." in Path(file).parts:
        raise BundleError(f"{file} is no file of a bundle's evidence.")
    if not (bundle / file).is_file():
        raise BundleError(f"{bundle} has no {file}. Name the folder of the bundle with --bundle.")
    if sums.get(file) and file_sha256(bundle / file) != sums[file]:
        raise BundleError(f"{file} is not the file that the manifest speaks of (its SHA-256 differs).")


def _lines(bundle: Path, file: str, wanted: set[int], names: tuple[str, ...]) -> Iterator[Recorded]:
    last = max(wanted)
    for line in read_lines(bundle, file):
        if line.ref.line in wanted:
            yield _recorded(line, names)
        if line.ref.line >= last:
            return


def _recorded(line: EvidenceLine, names: tuple[str, ...]) -> Recorded:
    asked = ", ".join(f"{name}={value}" for name, value in line.parameters.items())
    said = line.response
    if line.error is not None:
        said = {"error": line.error.code, "message": line.error.message}
    answer = orjson.dumps(said).decode()
    return Recorded(line.ref, f"{line.name}({asked})", line.at, _around(answer, names))


def _around(answer: str, names: tuple[str, ...]) -> str:
    """Give the part of an answer that has one of the names in it, else its beginning."""
    if len(answer) <= EXCERPT:
        return answer
    found = min((place for name in names if name and (place := answer.find(name)) >= 0), default=0)
    start = max(0, min(found - EXCERPT // 3, len(answer) - EXCERPT))
    part = answer[start : start + EXCERPT]
    return ("\u2026" if start else "") + part + ("\u2026" if start + EXCERPT < len(answer) else "")

"""What a disturbed scan may say, held against the undisturbed one.

Every recorded answer is the true one; whatever is missing is on record as a failed read of what was
disturbed; every finding is the same or `unknown`. A list that could not be read names no subjects, which
`account-region-assessed` has to tell.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from scanner.app import collection
from scanner.collect.request import CollectRequest
from scanner.errors import VaultproofError
from scanner.evidence.answers import answering_errors, pagination
from scanner.evidence.bundle import Bundle
from scanner.evidence.reader import read_lines
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest

WATCHDOG_SECONDS = 120.0
ASSESSED = "account-region-assessed"

Identity = tuple[str, str, bytes]
"""File, operation, parameters less the page token."""

V = TypeVar("V")


class HungError(AssertionError):
    """Something did not end, long after it should have."""


def guarded(step: Callable[[], V]) -> V:
    """Do a step that may hang in a thread that may be left behind."""
    results: list[V | BaseException] = []

    def work() -> None:
        try:
            results.append(step())
        except BaseException as problem:  # noqa: BLE001 -- raised again where it is waited for
            results.append(problem)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(WATCHDOG_SECONDS)
    if not results:
        raise HungError(f"no end after {WATCHDOG_SECONDS} seconds")
    if isinstance(result := results[0], BaseException):
        raise result
    return result


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a scan recorded: the answers of each call, and the calls that failed for good."""

    folder: Path
    manifest: Manifest
    answers: Mapping[Identity, tuple[bytes, ...]]
    failed: Mapping[Identity, str]

    @property
    def failed_operations(self) -> frozenset[str]:
        """The operations of failed calls."""
        return frozenset(operation for _, operation, _ in self.failed)


def recorded(request: CollectRequest, folder: Path) -> Evidence | VaultproofError:
    """Collect; give the evidence, or the error that a person would be told."""
    try:
        manifest = guarded(lambda: collection.collect(request, folder))
    except VaultproofError as refusal:
        return refusal
    Bundle(folder).check()
    return evidence_of(folder, manifest)


def evidence_of(folder: Path, manifest: Manifest) -> Evidence:
    """Read what was recorded."""
    answers: dict[Identity, list[bytes]] = {}
    failed: dict[Identity, str] = {}
    for path in sorted((folder / "evidence").rglob("*.jsonl.gz")):
        name = str(path.relative_to(folder))
        for line in read_lines(folder, name):
            paging = pagination().get(line.name)
            skipped = () if paging is None else (paging.input, paging.output, paging.more, paging.page_size)
            asked = {key: value for key, value in line.parameters.items() if key not in skipped}
            identity = (name, line.name, _bytes(asked))
            if line.response is not None:
                said = {key: value for key, value in line.response.items() if key not in skipped}
                answers.setdefault(identity, []).append(_bytes(said))
            elif line.error and line.error.code in answering_errors().get(line.name, ()):
                answers.setdefault(identity, []).append(line.error.code.encode())
            elif line.error:
                failed[identity] = line.error.code
    return Evidence(folder, manifest, {key: tuple(each) for key, each in answers.items()}, failed)


def _bytes(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check_evidence(truth: Evidence, found: Evidence, disturbed: Iterable[str]) -> None:
    """Assert that all that was recorded is true, and that all that is missing is told."""
    new = {identity: code for identity, code in found.failed.items() if identity not in truth.failed}
    assert {operation for _, operation, _ in new} <= set(disturbed), new
    for identity, pages in found.answers.items():
        false = set(pages) - set(truth.answers.get(identity, ())) - {b"{}"}
        assert not _rows(false) - _rows(truth.answers.get(identity, ())), (identity, false)
    missing = [
        identity
        for identity, pages in truth.answers.items()
        if _rows(pages) - _rows(found.answers.get(identity, ()))
    ]
    assert not missing or new, f"lost without a word: {missing}"
    for file, operation, parameters in missing:
        assert any(_explains(each, (file, operation, parameters)) for each in new), (missing, new)


def _explains(gap: Identity, missing: Identity) -> bool:
    """A call that failed explains that it is missing, and what was to be asked with its answer."""
    return gap[1:] == missing[1:] or gap[1] != missing[1] or gap[0] == missing[0]


def _rows(pages: Iterable[bytes]) -> set[bytes]:
    """What pages say, however it is cut into pages."""
    return set(_said(pages))


def _said(pages: Iterable[bytes]) -> Iterator[bytes]:
    for page in pages:
        if not page.startswith(b"{"):
            yield page
            continue
        for key, value in orjson.loads(page).items():
            for row in value if isinstance(value, list) else [value]:
                yield _bytes({key: row})


def check_findings(truth: Iterable[Finding], found: Iterable[Finding], *, gaps: bool) -> None:
    """Assert that each finding is the true one or `unknown`, and that none is made up."""
    true = {(each.control, each.subject): each for each in truth}
    said = {(each.control, each.subject): each for each in found}
    unread = {
        (each.account, each.region)
        for each in said.values()
        if each.control == ASSESSED and each.status is Status.FAIL
    }
    for name, finding in said.items():
        expected = true.get(name)
        same = expected is not None and finding.status is expected.status
        told = gaps and (finding.status is Status.UNKNOWN or _unassessed(finding))
        assert same or told, (finding, expected)
    for name, finding in true.items():
        place = (finding.account, finding.region)
        assert name in said or (gaps and (place in unread or finding.region == "aws-global")), finding


def _unassessed(finding: Finding) -> bool:
    return finding.control == ASSESSED and finding.status is Status.FAIL

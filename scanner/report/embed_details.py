"""The details of findings within the HTML report, in blocks that the page inflates when somebody asks.

A block holds some subjects, worst first, each with all that its findings tell and the chain that protects
it. When the room is used up the rest is left out, and counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from scanner.model.explanation import Node
from scanner.model.finding import Finding, waiver_document
from scanner.report.blocks import block
from scanner.report.chains import Chains
from scanner.report.encoding import encode
from scanner.report.picture import told
from scanner.report.view import View

LARGEST: Final = 40_000
"""Bytes of one detail at most: a list of thousands of resources is for the files beside the report."""

BLOCK: Final = 250_000
"""Bytes of a block before it is compressed, at least: what is inflated to show one subject."""

_AT_ONCE: Final = 250
"""Subjects whose chains are read at once: each time the files of all their accounts are opened."""

_HIDDEN: Final = "name"
"""The detail that is the subject's title, and no news below it."""


@dataclass(frozen=True, slots=True)
class Details:
    """The blocks, the number of the block that tells of a subject, and how many findings are told."""

    blocks: tuple[str, ...]
    places: Mapping[str, int]
    findings: int


def embed_details(view: View, room: int) -> Details:
    """Put the details of the worst subjects into `room` characters, or one block more."""
    blocks: list[str] = []
    places: dict[str, int] = {}
    waiting: dict[str, orjson.Fragment] = {}
    size = used = findings = 0
    for subject, found, text in _subjects(view):
        places[subject] = len(blocks)
        waiting[subject] = orjson.Fragment(text)
        findings += found
        size += len(text)
        if size > BLOCK:
            blocks.append(block(waiting))
            used += len(blocks[-1])
            waiting, size = {}, 0
            if used >= room:
                break
    if waiting:
        blocks.append(block(waiting))
    return Details(tuple(blocks), places, findings)


def _subjects(view: View) -> Iterator[tuple[str, int, bytes]]:
    """Give the subjects, worst first, with the number of their findings and what is told of them."""
    by_subject: dict[str, list[Finding]] = {}
    for finding in view.worst:
        by_subject.setdefault(finding.subject, []).append(finding)
    whole = {each.subject: each.findings for each in view.resources}
    chains, subjects = Chains(view), iter(by_subject)
    while batch := list(islice(subjects, _AT_ONCE)):
        nodes = chains.of([subject for subject in batch if subject in whole])
        for subject in batch:
            found = whole.get(subject) or by_subject[subject]
            yield subject, len(found), _told(found, nodes.get(subject))


def _told(findings: list[Finding] | tuple[Finding, ...], chain: Node | None) -> bytes:
    document: dict[str, Any] = {"findings": {each.control: _finding(each) for each in findings}}
    if chain is not None:
        document["chain"] = told(chain)
    return encode(document)


def _finding(finding: Finding) -> dict[str, Any]:
    waiver, owner = finding.waiver, finding.owner
    parts = {
        "details": _details({key: value for key, value in finding.details.items() if key != _HIDDEN}),
        "evidence": [[ref.file, ref.line] for ref in finding.evidence],
        "waiver": waiver and waiver_document(waiver),
        "owner_source": owner and owner.source,
    }
    return {key: content for key, content in parts.items() if content}


def _details(details: Mapping[str, Any]) -> object:
    """Return details encoded, without those that are too large; None: there are none."""
    if not details:
        return None
    whole = encode(details)
    if len(whole) > LARGEST:
        whole = encode({key: _bounded(encode(value)) for key, value in details.items()})
    return orjson.Fragment(whole)


def _bounded(text: bytes) -> object:
    if len(text) <= LARGEST:
        return orjson.Fragment(text)
    return f"{len(text):,} bytes, left out here: see findings.jsonl.gz"

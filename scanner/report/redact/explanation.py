"""What `audit explain` tells, with pseudonyms."""

from dataclasses import replace
from typing import Final

from scanner.model.explanation import Advice, Explanation, Node, NodeKind
from scanner.model.owner import Owner
from scanner.model.reading import EvidenceRef
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.values import parts_of

_SENTENCES: Final = frozenset((NodeKind.LINK, NodeKind.GROUP, NodeKind.MORE))
"""Nodes whose label is a sentence of ours; all others are called by a name."""


def redacted_explanation(told: Explanation, pseudonyms: Pseudonyms) -> Explanation:
    """Redact an explanation."""
    named = [told.subject, told.name, told.account_name]
    for node in told.root.walk():
        named += [node.subject, *([] if node.kind in _SENTENCES else [node.label])]
    pseudonyms.seek(part for name in named for part in parts_of(name))
    redact = _Redactor(pseudonyms)
    return replace(
        told,
        scan_id=pseudonyms.name(told.scan_id),
        subject=pseudonyms.name(told.subject),
        account=pseudonyms.account(told.account),
        account_name=pseudonyms.name(told.account_name),
        region=pseudonyms.words(told.region),
        name=pseudonyms.name(told.name),
        root=redact.node(told.root),
        advice=tuple(map(redact.advice, told.advice)),
        owner=redact.owner(told.owner),
    )


class _Redactor:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms

    def node(self, node: Node) -> Node:
        told = self._names.sentence if node.kind in _SENTENCES else self._names.name
        return replace(
            node,
            label=told(node.label),
            subject=self._names.name(node.subject),
            because=self._names.sentence(node.because),
            facts=tuple((name, self._names.sentence(value)) for name, value in node.facts),
            evidence=tuple(EvidenceRef(self._names.path(ref.file), ref.line) for ref in node.evidence),
            children=tuple(map(self.node, node.children)),
        )

    def advice(self, advice: Advice) -> Advice:
        return replace(
            advice,
            title=self._names.sentence(advice.title),
            subject=self._names.name(advice.subject),
            reason=self._names.sentence(advice.reason),
            text=self._names.sentence(advice.text),
            cli=self._names.sentence(advice.cli),
            owner=self.owner(advice.owner),
        )

    def owner(self, owner: Owner | None) -> Owner | None:
        if owner is None:
            return None
        return Owner(owner.name and self._names.name(owner.name), self._names.sentence(owner.source))

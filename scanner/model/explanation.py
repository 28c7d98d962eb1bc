"""Why something is protected, or is not: a tree of links, each with its verdict, reason and evidence.

The terminal, JSON, SVG and the HTML report all draw this one structure, and none of them adds to it. Texts
are as AWS and its users wrote them: whoever draws them makes hidden characters visible.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from scanner.model.finding import Severity, Status
from scanner.model.owner import Owner
from scanner.model.reading import EvidenceRef
from scanner.model.ternary import Ternary

if TYPE_CHECKING:
    from collections.abc import Iterator


class Verdict(StrEnum):
    """What is said of a link. STATED: nothing is judged here, it is told because it bears on the rest."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    STATED = "stated"


def verdict_of(holds: Ternary) -> Verdict:
    """Turn a three-valued answer into a verdict."""
    if holds is None:
        return Verdict.UNKNOWN
    return Verdict.HOLDS if holds else Verdict.BROKEN


class NodeKind(StrEnum):
    """What a node stands for."""

    RESOURCE = "resource"
    PARENT = "parent"  # the instance, cluster or stack through which a resource is backed up
    PLAN = "plan"
    SELECTION = "selection"
    RULE = "rule"
    VAULT = "vault"
    COPY = "copy"
    RECOVERY_POINT = "recovery_point"
    LINK = "link"  # one condition that must hold
    KEY = "key"
    GROUP = "group"  # a heading above what is told together
    MORE = "more"  # what is left out, or may be there unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One link of the chain. `subject` is its name in findings; empty where it has none of its own."""

    kind: NodeKind
    label: str
    verdict: Verdict = Verdict.STATED
    subject: str = ""
    because: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # what it is, as name and value for people
    evidence: tuple[EvidenceRef, ...] = ()
    children: "tuple[Node, ...]" = ()

    def walk(self) -> "Iterator[Node]":
        """Give this node and all below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a control said of a subject in the tree that does not pass, and what to do about it."""

    control: str
    title: str
    status: Status
    severity: Severity
    subject: str
    reason: str
    text: str = ""  # what to do; empty: the scan does not say
    cli: str = ""  # commands that do it
    owner: Owner | None = None  # who is asked about it; None: nothing says how owners are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The chain of one subject of a judged scan. `as_of` is the clock of the judgement, RFC 3339."""

    scan_id: str
    as_of: str
    subject: str
    subject_type: str
    account: str
    account_name: str
    region: str
    name: str
    root: Node
    advice: tuple[Advice, ...] = ()
    owner: Owner | None = None  # of the subject

    @property
    def evidence(self) -> tuple[EvidenceRef, ...]:
        """Give every evidence line that the tree names, each once, in the tree's order."""
        return tuple(dict.fromkeys(ref for node in self.root.walk() for ref in node.evidence))

"""Why a subject is protected or not: a tree of links, each with its verdict, reason and evidence.

The terminal, JSON, SVG and the HTML report all render this one structure and add nothing to it. Texts are as
AWS and its users wrote them: each renderer makes hidden characters visible.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scanner.model.decisions import Owner
from scanner.model.finding import Severity, Status
from scanner.model.known import EvidenceRef, Ternary
from scanner.model.root_causes import Blocker, RootCause

if TYPE_CHECKING:
    from collections.abc import Iterator


class Verdict(StrEnum):
    """The verdict on a link. STATED: no verdict; the node is there for context."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    STATED = "stated"


def verdict_of(holds: Ternary) -> Verdict:
    """Return the verdict for a three-valued answer."""
    if holds is None:
        return Verdict.UNKNOWN
    return Verdict.HOLDS if holds else Verdict.BROKEN


class NodeKind(StrEnum):
    """What a node represents."""

    RESOURCE = "resource"
    PARENT = "parent"  # the instance, cluster or stack through which a resource is backed up
    PLAN = "plan"
    SELECTION = "selection"
    RULE = "rule"
    VAULT = "vault"
    COPY = "copy"
    RECOVERY_POINT = "recovery_point"
    LINK = "link"  # one condition for protection
    KEY = "key"
    SETTING = "setting"  # a value of an effective backup policy
    GROUP = "group"  # a heading for its children
    MORE = "more"  # children that are left out, or that may exist unseen


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBy:
    """A backup policy that names a setting, where it is attached, and its operator there.

    `effective` None: whether it sets the value is not known. `limited_by`: the policies above whose child
    control operators leave it without effect.
    """

    policy: str
    name: str
    attached_to: str
    operator: str
    value: str
    effective: Ternary
    limited_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One link of the chain. `subject`: its name in findings; empty where it has none."""

    kind: NodeKind
    label: str
    verdict: Verdict = Verdict.STATED
    subject: str = ""
    because: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # properties, as name and value for people
    evidence: tuple[EvidenceRef, ...] = ()
    children: "tuple[Node, ...]" = ()
    set_by: tuple[SetBy, ...] = ()  # of a setting

    def walk(self) -> "Iterator[Node]":
        """Yield this node and all below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A finding about a subject in the tree that does not pass, and what to do about it."""

    control: str
    title: str
    status: Status
    severity: Severity
    subject: str
    reason: str
    text: str = ""  # what to do; empty: the scan does not say
    cli: str = ""  # commands that do it
    owner: Owner | None = None  # None: audit.yaml names no owners
    root_cause: RootCause | None = None  # None: not traced
    blocked_by: Blocker | None = None  # the failure that it hangs on; None: none is known
    subject_type: str = ""
    account: str = ""
    region: str = ""
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)  # of the finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The chain of one subject of a judged scan. `as_of`: the clock of the evaluation, RFC 3339."""

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
        """Every evidence line of the tree once, in the tree's order."""
        return tuple(dict.fromkeys(ref for node in self.root.walk() for ref in node.evidence))

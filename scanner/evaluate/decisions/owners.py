"""The owner of a subject: the name from the first way of audit.yaml that has one.

A way whose result is unknown (the tags were not read) ends the search: the owner that a later way names may
be the wrong one. Ways that require tags skip subjects whose tags the scan does not read (vaults, plans,
accounts); a recovery point has the owner of the resource that it is a backup of.
"""

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from scanner.evaluate.decisions.waivers import SUBJECT_TYPE as WAIVER
from scanner.model.decisions import NOBODY, ContactWay, OwnedBy, Owner, Ownership, RuleWay, TagWay, Way
from scanner.model.finding import Finding
from scanner.model.known import Ternary

Tags = tuple[tuple[str, str], ...]

BACKUP: Final = "recovery_point"
"""The type of subjects that have the owner of what they are backups of."""
_REMEMBERED: Final = 50_000
_UNITS = re.compile(r"(?:ou|r)-[0-9a-z-]+")
V = TypeVar("V", bound=Hashable)
_MASK: Final = (1 << 64) - 1
_BATCH: Final = 20_000
_COLUMNS: Final = ("subject", "subject_type", "account", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What decides who owns a subject.

    `tags`: None where they were not read. `tagged` False: it is of a kind whose tags the scan never reads.
    """

    subject: str
    type: str
    account: str
    region: str
    tags: Tags | None = ()
    tagged: bool = True


@dataclass(frozen=True, slots=True)
class _NotKnown:
    why: str


_Answer = Owner | _NotKnown | None
"""What a way returns for a subject: an owner, that the owner is unknown, or nothing."""


def owner_of(subject: Subject, ownership: Ownership) -> Owner:
    """Return the owner of one subject."""
    doubts: list[str] = []
    for way in ownership.ways:
        answer = _answer(way, subject, ownership)
        if isinstance(answer, _NotKnown):
            # The owner stays unknown; the search goes on only to name who it would be otherwise.
            doubts.append(answer.why)
        elif answer is not None:
            return _doubted(doubts, answer) if doubts else answer
    return _doubted(doubts, NOBODY) if doubts else NOBODY


def _doubted(doubts: list[str], otherwise: Owner) -> Owner:
    named = f"otherwise {otherwise.name} ({otherwise.source})" if otherwise.name else "otherwise nobody"
    return Owner(None, f"not known: {' and '.join(dict.fromkeys(doubts))}; {named}")


def _answer(way: Way, subject: Subject, ownership: Ownership) -> _Answer:
    match way:
        case TagWay():
            return _by_tag(way, subject)
        case ContactWay():
            return _by_contact(way, subject, ownership)
        case RuleWay():
            return _by_rule(way, subject, ownership)


def _by_tag(way: TagWay, subject: Subject) -> _Answer:
    # The next way may know; a kind without tags is no missing read.
    if not subject.tagged:
        return None
    if subject.tags is None:
        return _NotKnown("its tags were not read")
    tags = dict(subject.tags)
    for key in way.keys:
        if value := tags.get(key, "").strip():
            return Owner(value, f"tag {key}")
    return None


def _by_contact(way: ContactWay, subject: Subject, ownership: Ownership) -> _Answer:
    contacts = ownership.contacts.get(subject.account)
    if contacts is None:
        return _NotKnown("the contacts of its account were not read")
    for kind in way.kinds:
        contact = contacts.get(kind, "")
        if contact is None:
            return _NotKnown(f"the {kind} of its account was not read")
        # None was not read, which differs from an empty contact: the account simply has none.
        if contact.strip():
            return Owner(contact.strip(), f"account {kind}")
    return None


def _by_rule(way: RuleWay, subject: Subject, ownership: Ownership) -> _Answer:
    concerned = concerns(way.concerns, subject, ownership)
    if concerned is None:
        tags_missing = way.concerns.tags and subject.tags is None
        why = (
            "its tags were not read"
            if tags_missing
            else "the organizational unit of its account was not read"
        )
        return _NotKnown(why)
    return Owner(way.owner, f"rule {way.number}") if concerned else None


def concerns(rule: OwnedBy, subject: Subject, ownership: Ownership) -> Ternary:
    """Return whether a rule applies to a subject; None: its tags or its unit are unknown."""
    texts = (
        (rule.accounts, subject.account),
        (rule.types, subject.type),
        (rule.regions, subject.region),
        (rule.subjects, subject.subject),
    )
    if not all(_is_like(text, patterns) for patterns, text in texts if patterns):
        return False
    answers = (_has_tags(rule, subject), _lies_below(rule, subject, ownership))
    # False before None: one criterion that certainly fails decides, whatever is unknown.
    if False in answers:
        return False
    return None if None in answers else True


def _has_tags(rule: OwnedBy, subject: Subject) -> Ternary:
    if not rule.tags:
        return True
    if not subject.tagged:
        return False
    if subject.tags is None:
        return None
    tags = dict(subject.tags)
    return all(key in tags and _is_like(tags[key], values) for key, values in rule.tags)


def _lies_below(rule: OwnedBy, subject: Subject, ownership: Ownership) -> Ternary:
    if not rule.organizational_units:
        return True
    above = ownership.units.get(subject.account)
    # Unknown units may contain the named ones.
    return None if above is None else not set(above).isdisjoint(rule.organizational_units)


def _is_like(text: str, patterns: tuple[str, ...]) -> bool:
    return any(_pattern(pattern).fullmatch(text) for pattern in patterns)


@lru_cache(maxsize=4_096)
def _pattern(text: str) -> re.Pattern[str]:
    # Escaped piece by piece, because `*` is the only special character of audit.yaml.
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def units_above(path: str | None) -> tuple[str, ...] | None:
    """Return the units of a path `o-…/r-…/ou-…/ou-…/`; None: the path is unknown."""
    return None if not path else tuple(part for part in path.split("/") if _UNITS.fullmatch(part))


def asked_tags(ownership: Ownership) -> frozenset[str]:
    """Return the keys of the tags that owner rules use."""
    by_tag = {key for way in ownership.ways if isinstance(way, TagWay) for key in way.keys}
    by_rule = {key for way in ownership.ways if isinstance(way, RuleWay) for key, _ in way.concerns.tags}
    return frozenset(by_tag | by_rule)


class Owners:
    """The owners of the subjects of one scan. Subjects that are alike are looked at once."""

    def __init__(self, ownership: Ownership, resources: Iterable[Subject]) -> None:
        """Look at the resources, one after the other; some twenty bytes of each are kept."""
        self._ownership = ownership
        self._patterns = tuple(
            way.concerns.subjects
            for way in ownership.ways
            if isinstance(way, RuleWay) and way.concerns.subjects
        )
        self._known: dict[object, Owner] = {}
        self._index: Index[Owner] = Index((resource.subject, self._of(resource)) for resource in resources)

    def of(self, finding: Finding) -> Owner:
        """Return the owner of a finding's subject."""
        source = finding.details.get("resource") if finding.subject_type == BACKUP else None
        return self.of_row(
            finding.subject,
            finding.subject_type,
            finding.account,
            finding.region,
            source if isinstance(source, str) else None,
        )

    def of_row(self, subject: str, kind: str, account: str, region: str, source: str | None) -> Owner:
        """Return the owner of a subject. `source`: what a recovery point is a backup of; None: not known."""
        owner = self._index.get(subject)
        # Recovery points without an owner of their own have that of what they are backups of.
        if owner is None and source is not None:
            owner = self._index.get(source)
        if owner is not None:
            return owner
        return self._of(Subject(subject=subject, type=kind, account=account, region=region, tagged=False))

    def _of(self, subject: Subject) -> Owner:
        # Only rules with `subjects` look at the name, so all other subjects of a kind share one result.
        matched = tuple(_is_like(subject.subject, patterns) for patterns in self._patterns)
        alike = (subject.account, subject.type, subject.region, subject.tags, subject.tagged, matched)
        owner = self._known.get(alike)
        if owner is None:
            if len(self._known) >= _REMEMBERED:
                # Cleared rather than evicted: a bound on memory is all that is needed.
                self._known.clear()
            owner = self._known[alike] = owner_of(subject, self._ownership)
        return owner


def owned(findings: Iterable[Finding], owners: Owners | None) -> Iterator[Finding]:
    """Yield findings with their owners. `owners` None: audit.yaml has no rules for owners."""
    for finding in findings:
        if owners is None:
            yield finding
        elif finding.subject_type == WAIVER:
            yield replace(finding, owner=Owner(str(finding.details["owner"]), "waiver"))
        else:
            owner = owners.of(finding)
            yield replace(finding, owner=owner)


class Index(Generic[V]):
    """Looks texts up by 64 bits of their hash.

    Two of a million texts share one with a probability of 1 in 37 million, and one of them then has the
    value of the other: good enough to say who is asked, not to judge by.
    """

    def __init__(self, pairs: Iterable[tuple[str, V]]) -> None:
        places: dict[V, int] = {}
        hashes, values = array("Q"), array("I")
        for text, value in pairs:
            hashes.append(hash(text) & _MASK)
            values.append(places.setdefault(value, len(places)))
        # Owners are few, subjects many: a number per subject instead of an object.
        self._distinct_values = tuple(places)
        self._hashes, self._values = _sorted(hashes, values)

    def get(self, text: str) -> V | None:
        """Return the value of a text; None: it is not in the index."""
        wanted = hash(text) & _MASK
        at = bisect_left(self._hashes, wanted)
        if at < len(self._hashes) and self._hashes[at] == wanted:
            return self._distinct_values[self._values[at]]
        return None


def _sorted(hashes: "array[int]", values: "array[int]") -> "tuple[memoryview, memoryview]":
    """Sort both by the hashes; equal hashes stay in their order."""
    # Sorting in Arrow is faster, and needs no list of Python integers.
    keys = pa.Array.from_buffers(pa.uint64(), len(hashes), [None, pa.py_buffer(hashes)])
    numbers = pa.Array.from_buffers(pa.uint32(), len(values), [None, pa.py_buffer(values)])
    order = pc.sort_indices(keys)
    return _plain(keys.take(order), "Q"), _plain(numbers.take(order), "I")


def _plain(numbers: pa.Array, kind: str) -> memoryview:
    if not len(numbers):
        # An empty Arrow array may have no buffer.
        return memoryview(array(kind))
    return memoryview(numbers.buffers()[1]).cast("B")[: len(numbers) * array(kind).itemsize].cast(kind)  # type: ignore[call-overload,no-any-return]


def owners_of(ownership: Ownership | None, table: ds.Dataset) -> Owners | None:
    """Find out who owns the rows of the fact table `resource`. None: nothing says how owners are named."""
    return None if ownership is None else Owners(ownership, resources(table, asked_tags(ownership)))


def resources(table: ds.Dataset, keys: frozenset[str]) -> Iterator[Subject]:
    """Go through the fact table `resource`. Of the tags, only those with one of `keys` are read."""
    columns = [*_COLUMNS, *(["tags"] if keys else [])]
    for batch in table.to_batches(
        columns=columns, batch_size=_BATCH, batch_readahead=1, fragment_readahead=1, cache_metadata=False
    ):
        tags = _tags(batch.column("tags"), keys) if keys else [()] * batch.num_rows
        rows = zip(*(batch.column(name).to_pylist() for name in _COLUMNS), tags, strict=True)
        for subject, kind, account, region, its_tags in rows:
            yield Subject(subject=subject, type=kind, account=account, region=region, tags=its_tags)


def _tags(column: pa.ListArray, keys: frozenset[str]) -> list[Tags | None]:
    """Return the tags with `keys` of each row; None: they are unknown, or not all of them are known."""
    parents, members = pc.list_parent_indices(column), column.flatten()
    names, values = pc.struct_field(members, "key"), pc.struct_field(members, "value")
    wanted = pc.is_in(names, value_set=pa.array(sorted(keys), pa.string()))
    tags: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    picked = (array.filter(wanted).to_pylist() for array in (parents, names, values))
    for row, key, value in zip(*picked, strict=True):
        tags[row].append((key, value))
    # A tag that was not read may be the one that names the owner.
    vague = pc.or_(pc.is_null(names), pc.and_(wanted, pc.is_null(values)))
    unread = {*parents.filter(vague).to_pylist(), *pc.indices_nonzero(pc.is_null(column)).to_pylist()}
    return [None if row in unread else tuple(tags.get(row, ())) for row in range(len(column))]

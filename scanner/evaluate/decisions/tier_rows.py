"""Numbers the rows of a fact table: rows to which the same tiers and overrides apply have the same number.

DuckDB computes the location of each row, its type, and which conditions it meets; the rest is computed once
for rows with the same results. Recovery points have the tags of the resource that they are backups of.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scanner.evaluate.database import POSITION, numbered
from scanner.evaluate.decisions.patterns import like_any_sql
from scanner.evaluate.decisions.tiers import Condition, Location, Signature, Signatures, Tiering
from scanner.evaluate.language.reasons import literal

BATCH: Final = 100_000
TAGGED: Final = "resource"
"""The table that has tags."""
EVERYWHERE: Final = "resource of all accounts"
"""TAGGED of all accounts, where only some are loaded: a copy may be in another account than its resource."""
BACKUPS: Final = "recovery_point"
"""The table whose rows have the tags and the type of what they are backups of."""

UNREAD: Final = "Its tags were not read."
GONE: Final = "The tags of its resource are unknown: the resource is not in the inventory."

# Control characters as separators: neither ARNs nor tags of AWS can contain them.
_UNIT, _RECORD = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Alike:
    """What rows of one number have in common. `why`: what was not read, if a match is uncertain."""

    signature: Signature
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableRows:
    """The numbers of all rows, in the order of the table, and what each number means."""

    numbers: pa.ChunkedArray
    alike: tuple[Alike, ...]

    def mask(self, chosen: Sequence[bool]) -> str:
        """Write the rows whose numbers are chosen as bits, for DuckDB."""
        bits = pa.array([ord("1") if row else ord("0") for row in chosen], pa.uint8())
        chunks = (bits.take(chunk) for chunk in self.numbers.chunks)
        return "".join(_text(chunk) for chunk in chunks)

    def __iter__(self) -> Iterator[int]:
        """Yield the number of each row."""
        for chunk in self.numbers.chunks:
            yield from chunk.to_pylist()


def _text(chunk: pa.UInt8Array) -> str:
    """Return an array of ASCII codes as text."""
    start = chunk.offset
    return chunk.buffers()[1].to_pybytes()[start : start + len(chunk)].decode("ascii") if len(chunk) else ""


def columns_asked(conditions: Iterable[Condition], tables: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the columns of fact tables that signatures of `tables` need in addition to every verdict's."""
    needed = dict.fromkeys(tables, ())
    by_tag = any(column.key for column in conditions)
    columns: dict[str, tuple[str, ...]] = {}
    if BACKUPS in needed:
        columns[BACKUPS] = ("resource", "resource_type")
    if by_tag and (TAGGED in needed or BACKUPS in needed):
        columns[TAGGED] = ("subject", "tags", "not_known")
    return columns


def table_rows(
    connection: duckdb.DuckDBPyConnection, table: str, tiering: Tiering, loaded: Iterable[str]
) -> TableRows:
    """Number the rows of a loaded table. `known`: the tables that are loaded."""
    signatures = Signatures(tiering)
    # Prefer the table of all accounts, since a copy may be in another account than its resource.
    tagged = next((name for name in (EVERYWHERE, TAGGED) if name in set(loaded)), "")
    sql = _Asked(table, signatures.conditions, tagged).sql()
    numbers: dict[str, int] = {}
    # Texts are numbered first: decoding each distinct text once is much cheaper than each row.
    chunks = [_encoded(batch.column(0), numbers) for batch in connection.sql(sql).to_arrow_reader(BATCH)]
    alike: dict[Alike, int] = {}
    merged_numbers = [alike.setdefault(_alike(text, signatures, tiering), len(alike)) for text in numbers]
    merged = pa.array(merged_numbers, pa.uint32())
    columns = [merged.take(chunk) for chunk in chunks]
    return TableRows(pa.chunked_array(columns, pa.uint32()), tuple(alike))


def _encoded(texts: pa.StringArray, numbers: dict[str, int]) -> pa.UInt32Array:
    """Number texts; those that are new get the next numbers."""
    encoded = pc.dictionary_encode(texts)
    encoded_numbers = [numbers.setdefault(text, len(numbers)) for text in encoded.dictionary.to_pylist()]
    return pa.array(encoded_numbers, pa.uint32()).take(encoded.indices)


def _alike(text: str, signatures: Signatures, tiering: Tiering) -> Alike:
    account, region, types, letters, why = text.split(_UNIT, 4)
    location = Location(account, region, tuple(types.split(_RECORD)))
    signature, doubts_unit = signatures.of(location, letters)
    # Only doubts need a reason.
    if all(is_certain for _, is_certain in signature):
        return Alike(signature, ())
    unit = f"The organizational unit of account {account} is unknown. {tiering.units_unread}".strip()
    return Alike(signature, tuple(filter(None, (why, unit if doubts_unit else ""))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The SELECT that returns one text per row: its location, the conditions it meets, and missing reads."""

    table: str
    conditions: tuple[Condition, ...]
    tagged: str  # the table with the tags of backed up resources; empty: it is not loaded

    def sql(self) -> str:
        """Return the statement. Its rows are in the order of the table."""
        types = f"subject_type || '{_RECORD}' || resource_type" if self.table == BACKUPS else "subject_type"
        parts = ("account", "region", types, self.letters(), self.why())
        columns = f" || '{_UNIT}' || ".join(f"({part})" for part in parts)
        return f"SELECT {columns} FROM {self.source()}"  # nosec B608 # noqa: S608 -- names of the model, quoted patterns

    @property
    def by_tag(self) -> list[Condition]:
        return [condition for condition in self.conditions if condition.key]

    @property
    def looks_elsewhere(self) -> bool:
        """Whether tags are those of another table's rows."""
        return self.table == BACKUPS and bool(self.tagged) and bool(self.by_tag)

    def letters(self) -> str:
        return " || ".join(["''", *map(self.letter, self.conditions)])

    def letter(self, condition: Condition) -> str:
        if not condition.key:
            return f"CASE WHEN {like_any_sql('subject', condition.patterns)} THEN 't' ELSE 'f' END"
        if self.table == TAGGED:
            return _tag_letter(condition)
        if self.looks_elsewhere:
            return f"coalesce(letters_[{self.by_tag.index(condition) + 1}], '?')"
        # Tables without tags never meet a condition on one; backups without loaded resources might.
        return "'?'" if self.table == BACKUPS else "'f'"

    def why(self) -> str:
        if self.table == TAGGED and self.by_tag:
            return f"CASE WHEN contains({self.letters()}, '?') THEN {_unread()} ELSE '' END"
        if self.looks_elsewhere:
            return f"coalesce(why_, {literal(GONE)})"
        return literal(GONE) if self.table == BACKUPS and self.by_tag else "''"

    def source(self) -> str:
        rows = f'"{numbered(self.table)}"'
        if not self.looks_elsewhere:
            return rows
        letters = " || ".join(map(_tag_letter, self.by_tag))
        sources = (
            f"SELECT subject AS source_, max({letters}) AS letters_, max({_unread()}) AS why_ "  # nosec B608 # noqa: S608 -- as above
            f'FROM "{self.tagged}" GROUP BY subject'
        )
        joined = f"SELECT * FROM {rows} LEFT JOIN ({sources}) ON resource = source_"  # nosec B608 # noqa: S608 -- as above
        # A join does not keep the order, and numbers belong to positions.
        return f'({joined}) ORDER BY "{POSITION}"'


def _unread() -> str:
    """Return which tags were not read, according to the row."""
    about = "list_filter(not_known, lambda n: split_part(n.about, '.', 1) = 'tags')"
    texts = f"list_sort(list_distinct(list_transform({about}, lambda n: n.reason)))"
    return f"CASE WHEN len({about}) > 0 THEN array_to_string({texts}, ' ') ELSE {literal(UNREAD)} END"


def _tag_letter(condition: Condition) -> str:
    """Return the SQL of a condition on a tag.

    A resource has a tag key at most once, so another value decides even if the list of tags is incomplete.
    """
    name = literal(condition.key)
    like = like_any_sql("t.value", condition.patterns)
    same = f"list_filter(tags, lambda t: t.key = {name} AND {like})"
    another_value = f"list_filter(tags, lambda t: t.key = {name} AND t.value IS NOT NULL)"
    vague = "list_filter(tags, lambda t: t IS NULL OR t.key IS NULL OR t.value IS NULL)"
    return (
        f"(CASE WHEN tags IS NULL THEN '?' WHEN len({same}) > 0 THEN 't' "
        f"WHEN len({another_value}) > 0 THEN 'f' WHEN len({vague}) > 0 THEN '?' ELSE 'f' END)"
    )

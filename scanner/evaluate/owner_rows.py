"""The resources of a scan as owners are found out of them: a few columns, batch by batch."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from scanner.evaluate.owners import Owners, Subject, Tags, asked_tags
from scanner.model.owner import Ownership

_BATCH: Final = 20_000
_COLUMNS: Final = ("subject", "subject_type", "account", "region")


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
        told = zip(*(batch.column(name).to_pylist() for name in _COLUMNS), tags, strict=True)
        for subject, kind, account, region, its_tags in told:
            yield Subject(subject=subject, type=kind, account=account, region=region, tags=its_tags)


def _tags(column: pa.ListArray, keys: frozenset[str]) -> list[Tags | None]:
    """Give the tags with `keys` of each row; None where they are not known, or not all of them."""
    parents, members = pc.list_parent_indices(column), column.flatten()
    names, values = pc.struct_field(members, "key"), pc.struct_field(members, "value")
    wanted = pc.is_in(names, value_set=pa.array(sorted(keys), pa.string()))
    found: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    picked = (each.filter(wanted).to_pylist() for each in (parents, names, values))
    for row, key, value in zip(*picked, strict=True):
        found[row].append((key, value))
    vague = pc.or_(pc.is_null(names), pc.and_(wanted, pc.is_null(values)))
    unread = {*parents.filter(vague).to_pylist(), *pc.indices_nonzero(pc.is_null(column)).to_pylist()}
    return [None if row in unread else tuple(found.get(row, ())) for row in range(len(column))]

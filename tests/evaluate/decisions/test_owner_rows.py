"""Owners are found out of the fact table; tags that are not known stay not known."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from scanner.evaluate.decisions.owners import owners_of, resources
from scanner.model.decisions import Ownership, TagWay

TAGS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))


def tag(key: str | None, value: str | None) -> dict[str, Any]:
    return {"key": key, "value": value}


ROWS: tuple[tuple[list[dict[str, Any] | None] | None, Any], ...] = (
    ([tag("team", "blue"), tag("other", "x")], (("team", "blue"),)),
    ([], ()),
    (None, None),
    ([tag("other", "x")], ()),
    ([tag("team", "red"), None], None),
    ([tag("team", None)], None),
    ([tag("other", None), tag("owner", "eve"), tag("team", "green")], (("owner", "eve"), ("team", "green"))),
)


def table(folder: Path, rows: list[Any]) -> ds.Dataset:
    number = len(rows)
    columns = {
        "subject": [f"s{n}" for n in range(number)],
        "subject_type": ["EBS"] * number,
        "account": ["111111111111"] * number,
        "region": ["eu-west-1"] * number,
        "tags": pa.array(rows, TAGS),
    }
    pq.write_table(pa.table(columns), folder / "resource.parquet")
    return ds.dataset(folder / "resource.parquet")


def test_each_row_has_the_tags_that_were_asked_for(tmp_path: Path) -> None:
    result = resources(table(tmp_path, [tags for tags, _ in ROWS]), frozenset(("team", "owner")))
    assert [each.tags for each in result] == [expected for _, expected in ROWS]


def test_without_keys_no_tags_are_read(tmp_path: Path) -> None:
    result = list(resources(table(tmp_path, [None, []]), frozenset()))
    assert [(each.subject, each.tags) for each in result] == [("s0", ()), ("s1", ())]


def test_where_nothing_names_owners_nothing_is_read(tmp_path: Path) -> None:
    here = table(tmp_path, [[]])
    assert owners_of(None, here) is None
    assert owners_of(Ownership(ways=(TagWay(("team",)),)), here) is not None

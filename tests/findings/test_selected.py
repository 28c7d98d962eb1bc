"""The first findings of controls and statuses are read with their texts, and no others."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.findings import filed as filing_order
from scanner.findings.filed import Filed
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.findings.selected import Numbers
from scanner.model.finding import Finding, Status
from tests.fakes.filed import RecordedWords, write_filed
from tests.fakes.findings import CONTROLS, findings

NUMBERS = st.dictionaries(
    st.sampled_from([each.id for each in CONTROLS]),
    st.dictionaries(st.sampled_from(Status), st.integers(1, 4), min_size=1),
)


def first_of(found: Sequence[Finding], numbers: dict[str, Numbers]) -> list[Finding]:
    seen: defaultdict[tuple[str, Status], int] = defaultdict(int)
    first = []
    for each in found:
        seen[each.control, each.status] += 1
        if seen[each.control, each.status] <= numbers.get(each.control, {}).get(each.status, 0):
            first.append(each)
    return first


@settings(max_examples=40)
@given(found=findings(), numbers=NUMBERS, rows=st.integers(1, 9))
def test_the_first_of_each_control_and_status_are_read(
    found: tuple[Finding, ...], numbers: dict[str, Numbers], rows: int
) -> None:
    words = RecordedWords({each.order: each for each in found})
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(filing_order, "ROWS", rows)
        filed = Filed(write_filed(Path(folder), found), CONTROLS, words)
        expected = first_of(found, numbers)
        assert [*filed.first(numbers)] == expected
    assert words.rendered == [each.order for each in expected if each.status in WITHOUT_TEXTS]

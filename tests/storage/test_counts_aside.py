from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import OutputError
from scanner.storage.scratch import ScratchCounts

answers = st.lists(
    st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from(("s", "t", "\ud800")),
        st.sampled_from(("pass", "fail")),
        st.integers(1, 3),
    )
)


@given(answers)
def test_it_counts_what_was_told_of_a_subject_in_a_place(told: list[tuple[str, str, str, int]]) -> None:
    with ScratchCounts() as aside:
        aside.add(told[: len(told) // 2])
        aside.add(told[len(told) // 2 :])
        for place in "ABCD":
            counts = aside.of(place)
            for subject in ("s", "t", "\ud800", "u"):
                expected: Counter[str] = Counter()
                for where, about, answer, number in told:
                    if (where, about) == (place, subject):
                        expected[answer] += number
                assert counts.of(subject) == expected


def test_a_disk_that_is_full_is_told() -> None:
    with ScratchCounts() as aside:
        aside._database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(OutputError, match="SQLITE_TMPDIR"):
            aside.add(("place", f"subject {number}", "fail", 1) for number in range(10_000))

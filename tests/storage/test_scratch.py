"""Rows that are put aside come back to whoever wants them, in order, however many there are."""

from pathlib import Path

import pytest

from scanner.errors import OutputError
from scanner.storage.scratch import Spool, SpoolReader, encoded


def test_rows_come_back_by_name_in_order() -> None:
    with Spool() as spool:
        spool.put([("a", {"n": 1}), ("b", {"n": 2}), ("a", {"n": 3})])
        assert list(spool.of("a")) == [{"n": 1}, {"n": 3}]
        spool.put([("a", {"n": 4})])  # after something was asked for, too
        assert [row["n"] for row in spool.of("a")] == [1, 3, 4]
        assert list(spool.of("nobody")) == []
        assert list(spool.of("' OR 1=1 --")) == []


def test_any_text_is_a_name_and_a_value() -> None:
    name = "arn:aws:s3:::b\0ü\U0001f600'\""
    with Spool() as spool:
        spool.put([(name, ["<script>", name, None, 1.5])])
        assert list(spool.of(name)) == [["<script>", name, None, 1.5]]


def test_a_hundred_thousand_rows() -> None:
    with Spool() as spool:
        spool.put((f"{n % 100}", n) for n in range(100_000))
        assert list(spool.of("7")) == list(range(7, 100_000, 100))


def test_a_spool_that_cannot_be_written_says_so() -> None:
    with Spool() as spool:
        spool._database.execute("PRAGMA max_page_count = 3")
        with pytest.raises(OutputError, match="SQLITE_TMPDIR"):
            spool.put((f"{n}", "x" * 1000) for n in range(1000))


def test_a_spool_with_a_file_is_read_by_others(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool #1?") as spool:
        spool.put([("a", 1), ("b", 2)])
        spool.put_encoded(encoded([("a", 3)]))
        reader = SpoolReader(spool.share())
        assert list(reader.of("a")) == [1, 3]
        assert list(reader.of("nobody")) == []


def test_a_spool_without_a_file_is_nobody_elses() -> None:
    with Spool() as spool, pytest.raises(ValueError, match="without a file"):
        spool.share()

"""docs/formats.md speaks of every format, file and column that there is."""

import re
from pathlib import Path

import pytest

from scanner.model.formats import FORMATS as OFFERED
from scanner.report.formats import csv, xlsx
from scanner.report.write import FORMATS
from scanner.storage.findings_parquet import SCHEMA

TEXT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))

TOLD_WITH = {"summary": "json", "pdf-letter": "pdf", "ocsf-parquet": "ocsf"}
"""Formats that have no section of their own."""


def test_what_the_command_line_offers_is_what_can_be_written() -> None:
    assert set(OFFERED) == set(FORMATS)


@pytest.mark.parametrize("name", OFFERED)
def test_a_format_has_its_section_and_names_its_file(name: str) -> None:
    assert f"`{FORMATS[name].file}`" in SECTIONS[TOLD_WITH.get(name, name)]
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("csv", csv.COLUMNS),
        ("inventory", csv.INVENTORY_COLUMNS),
        ("xlsx", tuple(column for column, _ in xlsx.FINDING_COLUMNS)),
        ("parquet", tuple(SCHEMA.names)),
    ],
)
def test_every_column_is_told(name: str, columns: tuple[str, ...]) -> None:
    assert [column for column in columns if f"`{column}`" not in SECTIONS[name]] == []

"""The report formats, by their names in `--format` and audit.yaml."""

from typing import Final, Literal, get_args

Format = Literal[
    "html",
    "pdf",
    "pdf-letter",
    "summary",
    "json",
    "jsonl",
    "csv",
    "inventory",
    "xlsx",
    "parquet",
    "sarif",
    "junit",
    "ocsf",
    "ocsf-parquet",
    "oscal",
    "asff",
    "markdown",
]

FORMATS: Final[tuple[str, ...]] = get_args(Format)
DEFAULT_FORMATS: Final = ("html", "pdf", "json")
"""The formats that a scan writes by default."""

POPULATION_FORMATS: Final = frozenset(("inventory", "xlsx"))
"""The formats that show, for every resource, its coverage, newest recovery point and tags."""

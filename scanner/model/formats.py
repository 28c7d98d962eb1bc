"""The formats that a report can have, by the names that `--format` and audit.yaml take."""

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
    "parquet",
    "sarif",
    "junit",
    "ocsf",
    "oscal",
    "asff",
    "markdown",
]

FORMATS: Final[tuple[str, ...]] = get_args(Format)
DEFAULT_FORMATS: Final = ("html", "pdf", "json")
"""What a scan writes where nothing else is said."""

POPULATION_FORMATS: Final = frozenset(("inventory",))
"""The formats that tell of every resource whether it is covered, its newest recovery point and its tags."""

"""Cells of the inventory's tables: readings and instants as they stand in Parquet."""

from datetime import UTC, datetime
from typing import TypeVar

from scanner.model.reading import Known, Reading

V = TypeVar("V")


def known(reading: Reading[V] | None) -> V | None:
    """Give what was read; None when it was not."""
    return reading.value if isinstance(reading, Known) else None


def time(instant: datetime | None) -> str | None:
    """Give an instant as RFC 3339 in UTC."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def pairs(values: tuple[tuple[str, str], ...], between: str = "=") -> tuple[str, ...]:
    """Give pairs as texts: `key=value`."""
    return tuple(f"{key}{between}{value}" for key, value in values)

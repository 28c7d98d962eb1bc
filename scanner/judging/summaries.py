"""Summaries of shards as JSON: what crosses processes and machines must not be able to run code."""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from scanner.errors import BundleError
from scanner.graph.control_plane import ShardSummary


@cache
def _adapter() -> TypeAdapter[ShardSummary]:
    return TypeAdapter(ShardSummary)


def encoded_summary(summary: ShardSummary) -> bytes:
    """Return a summary as one line of JSON."""
    return _adapter().dump_json(summary)


def decoded_summary(line: bytes) -> ShardSummary:
    """Return the summary of what `encoded_summary` gave. BundleError: it is none."""
    try:
        return _adapter().validate_json(line)
    except ValidationError as problem:
        count = problem.error_count()
        raise BundleError(f"A summary of an account and Region is not valid ({count} mistakes).") from None

"""The headline of a report, how many resources are protected, and its keys in summary.json."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from scanner.model.coverage import Coverage, CoverageCounts
from scanner.report.wording import count_word, size_word

Document = dict[str, Any]

KEY: Final = "resources"
_SIZES: Final = ("no_plan_sized", "no_plan_gib")
_COUNTS: Final = tuple(field.name for field in fields(CoverageCounts))


def headline(coverage: Coverage | None) -> str:
    """Return how many resources are not protected, and their size; empty: not known, or there are none."""
    if coverage is None or not coverage.total.number:
        return ""
    return f"{coverage.total.no_plan:,} {headline_after_number(coverage)}"


def unprotected_resources(coverage: Coverage | None) -> str:
    """Return the first sentence of the headline, without sizes and without its full stop."""
    if coverage is None or not coverage.total.number:
        return ""
    return f"{coverage.total.no_plan:,} {_after_number(coverage)}"


def headline_after_number(coverage: Coverage) -> str:
    """Return the headline without its first number, which reports show large."""
    return f"{_after_number(coverage)}.{_unprotected_size(coverage.total)}"


def _after_number(coverage: Coverage) -> str:
    total = coverage.total
    parts = [f"of {count_word(total.number, 'resource')} {_are(total.no_plan)} in no backup plan"]
    # Without the control recency was not checked, and zero would read as a good result.
    if coverage.asks_recency:
        parts.append(f"{total.no_recent:,} {_have(total.no_recent)} no recent backup")
    if total.unknown:
        parts.append(f"{total.unknown:,} could not be fully read")
    return ", ".join(parts)


def _unprotected_size(total: CoverageCounts) -> str:
    """Return how much data is in no plan, as far as sizes are reported; empty: nothing is known of it."""
    if not total.no_plan_gib:
        return ""
    # Services such as S3 and Aurora report no size, and resources whose plan is unknown may be in none.
    is_whole = total.no_plan_sized == total.no_plan and not total.plan_unknown
    least = "" if is_whole else "at least "
    text = f"{least}{size_word(total.no_plan_gib)} is in no backup plan"
    return f" {text[0].upper()}{text[1:]}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def coverage_document(coverage: Coverage | None) -> Document:
    """Return the key `resources` of a summary; empty: it is not known."""
    if coverage is None:
        return {}
    return {
        KEY: {
            **_counts(coverage.total, coverage),
            "excluded": coverage.excluded,
            "types": {kind: _counts(counts, coverage) for kind, counts in coverage.types.items()},
        }
    }


def _counts(counts: CoverageCounts, coverage: Coverage) -> Document:
    """Return the counts. Those of recent backups are null where no control checks them."""
    return {
        name: None if "recent" in name and not coverage.asks_recency else getattr(counts, name)
        for name in _COUNTS
    }


def coverage_of(summary: Mapping[str, Any]) -> Coverage | None:
    """Parse the key. KeyError, TypeError, ValueError or AttributeError: it has another shape."""
    document = summary.get(KEY)
    if document is None:
        return None
    return Coverage(
        # Null was written where recency was not checked, and must not become zero.
        total=_read(document),
        types={str(kind): _read(counts) for kind, counts in document["types"].items()},
        excluded=int(document["excluded"]),
        asks_recency=document["recent"] is not None,
    )


def _read(document: Mapping[str, Any]) -> CoverageCounts:
    # Summaries of earlier versions have no sizes.
    sizes = {name: document.get(name) or 0 for name in _SIZES}
    counts = {name: int(document[name] or 0) for name in _COUNTS if name not in _SIZES}
    return CoverageCounts(
        **counts, no_plan_sized=int(sizes["no_plan_sized"]), no_plan_gib=float(sizes["no_plan_gib"])
    )

"""The root causes of failures, as reports show them and `summary.json` has them."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.model.root_causes import (
    CauseCount,
    RootCauseSummary,
    Step,
    cause_document,
    cause_from_document,
)
from scanner.report.wording import count_word

Document = dict[str, Any]

SHOWN: Final = 9
"""Root causes that a report for people lists."""

_NAMED: Final = 3  # controls that a line names


def root_causes_sentence(summary: RootCauseSummary | None) -> str:
    """Return how many failures are explained; empty: there are none, or it is not known."""
    if summary is None or not summary.failures:
        return ""
    verb = "explains" if summary.number == 1 else "explain"
    failures = count_word(summary.failures, "failure")
    parts = [f"{count_word(summary.number, 'root cause')} {verb} {summary.traced:,} of {failures}"]
    shown = shown_causes(summary)
    if len(shown) < summary.number:
        parts.append(f"the first {len(shown)} explain {sum(count.failures for count in shown):,}")
    # Said in the same sentence: a share without its rest would look like all.
    if untraced := summary.failures - summary.traced:
        parts.append(f"{untraced:,} could not be traced to a cause")
    return "; ".join(parts) + "."


def shown_causes(summary: RootCauseSummary | None) -> tuple[CauseCount, ...]:
    """Return the root causes that explain most."""
    return () if summary is None else summary.causes[:SHOWN]


def causes_of(summary: RootCauseSummary | None, control: str) -> tuple[CauseCount, ...]:
    """Return the root causes of a control's failures: those with most first, equal ones by their step."""
    causes = () if summary is None else summary.causes
    steps = list(Step)
    of_control = (count for count in causes if control in count.controls)
    return tuple(
        # Of equal causes, the one that has to be mended first.
        sorted(of_control, key=lambda count: (-count.controls[control], steps.index(count.cause.step)))
    )


def explained(count: CauseCount) -> str:
    """Return what a cause explains: the controls with most of its failures."""
    ranked = sorted(count.controls.items(), key=lambda pair: (-pair[1], pair[0]))
    named = ", ".join(f"{control} ({number:,})" for control, number in ranked[:_NAMED])
    more = len(ranked) - _NAMED
    return f"{named} and {count_word(more, 'more control')}" if more > 0 else named


def root_causes_document(summary: RootCauseSummary | None) -> Document:
    """Return the key `root_causes` of a summary; none where it is not known."""
    if summary is None:
        return {}
    return {
        "root_causes": {
            "failures": summary.failures,
            "traced": summary.traced,
            "number": summary.number,
            "causes": [_count_document(count) for count in summary.causes],
            "untraced": dict(summary.untraced),
            "unknown": summary.unknown,
            "missing_reads": [_count_document(count) for count in summary.missing_reads],
        }
    }


def _count_document(count: CauseCount) -> Document:
    document = cause_document(count.cause)
    # Moved to the end, behind the numbers, as the schema orders the keys.
    evidence = document.pop("evidence")
    return {
        **document,
        "failures": count.failures,
        "controls": dict(count.controls),
        "evidence": evidence,
    }


def root_causes_of(summary: Mapping[str, Any]) -> RootCauseSummary | None:
    """Read the key back. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("root_causes")
    if document is None:
        return None
    return RootCauseSummary(
        failures=document["failures"],
        traced=document["traced"],
        number=document["number"],
        causes=tuple(map(_count_of, document["causes"])),
        untraced=document["untraced"],
        unknown=document["unknown"],
        missing_reads=tuple(map(_count_of, document["missing_reads"])),
    )


def _count_of(document: Mapping[str, Any]) -> CauseCount:
    return CauseCount(cause_from_document(document), document["controls"])

"""Which of the packaged controls a scan evaluated: the sentences of reports, and the key of a summary."""

from collections.abc import Mapping
from typing import Any

from scanner.model.control import ALL, BASELINE, ControlSelection, LeftOutControl, baseline_of
from scanner.model.finding import Severity
from scanner.report.wording import count_word

Document = dict[str, Any]

_WORDS = 5
"""The most values of `--controls` that a sentence names."""


def selection_words(selection: ControlSelection | None) -> str:
    """Return which controls were evaluated, of how many: `the pack baseline, 19 of 51 controls`.

    Empty: it is not recorded.
    """
    if selection is None:
        return ""
    number, left_out = selection.number, len(selection.left_out)
    if not left_out:
        return f"all {count_word(number, 'control')}"
    total = f"{number:,} of {count_word(number + left_out, 'control')}"
    if selection.words == (BASELINE,):
        return f"the pack {BASELINE}, {total}"
    words = [word for word in selection.words if word != ALL]
    more = f" and {len(words) - _WORDS:,} more" if len(words) > _WORDS else ""
    return f"{total} ({', '.join(words[:_WORDS])}{more})"


def selection_sentence(selection: ControlSelection | None) -> str:
    """Return the sentence about which controls were evaluated, and how to evaluate the others.

    Empty: it is not recorded.
    """
    words = selection_words(selection)
    if selection is None or not selection.left_out:
        return f"Evaluated: {words}." if words else ""
    number = len(selection.left_out)
    rest, them = (
        ("The other one was not evaluated and counts", "it")
        if number == 1
        else (f"The other {number:,} were not evaluated and count", "them")
    )
    return f"Evaluated: {words}. {rest} nowhere; --controls {ALL} evaluates {them}."


def selection_document(selection: ControlSelection | None) -> Document:
    """Return the key `selection` of a summary; empty: it is not recorded."""
    if selection is None:
        return {}
    left_out = [
        {
            "id": control.id,
            "title": control.title,
            "severity": control.severity.value,
            "baseline": control.baseline and control.baseline.document(),
        }
        for control in selection.left_out
    ]
    return {
        "selection": {
            "controls": list(selection.words),
            "evaluated": selection.number,
            "not_evaluated": left_out,
        }
    }


def selection_of(summary: Mapping[str, Any]) -> ControlSelection | None:
    """Parse what `selection_document` wrote; None: another program or an earlier version wrote the summary.

    KeyError, TypeError, ValueError or AttributeError: it has another shape.
    """
    document = summary.get("selection")
    if document is None:
        return None
    left_out = tuple(
        LeftOutControl(
            control["id"],
            control["title"],
            Severity(control["severity"]),
            baseline_of(control.get("baseline")),
        )
        for control in document["not_evaluated"]
    )
    return ControlSelection(tuple(document["controls"]), int(document["evaluated"]), left_out)

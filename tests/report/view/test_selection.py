"""Which controls were evaluated, in words, as JSON and back, and with pseudonyms."""

from dataclasses import replace

import pytest

from scanner.model.control import BaselineMembership, ControlSelection, LeftOutControl
from scanner.model.finding import Severity
from scanner.model.scan import Scan
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.scan import redacted
from scanner.report.view.selection import (
    selection_document,
    selection_of,
    selection_sentence,
    selection_words,
)

LEFT_OUT = (
    LeftOutControl(
        "vault-locked",
        "Vault has a lock",
        Severity.HIGH,
        BaselineMembership(included=True, reason="All need it."),
    ),
    LeftOutControl("restore-tested", "It was restored", Severity.HIGH, None),
)


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (None, ""),
        (ControlSelection(("all",), 51), "all 51 controls"),
        (ControlSelection(("all", "inputs/controls/1"), 52), "all 52 controls"),
        (ControlSelection(("baseline",), 19, LEFT_OUT), "the pack baseline, 19 of 21 controls"),
        (ControlSelection(("dora", "copy-arrives"), 22, LEFT_OUT), "22 of 24 controls (dora, copy-arrives)"),
        (ControlSelection(tuple("abcdefg"), 7, LEFT_OUT), "7 of 9 controls (a, b, c, d, e and 2 more)"),
    ],
)
def test_the_words_name_what_was_selected_and_of_how_many(
    selection: ControlSelection | None, words: str
) -> None:
    assert selection_words(selection) == words
    assert selection_sentence(selection).startswith(f"Evaluated: {words}." if words else "")


def test_the_sentence_says_how_to_evaluate_the_others_if_there_are_any() -> None:
    assert selection_sentence(None) == ""
    assert selection_sentence(ControlSelection(("all",), 51)) == "Evaluated: all 51 controls."
    assert selection_sentence(ControlSelection(("baseline",), 19, LEFT_OUT)).endswith(
        "The other 2 were not evaluated and count nowhere; --controls all evaluates them."
    )
    assert selection_sentence(ControlSelection(("baseline",), 19, LEFT_OUT[:1])).endswith(
        "The other one was not evaluated and counts nowhere; --controls all evaluates it."
    )


@pytest.mark.parametrize("selection", [None, ControlSelection(("baseline", "x"), 19, LEFT_OUT)])
def test_a_summary_reads_it_back(selection: ControlSelection | None) -> None:
    assert selection_of(selection_document(selection)) == selection


def test_a_redacted_report_names_packaged_packs_and_no_own_ones(scan: Scan) -> None:
    words = ("baseline", "inputs/controls/1/packs/acme-payments.yaml")
    named = replace(scan, selection=ControlSelection(words, 19, LEFT_OUT))
    selection = redacted(named, Pseudonyms(b"k" * 32)).selection
    assert selection is not None
    assert selection.words[0] == "baseline"
    assert "acme" not in selection.words[1]
    assert selection.left_out == LEFT_OUT

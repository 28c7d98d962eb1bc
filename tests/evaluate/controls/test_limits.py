"""Controls that are too large are refused when they are loaded; what is accepted can also be evaluated."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from scanner.errors import ConfigurationError
from scanner.evaluate.compiler import MAX_PARTS
from scanner.evaluate.controls.cases import load_cases, run_cases
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.spec import MAX_ENTRIES, MAX_MEMBERS, MAX_TEXT, MAX_TITLE
from scanner.evaluate.language.reasons import MAX_PLACEHOLDERS, MAX_TEMPLATE
from scanner.model.finding import Status

DOCS: Final = Path(__file__).parents[3] / "docs" / "writing-controls.md"
CASES: Final = "own-vault.cases.yaml"
CONTROL: Final = {
    "id": "own-vault",
    "title": "Vault has a name",
    "severity": "low",
    "subject": "vault",
    "population": "true",
    "require": "name <> ''",
    "reason": "It is called {name}.",
    "motivation": "For people.",
    "remediation": {"text": "Name it.", "cli": "aws"},
}
LARGEST: Final = "{names(list_distinct([name, '" + "x" * 100 + "']))} "


def load(folder: Path, **changes: Any) -> Any:
    """Write a control (JSON is YAML), and load it."""
    (folder / "own-vault.yaml").write_text(json.dumps({**CONTROL, **changes}), "utf-8")
    return load_controls((str(folder),))[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reason": "{name} " * 1_000}, "reason: the text has 1,000 expressions in braces, 50 are allowed"),
        ({"reasons": {"pass": "{name} " * 51}}, "reasons.pass: the text has 51 expressions"),
        ({"reason": "x" * 900_000}, "reason: this has 900,000 characters, 10,000 are allowed"),
        ({"reason": "{name" + "{" * 2_000 + "}" * 2_001}, "reason: syntax error"),
        ({"reason": "{" * 4_999}, "reason: a brace is not closed"),
        ({"reason": "{" + "[" * 200 + "name" + "]" * 200 + "}"}, "nested deeper than 60 levels"),
        ({"reason": "{" + "lower(" * 1_000 + "name" + ")" * 1_000 + "}"}, "reason: "),
        (
            {"reason": [{"when": "name = 'b'", "text": "x"}] * 200 + [{"text": "x"}]},
            "this has 201 entries, 50 are allowed",
        ),
        ({"evidence": [f"name as n{n}" for n in range(1_000)]}, "evidence: this has 1,000 entries"),
        ({"evidence": ["names([name]) as n" + "x" * 10_000]}, "this has 10,018 characters"),
        ({"title": "x" * 301}, "title: this has 301 characters, 300 are allowed"),
        ({"remediation": {"text": "t", "cli": "x" * 500_000}}, "remediation.cli: this has 500,000"),
        ({"parameters": {f"p{n}": 1 for n in range(500)}}, "parameters: this has 500 entries"),
        ({"parameters": {"p": ["x"] * 5_000}}, "parameters.p: this has 5,000 entries, 1,000 are allowed"),
        ({"require": "any_of([" * 19 + "true" + "])" * 19}, "require: with its functions written out"),
        (
            {"evidence": [f"[{', '.join(['length(name)'] * 600)}] as n{n}" for n in range(9)]},
            f"the control has more than {MAX_PARTS:,} parts",
        ),
    ],
)
def test_a_control_that_is_too_large_is_refused_when_it_is_loaded(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, **changes)
    messages = [mistake.message for mistake in refused.value.mistakes]
    assert len(messages) == 1
    assert why in messages[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": LARGEST * MAX_PLACEHOLDERS},
        {"reason": "x" * MAX_TEMPLATE},
        {"reason": "{{" * 2_500 + "}}" * 2_500},
        {"reason": [{"when": "name = 'b'", "text": "b {name}"}] * (MAX_ENTRIES - 1) + [{"text": "x"}]},
        {"evidence": [f"{'name || ' * 50} name as n{n}" for n in range(MAX_ENTRIES)]},
        {"require": " AND ".join(["name = ''"] * 500)},
        {"parameters": {"p": ["x"] * MAX_MEMBERS}, "require": "one_of(name, $p)"},
        {"title": "x" * MAX_TITLE, "motivation": "x" * MAX_TEXT},
    ],
)
def test_what_is_loaded_can_be_evaluated(tmp_path: Path, changes: dict[str, Any]) -> None:
    control = load(tmp_path, **changes)
    (tmp_path / CASES).write_text("- {name: one, status: fail, row: {name: ''}}", "utf-8")
    (outcome,) = run_cases(control, load_cases(control, tmp_path / CASES))
    assert outcome.finding.status in {Status.PASS, Status.FAIL}
    assert "could not be" not in outcome.finding.reason


def test_the_limits_are_documented() -> None:
    text = " ".join(DOCS.read_text("utf-8").split())
    for limit in (MAX_TEXT, MAX_TITLE, MAX_PLACEHOLDERS, MAX_ENTRIES, MAX_MEMBERS, MAX_PARTS):
        assert f"{limit:,}" in text.partition("## Limits")[2]

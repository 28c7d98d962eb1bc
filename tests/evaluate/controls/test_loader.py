"""Control files: what loads, and every mistake of every file at once with its line and a hint."""

from pathlib import Path

import pytest

from scanner.errors import ConfigurationError
from scanner.evaluate.controls.loader import load_controls
from scanner.model.control import ALL, ParameterRule, ReasonCase
from scanner.model.finding import Severity

GOOD = """\
id: {id}
title: It has a tag
severity: low
subject: resource
population: assessable
require: any_of([t.key = $key for t in tags])
reason: "It has {{len(tags)}} tags, none called {{$key}}."
parameters:
  key: owner
motivation: Nobody knows whose it is.
remediation: {{text: Tag it.}}
"""


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    return folder


def mistakes(*selection: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load_controls(selection)
    return [str(mistake).replace(f"{Path(mistake.file).parent}/", "") for mistake in raised.value.mistakes]


def test_all_shipped_controls_load_in_order() -> None:
    ids = [control.id for control in load_controls((ALL,))]
    assert ids == sorted(ids)
    assert len(ids) >= 12
    assert load_controls(()) == load_controls((ALL,))


def test_a_selection_mixes_ids_and_folders_and_counts_nothing_twice(tmp_path: Path) -> None:
    folder = write(tmp_path / "own", "has-owner.yaml", GOOD.format(id="has-owner"))
    write(folder, "has-owner.cases.yaml", "[]")
    write(folder, "notes.txt", "not a control")
    chosen = load_controls(("vault-locked", str(folder), "vault-locked", str(folder)))
    assert [control.id for control in chosen] == ["has-owner", "vault-locked"]


def test_a_control_is_what_its_file_says(tmp_path: Path) -> None:
    text = GOOD.format(id="has-owner").replace(
        "  key: owner", "  key: {default: owner, one_of: [owner, team]}"
    )
    text += "reasons:\n  pass:\n    - {when: versioned, text: A}\n    - text: B\n"
    text += "documentation: https://docs.aws.amazon.com/a.html\n"
    text += "evidence: [tags]\nframeworks: {soc-2: [A1.2]}\naudit_manager: X\n"
    (control,) = load_controls((str(write(tmp_path, "has-owner.yaml", text)),))
    assert control.severity is Severity.LOW
    assert control.parameters == {"key": "owner"}
    assert control.parameter_rules == {"key": ParameterRule(one_of=("owner", "team"))}
    assert control.reasons == {"pass": "B"}
    assert control.reason_cases == {"pass": (ReasonCase("versioned", "A"),)}
    assert (control.evidence, control.frameworks, control.audit_manager) == (
        ("tags",),
        {"soc-2": ("A1.2",)},
        "X",
    )
    assert control.documentation == "https://docs.aws.amazon.com/a.html"
    assert (control.file, control.line) == (str(tmp_path / "has-owner.yaml"), 1)


def test_all_mistakes_of_all_files_are_told_with_line_and_hint(tmp_path: Path) -> None:
    bad = GOOD.format(id="one").replace("title:", "titel:").replace("severity: low", "severity: loww")
    write(tmp_path, "one.yaml", bad + "extra: 1\n")
    wrong = GOOD.format(id="two").replace("t.key", "t.kee").replace("assessable", "assesable")
    write(tmp_path, "two.yaml", wrong.replace("{len(tags)}", "{len(tagss)}"))
    write(tmp_path, "three.yaml", "id: [")
    assert [line.split(" (")[0] for line in mistakes(str(tmp_path), "vault-lokked")] == [
        "vault-lokked: this is neither a control nor a folder that exists",
        "one.yaml:1: title: the key is missing",
        "one.yaml:3: severity: input should be 'critical', 'high', 'medium', 'low' or 'info'",
        "one.yaml:2: titel: there is no key 'titel'",
        "one.yaml:12: extra: there is no key 'extra'",
        *[line.split(" (")[0] for line in mistakes(str(tmp_path)) if line.startswith("three.yaml")],
        "two.yaml:5: population: there is no column 'assesable'",
        "two.yaml:6: require: t.kee: there is no field 'kee'",
        "two.yaml:7: reason: there is no column 'tagss'",
    ]
    result = "\n".join(mistakes(str(tmp_path), "vault-lokked"))
    for hint in ("vault-locked", "did you mean title?", "did you mean assessable?", "did you mean tags?"):
        assert hint in result


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: x", "id: X_1", "x.yaml:1: id: string should match pattern"),
        ("id: x", "id: y", "x.yaml:1: the file of 'y' is to be called y.yaml"),
        (
            "subject: resource",
            "subject: resorce",
            "there is no fact table 'resorce' (did you mean resource?)",
        ),
        ("title: It has a tag", "title: ''", "x.yaml:2: title: the text is empty"),
        ("title: It has a tag", "title: 1", "x.yaml:2: title: this is to be a text"),
        ("require: any_of", "require: len(tags) + 1 -- ", "x.yaml:6: require: this is"),
        ("require: any_of", "require: any_of(rules) AND any_of", "x.yaml:6: require: Cannot deduce"),
        ("  key: owner", "  Key: owner", "x.yaml:9: parameters.Key: string should match"),
        ("  key: owner", "  key: [a, 1]", "x.yaml:9: parameters.key"),
        ("  key: owner", "  key: {default: a, min: 1}", "there is no key 'min'"),
        ("  key: owner", "  key: null", "x.yaml:9: parameters.key"),
        ("remediation: {text: Tag it.}", "remediation: {txt: Tag it.}", "did you mean text?"),
        ("remediation: {text: Tag it.}", "remediation: Tag it.", "x.yaml:11: remediation"),
        ('reason: "It has {len(tags)} tags, none called {$key}."', "reason: '{'", "a brace is not closed"),
        ('reason: "It has {len(tags)} tags, none called {$key}."', "reason: '}'", "a brace is closed"),
        ('reason: "It has {len(tags)} tags, none called {$key}."', "reason: '{ }'", "nothing between"),
        ('reason: "It has {len(tags)} tags, none called {$key}."', "reason: []", "each text but the last"),
        (
            'reason: "It has {len(tags)} tags, none called {$key}."',
            "reason: [{text: a}, {text: b}]",
            "each text but the last has a `when`",
        ),
        (
            'reason: "It has {len(tags)} tags, none called {$key}."',
            "reason: [{when: name, text: a}, {text: b}]",
            "x.yaml:7: reason.0.when: this is VARCHAR, no condition",
        ),
        (
            'reason: "It has {len(tags)} tags, none called {$key}."',
            "reason: [{when: covered, txt: a}, {text: b}]",
            "reason.0.txt: there is no key 'txt' (did you mean text?)",
        ),
        (
            "motivation: Nobody knows whose it is.",
            "evidence: [tag]\nmotivation: x",
            "evidence.0: there is no column",
        ),
        ("motivation: Nobody knows whose it is.", "frameworks: {SOC: [a]}\nmotivation: x", "frameworks.SOC"),
        (
            "motivation: Nobody knows whose it is.",
            "frameworks: {soc-2: []}\nmotivation: x",
            "frameworks.soc-2",
        ),
        ("motivation: Nobody knows whose it is.", "reasons: {pas: a}\nmotivation: x", "did you mean pass?"),
    ],
)
def test_this_is_a_mistake(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = GOOD.format(id="x")
    assert old in text
    write(tmp_path, "x.yaml", text.replace(old, new))
    assert expected in "\n".join(mistakes(str(tmp_path)))


def test_a_document_that_is_no_mapping_is_told(tmp_path: Path) -> None:
    assert "this is to be a mapping" in mistakes(str(write(tmp_path, "x.yaml", "- a\n")))[0]


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"id: x\ntitle: \xff\xfe")
    assert mistakes(str(tmp_path)) == ["x.yaml:2: this is no UTF-8 (save the file as UTF-8)"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("title: 7", 'title: this is to be a text (put it in quotes: "7")'),
        ("population: true", 'population: this is to be a text (put it in quotes: "true")'),
        ("parameters: 7", "parameters: this is to be a mapping (write `key: value` lines below it)"),
        ("evidence: name", "evidence: this is to be a list (write it as a list: [one, two])"),
    ],
)
def test_a_wrong_type_is_told_with_its_line_and_what_to_write(tmp_path: Path, line: str, said: str) -> None:
    key = line.partition(":")[0]
    lines = [each for each in GOOD.format(id="x").splitlines() if not each.startswith("  key")]
    place = next((at for at, each in enumerate(lines) if each.startswith(f"{key}:")), len(lines))
    lines[place : place + 1] = [line]
    write(tmp_path, "x.yaml", "\n".join(lines))
    wanted = f"x.yaml:{place + 1}: {said}"
    assert wanted in mistakes(str(tmp_path))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{default: 5, minimum: 10}", "the default 5 is to be at least 10"),
        ("{default: 5, maximum: 4}", "the default 5 is to be at most 4"),
        ("{default: [1, 9], maximum: 4}", "the default 9 is to be at most 4"),
        ("{default: x, one_of: [a, b]}", "the default 'x' is to be one of a, b"),
        ("{default: 5, minimum: 9, maximum: 3}", "minimum 9 is above maximum 3"),
        ("{default: x, minimum: 9}", "minimum and maximum are for numbers"),
        ("{default: true, maximum: 9}", "minimum and maximum are for numbers"),
    ],
)
def test_a_default_that_could_not_be_set_is_a_mistake(tmp_path: Path, rule: str, said: str) -> None:
    write(tmp_path, "x.yaml", GOOD.format(id="x").replace("key: owner", f"key: owner\n  limit: {rule}"))
    assert mistakes(str(tmp_path)) == [f"x.yaml:10: parameters.limit: {said}"]


def test_an_id_that_is_shipped_is_not_taken_again(tmp_path: Path) -> None:
    write(tmp_path, "vault-locked.yaml", GOOD.format(id="vault-locked"))
    assert "the id 'vault-locked' is taken by" in mistakes(ALL, str(tmp_path))[0]


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "the folder holds no control" in mistakes(str(tmp_path))[0]

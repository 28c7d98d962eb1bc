"""Writes docs/controls.md: `python -m scanner.evaluate.controls.control_docs [FILE]`.

It also makes what `audit controls show` says of packs and frameworks. A test keeps the document current.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from scanner.evaluate.controls.cases import cases_file, load_cases
from scanner.evaluate.controls.requirements import load_frameworks
from scanner.evaluate.controls.selection import select
from scanner.model.compliance import Framework, Source
from scanner.model.control import Control, ParameterRule
from scanner.model.finding import Status
from scanner.model.pack import Pack

FILE: Final = Path("docs/controls.md")

_HEAD: Final = """\
<!-- Made by `python -m scanner.evaluate.controls.control_docs`. Change controls/ and make it again. -->
# Controls

A control evaluates every row of a fact table ([facts.md](facts.md)). If `population` is false, the result is
`not_applicable`; if `population` or `require` is not known, it is `unknown`; otherwise `require` decides
between `pass` and `fail`. The meaning of an id never changes, and ids are never reused.
"""

_PACKS: Final = """\
# Packs

`--controls PACK` evaluates the controls of a pack with its parameters, unless audit.yaml sets others. Ids,
packs and folders may be combined. Your own packs are files `packs/ID.yaml` in a folder of controls, or any
other file that you name.
"""

_FRAMEWORKS: Final = """\
# Frameworks

Every requirement that concerns backup, with its official title where that is free to reproduce. A report
shows whether it is met, failed, unknown, not applicable, not evaluated, or not covered by any control.
"""
_SNIPPETS: Final = (("cli", "sh"), ("terraform", "hcl"), ("cloudformation", "yaml"))


def controls_document() -> str:
    """Give the text of docs/controls.md."""
    selection, frameworks = select(), load_frameworks()
    controls = selection.controls
    index = ["| control | severity | subject |", "|---|---|---|"]
    index += [f"| [`{each.id}`](#{each.id}) | {each.severity.value} | {each.subject} |" for each in controls]
    sections = [line for control in controls for line in control_section(control, frameworks)]
    packs = [
        *packs_table(selection.packs),
        *(line for pack in selection.packs for line in pack_section(pack)),
    ]
    served_by = [line for each in frameworks for line in framework_section(each, controls)]
    parts = (
        _HEAD,
        *index,
        "",
        _PACKS,
        *packs,
        _FRAMEWORKS,
        *served_by,
        "# Control by control",
        "",
        *sections,
    )
    return "\n".join(parts)


def control_section(control: Control, frameworks: Iterable[Framework] = ()) -> Iterator[str]:
    """Give the lines of Markdown about one control; `frameworks` tell who says what it serves."""
    yield from (f"## {control.id}", "", f"**{control.title}.** {' '.join(control.motivation.split())}", "")
    if control.failure_title:
        yield f"- A failure is shown as: {control.failure_title}."
    yield f"- Severity: {control.severity.value}. Subject: {control.subject}."
    if control.aliases:
        yield f"- Former ids: {', '.join(f'`{name}`' for name in control.aliases)}."
    if control.audit_manager:
        yield f"- Counterpart in AWS Backup Audit Manager: `{control.audit_manager}`."
    yield from ("", "```sql", f"-- population\n{control.population.strip()}")
    yield from (f"-- require\n{control.require.strip()}", "```", "")
    yield from _parameters(control)
    yield from _examples(control)
    yield from ("### Remediation", "", " ".join(control.remediation.text.split()), "")
    for name, language in _SNIPPETS:
        if snippet := getattr(control.remediation, name):
            yield from (f"```{language}", snippet.rstrip(), "```", "")
    if control.frameworks:
        yield from ("### Frameworks", "", *served(control, {each.id: each for each in frameworks}), "")


def _parameters(control: Control) -> Iterator[str]:
    if not control.parameters:
        return
    yield from ("| parameter | default | meaning |", "|---|---|---|")
    for name, default in control.parameters.items():
        rule = control.parameter_rules.get(name, ParameterRule())
        yield f"| `{name}` | `{orjson.dumps(default).decode()}` | {rule.doc or '-'} |"
    yield ""


def _examples(control: Control) -> Iterator[str]:
    """Show one example that passes and one that fails, as the control's own cases name them."""
    file = cases_file(control)
    cases = load_cases(control, file) if file.exists() else ()
    for status, word in ((Status.PASS, "Good"), (Status.FAIL, "Bad")):
        case = next((case for case in cases if case.status is status), None)
        if case is not None:
            yield f"- {word}: {case.name}."
    yield ""


def packs_table(packs: Iterable[Pack]) -> Iterator[str]:
    """Give the lines of the table of packs."""
    yield from ("| pack | controls | title |", "|---|---:|---|")
    for pack in packs:
        yield f"| [`{pack.id}`](#pack-{pack.id}) | {len(pack.controls)} | {pack.title} |"
    yield ""


def pack_section(pack: Pack) -> Iterator[str]:
    """Give the lines about one pack."""
    yield from (f"### Pack {pack.id}", "", f"**{pack.title}.** {_line(pack.description)}", "")
    if pack.caveat:
        yield from (_line(pack.caveat), "")
    if not pack.framework:
        yield from _controls(pack)


def _controls(pack: Pack) -> Iterator[str]:
    yield from ("| control | parameters | differences from Audit Manager |", "|---|---|---|")
    for control in pack.controls:
        values = pack.parameters.get(control, {})
        settings = ", ".join(f"`{name}: {orjson.dumps(value).decode()}`" for name, value in values.items())
        difference = _line(pack.differences.get(control, ""))
        yield f"| [`{control}`](#{control}) | {settings or '-'} | {difference or '-'} |"
    yield ""


def framework_section(framework: Framework, controls: Iterable[Control]) -> Iterator[str]:
    """Give the lines about one framework: each requirement, who says so, and what serves it."""
    yield from (f"### Framework {framework.id}", "", f"**{framework.title}.** {_line(framework.source)}", "")
    titled = any(each.title for each in framework.requirements)
    columns = ("requirement", *(["title"] if titled else []), "source", "supported by")
    yield from (_cells(columns), "|" + "---|" * len(columns))
    every = tuple(controls)
    for each in framework.requirements:
        serving = (one for one in every if each.id in one.frameworks.get(framework.id, ()))
        links = ", ".join(f"[`{one.id}`](#{one.id})" for one in serving)
        title = [each.title] if titled else []
        yield _cells((each.id, *title, each.source.words, links or "not covered by any control"))
    yield ""


def served(control: Control, frameworks: Mapping[str, Framework]) -> Iterator[str]:
    """Give a line for each framework that a control serves, its requirements by who says so."""
    for name, ids in control.frameworks.items():
        known = frameworks.get(name)
        sources = {each.id: each.source for each in known.requirements} if known else {}
        parts = (
            f"{', '.join(found)} ({source.words})"
            for source in Source
            if (found := [one for one in ids if sources.get(one) is source])
        )
        yield f"- {known.title if known else name} (`{name}`): {'; '.join(parts) or ', '.join(ids)}"


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _line(text: str) -> str:
    return " ".join(text.split())


def main(arguments: Sequence[str]) -> None:
    """Write the document to the file that is named, else to docs/controls.md."""
    file = Path(arguments[0]) if arguments else FILE
    file.write_text(controls_document(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

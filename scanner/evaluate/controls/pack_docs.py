"""What docs/controls.md and `audit controls show` say of packs and frameworks, in Markdown."""

from collections.abc import Iterable, Iterator, Mapping

import orjson

from scanner.model.compliance import Framework, Source
from scanner.model.control import Control, Pack


def packs_table(packs: Iterable[Pack]) -> Iterator[str]:
    """Return the lines of the table of packs."""
    yield from ("| pack | controls | title |", "|---|---:|---|")
    for pack in packs:
        yield f"| [`{pack.id}`](#pack-{pack.id}) | {len(pack.controls)} | {pack.title} |"
    yield ""


def pack_section(pack: Pack) -> Iterator[str]:
    """Return the lines about one pack."""
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
    """Return the lines about one framework: its requirements with their sources and controls."""
    yield from (f"### Framework {framework.id}", "", f"**{framework.title}.** {_line(framework.source)}", "")
    titled = any(requirement.title for requirement in framework.requirements)
    columns = ("requirement", *(["title"] if titled else []), "source", "supported by")
    yield from (_cells(columns), "|" + "---|" * len(columns))
    every = tuple(controls)
    for requirement in framework.requirements:
        serving = (control for control in every if requirement.id in control.frameworks.get(framework.id, ()))
        links = ", ".join(f"[`{control.id}`](#{control.id})" for control in serving)
        title = [requirement.title] if titled else []
        yield _cells(
            (requirement.id, *title, requirement.source.words, links or "not covered by any control")
        )
    yield ""


def served(control: Control, frameworks: Mapping[str, Framework]) -> Iterator[str]:
    """Return a line for each framework that a control covers, its requirements by source."""
    for name, ids in control.frameworks.items():
        framework = frameworks.get(name)
        sources = (
            {requirement.id: requirement.source for requirement in framework.requirements}
            if framework
            else {}
        )
        parts = (
            f"{', '.join(served_ids)} ({source.words})"
            for source in Source
            if (served_ids := [requirement for requirement in ids if sources.get(requirement) is source])
        )
        yield f"- {framework.title if framework else name} (`{name}`): {'; '.join(parts) or ', '.join(ids)}"


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _line(text: str) -> str:
    return " ".join(text.split())

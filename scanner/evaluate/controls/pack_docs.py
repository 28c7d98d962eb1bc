"""What docs/controls.md and `audit controls show` say of packs and frameworks, in Markdown."""

from collections.abc import Iterable, Iterator, Mapping

import orjson

from scanner.model.compliance import Framework, Source
from scanner.model.control import Control
from scanner.model.pack import Pack


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

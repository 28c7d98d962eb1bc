"""`audit explain SCAN_DIR ARN`: the chain that protects one subject, or fails to."""

import io
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from scanner.app import reports as app
from scanner.cli.exits import guarded
from scanner.cli.judge_actions import Key, pseudonyms
from scanner.cli.options import Redact, RedactKey
from scanner.errors import UsageError
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, Verdict
from scanner.model.owner import Owner
from scanner.report.explain.evidence import Recorded, recorded
from scanner.report.formats.explanation import explanation_json
from scanner.report.formats.figure import explanation_svg
from scanner.report.wording import one_line
from scanner.storage.files import write_atomically

_WIDTH: Final = 160  # where the tree does not go to a terminal
_REFS: Final = 3  # evidence lines that stand beside a link
_MARKS: Final = {Verdict.HOLDS: "✓", Verdict.BROKEN: "✗", Verdict.UNKNOWN: "?", Verdict.STATED: "·"}
_PLAIN: Final = {Verdict.HOLDS: "+", Verdict.BROKEN: "x", Verdict.UNKNOWN: "?", Verdict.STATED: "-"}
_WORDS: Final = {Verdict.HOLDS: "", Verdict.BROKEN: "BROKEN", Verdict.UNKNOWN: "UNKNOWN", Verdict.STATED: ""}

_STYLES: Final = {
    Verdict.HOLDS: "green",
    Verdict.BROKEN: "bold red",
    Verdict.UNKNOWN: "yellow",
    Verdict.STATED: "dim",
}

_KINDS: Final = {
    NodeKind.LINK: "",
    NodeKind.KEY: "",
    NodeKind.GROUP: "",
    NodeKind.MORE: "",
    NodeKind.RECOVERY_POINT: "",
    NodeKind.COPY: "copy to",
    NodeKind.PARENT: "through",
}


class ExplainFormat(StrEnum):
    """The output format."""

    TREE = "tree"
    JSON = "json"
    SVG = "svg"


ScanArgument = Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.")]

SubjectArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARN",
        help="A resource, vault, plan, rule, selection, copy action or recovery point: its ARN, its name in "
        "findings, or a unique name or id.",
    ),
]
FormatOption = Annotated[ExplainFormat, typer.Option("--format", help="The output format.")]

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write to \\[standard output].")
]

EvidenceOption = Annotated[
    bool, typer.Option("--show-evidence", help="Also print the recorded answers, shortened.")
]

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="DIR", help="The bundle that contains the evidence [SCAN_DIR]."),
]


def explain(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    arn: SubjectArgument,
    *,
    format_: FormatOption = ExplainFormat.TREE,
    out: OutOption = None,
    show_evidence: EvidenceOption = False,
    bundle: BundleOption = None,
    redact: Redact = False,
    redact_key: RedactKey = None,
) -> None:
    """Show why something is protected or not: each link with its result, reason and evidence."""
    shown = bundle or scan if show_evidence else None
    key = redact_key or redact
    raise typer.Exit(guarded(lambda: explain_subject(scan, arn, format_.value, out, shown, key)))


def explain_subject(  # noqa: PLR0913, PLR0917 -- one call for each option
    scan: Path, wanted: str, form: str, out: Path | None, bundle: Path | None, key: Key = None
) -> int:
    """Write the chain of one subject. `bundle`: the evidence that is quoted below the tree; None: none is.

    `key`: the file with the key of pseudonyms; True: pseudonyms of a new key; else none.
    """
    if bundle is not None and form != "tree":
        raise UsageError("--show-evidence requires --format tree.")
    if bundle is not None and key:
        raise UsageError("--show-evidence prints recorded data and cannot be combined with redaction.")
    told = app.explain(scan, wanted, pseudonyms(key))
    if form == "json":
        _write(explanation_json(told), out)
    elif form == "svg":
        _write(explanation_svg(told), out)
    else:
        lines = tuple(recorded(bundle, told.evidence, _names(told))) if bundle is not None else ()
        _print(told, lines, out)
    return 0


def _names(told: Explanation) -> tuple[str, ...]:
    """Say what to look for in a long answer: the subject itself, by its ARN, its id or its name."""
    own = (told.subject, told.subject.rpartition("/")[2].rpartition(":")[2], told.name)
    return (*own, *(node.label for node in told.root.walk() if node.kind is NodeKind.VAULT))


def _write(content: bytes, out: Path | None) -> None:
    if out is not None:
        write_atomically(out, content)
    else:
        sys.stdout.write(content.decode())


def _print(told: Explanation, lines: tuple[Recorded, ...], out: Path | None) -> None:
    if out is not None:
        text = io.StringIO()
        Console(file=text, width=_WIDTH).print(rendered(told, lines))
        write_atomically(out, _trimmed(text.getvalue()).encode())
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(rendered(told, lines, plain=_is_plain(console)))
        return
    text = io.StringIO()
    Console(file=text, width=_WIDTH).print(rendered(told, lines))
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(_trimmed(text.getvalue()).encode(encoding, "backslashreplace").decode(encoding))


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _is_plain(console: Console) -> bool:
    return not console.encoding.lower().startswith("utf")


def rendered(told: Explanation, lines: tuple[Recorded, ...] = (), *, plain: bool = False) -> RenderableType:
    """Draw an explanation for a terminal; `plain`: in ASCII."""
    marks = _PLAIN if plain else _MARKS
    tree = Tree(_node(told.root, marks), guide_style="dim")
    _grow(tree, told.root, marks)
    return Group(_head(told), tree, *_advice(told), *_quoted(lines))


def _head(told: Explanation) -> Text:
    account = f"{told.account} ({one_line(told.account_name)})" if told.account_name else told.account
    head = Text(one_line(told.subject), style="bold", overflow="fold")
    head.append(f"\n{account} / {told.region}, as of {told.as_of}\n", style="dim")
    head.append(_owner(told.owner))
    return head


def _owner(owner: Owner | None) -> str:
    if owner is None:
        return ""
    return f"Owner: {one_line(owner.name or owner.source)}" + (
        f" ({one_line(owner.source)})\n" if owner.name else "\n"
    )


def _grow(tree: Tree, node: Node, marks: dict[Verdict, str]) -> None:
    for child in node.children:
        _grow(tree.add(_node(child, marks)), child, marks)


def _node(node: Node, marks: dict[Verdict, str]) -> Text:
    """Draw one link: its mark and name, its reason, what it is, and where the evidence stands."""
    text = Text(overflow="fold")
    if node.kind is not NodeKind.GROUP:
        text.append(f"{marks[node.verdict]} ", style=_STYLES[node.verdict])
    kind = _KINDS.get(node.kind, node.kind.value)
    if kind:
        text.append(f"{kind} ", style="dim")
    text.append(one_line(node.label), style="bold" if node.kind not in _KINDS or kind else "")
    if _WORDS[node.verdict]:
        text.append(f"  {_WORDS[node.verdict]}", style=_STYLES[node.verdict])
    if node.because:
        text.append(f": {one_line(node.because)}" if _WORDS[node.verdict] else f"  {one_line(node.because)}")
    if node.facts:
        told = "; ".join(f"{name} {one_line(content)}" for name, content in node.facts)
        text.append(f"\n  {told}")
    if node.evidence:
        text.append(f"\n  {_refs(node)}", style="dim")
    return text


def _refs(node: Node) -> str:
    shown = [f"{one_line(ref.file)}:{ref.line}" for ref in node.evidence[:_REFS]]
    more = len(node.evidence) - _REFS
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _advice(told: Explanation) -> Iterator[RenderableType]:
    if told.advice:
        yield Text("\nFindings and what to do", style="bold")
    advised: set[tuple[str, str]] = set()
    for each in told.advice:
        yield Padding(_one(each, told.subject, again=(each.control, each.text) in advised), (1, 0, 0, 2))
        advised.add((each.control, each.text))


def _one(each: Advice, subject: str, *, again: bool) -> Text:
    """Draw what a control said; the same advice of a control is given once."""
    text = Text(overflow="fold")
    text.append(f"{each.status.value} ", style="bold")
    text.append(f"{each.severity.value}  ", style="dim")
    text.append(f"{one_line(each.title)} ({one_line(each.control)})", style="bold")
    if each.subject != subject:
        text.append(f"\nof {one_line(each.subject)}", style="dim")
    text.append(f"\n{one_line(each.reason)}")
    if again:
        return text
    if each.text:
        text.append(f"\nTo do: {one_line(each.text)}")
    if each.subject != subject and each.owner is not None:
        text.append(f"\n{_owner(each.owner).rstrip()}")
    for command in each.cli.splitlines():
        text.append(f"\n  {one_line(command)}", style="cyan")
    return text


def _quoted(lines: tuple[Recorded, ...]) -> Iterator[RenderableType]:
    if lines:
        yield Text("\nRecorded evidence", style="bold")
    for each in lines:
        text = Text(overflow="fold")
        text.append(f"{one_line(each.ref.file)}:{each.ref.line}", style="bold")
        text.append(f"  {one_line(each.at)}\n", style="dim")
        text.append(f"{one_line(each.call)}\n{one_line(each.answer)}")
        yield Padding(text, (1, 0, 0, 2))

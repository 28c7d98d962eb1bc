"""`audit explain SCAN_DIR ARN`: the chain that protects one subject, or fails to."""

import io
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from scanner.app import reports as app
from scanner.cli import options
from scanner.cli.console import Console, plain_json
from scanner.cli.exits import guarded
from scanner.cli.explanation.short import short
from scanner.cli.judge_actions import Key, pseudonyms
from scanner.cli.options import Redact, RedactKey
from scanner.errors import UsageError
from scanner.model.decisions import Owner
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, Verdict
from scanner.report.cause_wording import cause_sentence
from scanner.report.explain.evidence import Recorded, recorded
from scanner.report.formats.explanation import explanation_json, explanation_svg
from scanner.report.wording import one_line
from scanner.storage.files import write_atomically

_WIDTH: Final = 160  # of a tree that is not printed to a terminal
_REFS: Final = 3  # evidence lines shown per link
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
    NodeKind.SETTING: "",
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


SubjectArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARN",
        help="A resource, vault, plan, rule, selection, copy action or recovery point: its ARN, its name in "
        "findings, or a unique name or id.",
    ),
]
FormatOption = Annotated[ExplainFormat, typer.Option("--format", help="The output format.")]

EvidenceOption = Annotated[
    bool, typer.Option("--show-evidence", help="Also print the recorded answers, shortened.")
]

AllOption = Annotated[
    bool,
    typer.Option(
        "--all", help="Show every link with its evidence, and what to do about each finding, not one screen."
    ),
]

BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="DIR", help="The bundle that contains the evidence [SCAN_DIR]."),
]


def explain(  # noqa: PLR0913 -- the options of the contract
    scan: options.EvaluatedScan,
    arn: SubjectArgument,
    *,
    format_: FormatOption = ExplainFormat.TREE,
    out: options.OutFile = None,
    all_: AllOption = False,
    show_evidence: EvidenceOption = False,
    bundle: BundleOption = None,
    redact: Redact = False,
    redact_key: RedactKey = None,
) -> None:
    """Show why something is protected or not: each link with its result, reason and evidence."""
    shown = bundle or scan if show_evidence else None
    key = redact_key or redact
    raise typer.Exit(guarded(lambda: explain_subject(scan, arn, format_.value, out, shown, key, whole=all_)))


def explain_subject(  # noqa: PLR0913, PLR0917 -- one call for each option
    scan: Path,
    wanted: str,
    form: str,
    out: Path | None,
    bundle: Path | None,
    key: Key = None,
    *,
    whole: bool = False,
) -> int:
    """Write the chain of one subject. `bundle`: the evidence to quote below the tree; None: no quotes.

    `key`: the file with the key for pseudonyms; True: pseudonyms with a new key; otherwise none.
    `whole`: the whole tree, which `bundle` implies; otherwise what fits a screen.
    """
    # SVG and JSON have no room for quotes of evidence.
    if bundle is not None and form != "tree":
        raise UsageError("--show-evidence requires --format tree.")
    # Recorded answers contain the real names.
    if bundle is not None and key:
        raise UsageError("--show-evidence prints recorded data and cannot be combined with redaction.")
    explanation = app.explain(scan, wanted, pseudonyms(key))
    if form == "json":
        _write(plain_json(explanation_json(explanation).decode()).encode(), out)
    elif form == "svg":
        _write(explanation_svg(explanation), out)
    else:
        lines = (
            tuple(recorded(scan, bundle, explanation.evidence, _names(explanation)))
            if bundle is not None
            else ()
        )
        draw = partial(rendered, explanation, lines, whole=whole or bundle is not None)
        _print(draw, out)
    return 0


def _names(explanation: Explanation) -> tuple[str, ...]:
    """Return the names to search for in a long answer: ARN, id and name of the subject, and its vaults."""
    # In short: recorded answers may be long, and are cut around these names.
    own = (explanation.subject, explanation.subject.rpartition("/")[2].rpartition(":")[2], explanation.name)
    return (*own, *(node.label for node in explanation.root.walk() if node.kind is NodeKind.VAULT))


def _write(content: bytes, out: Path | None) -> None:
    if out is not None:
        write_atomically(out, content)
    else:
        sys.stdout.write(content.decode())


def _print(draw: Callable[..., RenderableType], out: Path | None) -> None:
    """Print what `draw` returns, or write it to a file. Commands are not wrapped: they are copied."""
    if out is not None:
        # Into a buffer, as rich would otherwise wrap at the width of the terminal.
        text = io.StringIO()
        Console(file=text, width=_WIDTH).print(draw(), crop=False)
        write_atomically(out, _trimmed(text.getvalue()).encode())
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(draw(plain=_is_plain(console)), crop=False)
        return
    text = io.StringIO()
    Console(file=text, width=_WIDTH).print(draw(), crop=False)
    # A pipe may not be UTF-8; the marks of the tree are then escaped.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(_trimmed(text.getvalue()).encode(encoding, "backslashreplace").decode(encoding))


def _trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _is_plain(console: Console) -> bool:
    # Consoles of other encodings cannot print the marks.
    return not console.encoding.lower().startswith("utf")


def rendered(
    explanation: Explanation, lines: tuple[Recorded, ...] = (), *, plain: bool = False, whole: bool = False
) -> RenderableType:
    """Draw an explanation for a terminal; `plain`: in ASCII; `whole`: all of it, not one screen."""
    marks = _PLAIN if plain else _MARKS
    if not whole:
        return Group(_head(explanation), *short(explanation, marks))
    tree = Tree(_node(explanation.root, marks), guide_style="dim")
    _grow(tree, explanation.root, marks)
    return Group(_head(explanation), tree, *_advice(explanation), *_quoted(lines))


def _head(explanation: Explanation) -> Text:
    account = (
        f"{explanation.account} ({one_line(explanation.account_name)})"
        if explanation.account_name
        else explanation.account
    )
    head = Text(one_line(explanation.subject), style="bold", overflow="fold")
    head.append(f"\n{account} / {explanation.region}, as of {explanation.as_of}\n", style="dim")
    head.append(_owner(explanation.owner))
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
    """Draw one link: its mark and name, its reason, its facts, and the evidence lines."""
    text = Text(overflow="fold")
    # A group has no verdict of its own.
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
        facts = "; ".join(f"{name} {one_line(content)}" for name, content in node.facts)
        text.append(f"\n  {facts}")
    if node.evidence:
        text.append(f"\n  {_refs(node)}", style="dim")
    return text


def _refs(node: Node) -> str:
    shown = [f"{one_line(ref.file)}:{ref.line}" for ref in node.evidence[:_REFS]]
    more = len(node.evidence) - _REFS
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _advice(explanation: Explanation) -> Iterator[RenderableType]:
    if explanation.advice:
        yield Text("\nFindings and what to do", style="bold")
    advised: set[tuple[str, str]] = set()
    for advice in explanation.advice:
        # The same advice for several subjects is printed once.
        again = (advice.control, advice.text) in advised
        yield Padding(_finding(advice, explanation.subject, again=again), (1, 0, 0, 2))
        # Commands differ by subject, even where the advice is the same.
        if not again or advice.subject != explanation.subject:
            yield from _commands(advice)
        advised.add((advice.control, advice.text))


def _commands(advice: Advice) -> Iterator[Text]:
    """Yield the commands, each on one line: a terminal may wrap it, but what is copied has no line break."""
    for command in advice.cli.splitlines():
        yield Text(f"    {one_line(command)}", style="cyan", no_wrap=True, overflow="ignore")


def _finding(advice: Advice, subject: str, *, again: bool) -> Text:
    """Draw a finding with its advice, which is printed once per control."""
    text = Text(overflow="fold")
    text.append(f"{advice.status.value} ", style="bold")
    text.append(f"{advice.severity.value}  ", style="dim")
    text.append(f"{one_line(advice.title)} ({one_line(advice.control)})", style="bold")
    if advice.subject != subject:
        text.append(f"\nof {one_line(advice.subject)}", style="dim")
    text.append(f"\n{one_line(advice.reason)}")
    if advice.root_cause is not None and advice.blocked_by is not None:
        # A failure that hangs on another one is not worth fixing first.
        cause = one_line(cause_sentence(advice.root_cause))
        text.append(f"\nFirst: {cause} (mend {one_line(advice.blocked_by.control)})", style="yellow")
    if again:
        return text
    if advice.text:
        text.append(f"\nTo do: {one_line(advice.text)}")
    if advice.subject != subject and advice.owner is not None:
        text.append(f"\n{_owner(advice.owner).rstrip()}")
    return text


def _quoted(lines: tuple[Recorded, ...]) -> Iterator[RenderableType]:
    if lines:
        yield Text("\nRecorded evidence", style="bold")
    for quote in lines:
        text = Text(overflow="fold")
        text.append(f"{one_line(quote.ref.file)}:{quote.ref.line}", style="bold")
        text.append(f"  {one_line(quote.at)}\n", style="dim")
        text.append(f"{one_line(quote.call)}\n{one_line(quote.answer)}")
        yield Padding(text, (1, 0, 0, 2))

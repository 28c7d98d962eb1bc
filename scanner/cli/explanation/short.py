"""An explanation on one screen: what to mend first, then the chain, then the findings."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from scanner.cli.explanation.chain import left_out, short_chain
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, Verdict
from scanner.model.finding import Status
from scanner.model.root_causes import RootCause
from scanner.report.cause_wording import cause_sentence
from scanner.report.wording import clip, count_word, one_line

FINDINGS: Final = 8
"""Lines of findings."""

CAUSES: Final = 3
_REASON: Final = 150
_TO_DO: Final = 320
_STYLES: Final = {Verdict.BROKEN: "bold red", Verdict.UNKNOWN: "yellow", Verdict.HOLDS: "green"}
_WORDS: Final = {Verdict.BROKEN: "  BROKEN", Verdict.UNKNOWN: "  UNKNOWN"}
_NAMED: Final = frozenset({NodeKind.LINK, NodeKind.GROUP, NodeKind.MORE, NodeKind.KEY, NodeKind.SETTING})
"""Kinds whose labels say what they are."""


def short(explanation: Explanation, marks: Mapping[Verdict, str]) -> Iterator[RenderableType]:
    """Yield the parts. `marks`: the sign of each verdict."""
    yield from _first(explanation)
    chain = short_chain(explanation.root)
    yield Text("\nChain", "bold")
    tree = Tree(_line(chain, marks), guide_style="dim")
    _grow(tree, chain, marks)
    yield tree
    yield from _findings(explanation.advice)
    hidden = left_out(explanation.root, chain)
    more = f"Links not shown: {hidden}. " if hidden else ""
    yield Text(f"\n{more}--all shows every link, its evidence, and what to do about each finding.", "dim")


def _first(explanation: Explanation) -> Iterator[RenderableType]:
    """Yield what to do first, with commands: mend the root cause of most failures, else the worst failure."""
    failures = [advice for advice in explanation.advice if advice.status is Status.FAIL]
    if not failures:
        unknown = sum(advice.status is Status.UNKNOWN for advice in explanation.advice)
        open_checks = f" {count_word(unknown, 'check')} could not be evaluated." if unknown else ""
        yield Text(f"No failed checks.{open_checks}", "bold")
        return
    causes = causes_of(failures)
    if not causes:
        yield Text("Mend first", "bold")
        yield from _to_do(failures[0], f"{one_line(failures[0].title)}: {one_line(failures[0].reason)}")
        return
    (cause, caused), *others = causes
    sentence = one_line(cause_sentence(cause))
    explained = f"{len(caused)} of the {count_word(len(failures), 'failure')} below"
    yield Text("Root cause", "bold")
    # Rather a failure that hangs on no other one: its advice is about the cause itself.
    lead = next((advice for advice in caused if advice.blocked_by is None), caused[0])
    yield from _to_do(lead, f"{_capital(sentence)} ({_place(cause)}): {explained}.")
    for next_cause, failed in others[: CAUSES - 1]:
        also = f"Also: {one_line(cause_sentence(next_cause))}: {count_word(len(failed), 'failure')}."
        yield Padding(Text(also), (0, 0, 0, 2))
    if more := len(others) - (CAUSES - 1) if len(others) >= CAUSES else 0:
        yield Padding(Text(f"and {count_word(more, 'more root cause')}"), (0, 0, 0, 2))


def causes_of(failures: Iterable[Advice]) -> list[tuple[RootCause, list[Advice]]]:
    """Return the root causes with their failures: those with most first, else in the order of mending."""
    caused: dict[tuple[str, str, str], tuple[RootCause, list[Advice]]] = {}
    for advice in failures:
        if (cause := advice.root_cause) is not None:
            key = (cause.kind.value, cause.subject, cause.about)
            caused.setdefault(key, (cause, []))[1].append(advice)
    # `sorted` is stable, so equal numbers keep the order in which they have to be fixed.
    return sorted(caused.values(), key=lambda pair: -len(pair[1]))


def _to_do(advice: Advice, sentence: str) -> Iterator[RenderableType]:
    """Yield a sentence, what to do, and the commands, each on one line: what is copied has no line break."""
    yield Padding(Text(sentence), (0, 0, 0, 2))
    if advice.text:
        yield Padding(Text(f"To do: {clip(one_line(advice.text), _TO_DO)}"), (0, 0, 0, 2))
    for command in advice.cli.splitlines():
        yield Text(f"    {one_line(command)}", style="cyan", no_wrap=True, overflow="ignore")


def _place(cause: RootCause) -> str:
    return one_line("/".join(filter(None, (cause.account, cause.region))))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _grow(tree: Tree, node: Node, marks: Mapping[Verdict, str]) -> None:
    for child in node.children:
        _grow(tree.add(_line(child, marks)), child, marks)


def _line(node: Node, marks: Mapping[Verdict, str]) -> Text:
    """Return a link as its mark, kind, name, verdict and reason."""
    text = Text(overflow="fold")
    style = _STYLES.get(node.verdict, "dim")
    if node.kind is not NodeKind.GROUP:
        text.append(f"{marks[node.verdict]} ", style)
    if node.kind not in _NAMED:
        text.append(f"{node.kind.value.replace('_', ' ')} ", "dim")
    text.append(one_line(node.label), "" if node.kind in _NAMED else "bold")
    text.append(_WORDS.get(node.verdict, ""), style)
    if node.because:
        colon = ": " if node.verdict in _WORDS else "  "
        text.append(f"{colon}{clip(one_line(node.because), _REASON)}")
    if node.kind is NodeKind.SETTING and node.facts:
        text.append(f"  ({clip(one_line(' '.join(node.facts[0])), _REASON)})", "dim")
    return text


def _findings(advised: Sequence[Advice]) -> Iterator[RenderableType]:
    """Yield the findings that did not pass, a line for each control and status."""
    if not advised:
        return
    yield Text("\nFindings", "bold")
    numbers = Counter((advice.status, advice.severity, advice.title, advice.control) for advice in advised)
    # The first controls are those that the explanation lists first: the most severe.
    for (status, severity, title, control), number in tuple(numbers.items())[:FINDINGS]:
        text = Text(overflow="fold")
        text.append(f"{status.value} ", "red" if status is Status.FAIL else "yellow")
        text.append(f"{severity.value}  ", "dim")
        text.append(f"{one_line(title)} ({one_line(control)})")
        text.append(f": {number:,} times" if number > 1 else "", "dim")
        yield Padding(text, (0, 0, 0, 2))
    if more := sum(tuple(numbers.values())[FINDINGS:]):
        yield Padding(Text(f"and {count_word(more, 'more finding')}"), (0, 0, 0, 2))

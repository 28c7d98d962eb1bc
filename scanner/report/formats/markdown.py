"""`summary.md`: the results in short, for a pull request, a job summary or a chat.

GitHub limits comments to 65,536 characters. What does not fit is counted, with the names of the full files.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from scanner.model.compliance import Baseline, FrameworkView, RequirementStatus, RequirementView, Score
from scanner.model.control import ALL
from scanner.model.finding import Finding, Status
from scanner.model.known import ASSUME_ROLE
from scanner.model.root_causes import CauseCount, RootCause
from scanner.report.cause_wording import cause_sentence
from scanner.report.formats.markdown_trend import trend_md
from scanner.report.view.assessment import score_sentence
from scanner.report.view.changes import kinds
from scanner.report.view.completeness import GapGroup
from scanner.report.view.conclusion import conclusion, date_warning
from scanner.report.view.counts import Counts
from scanner.report.view.requirement_words import (
    baseline_words,
    manual_sentence,
    obligation_words,
    result_sentence,
    tally_sentence,
)
from scanner.report.view.root_causes import explained
from scanner.report.view.view import ControlView, View
from scanner.report.wording import (
    STATUS_MEANINGS,
    STATUS_WORDS,
    clip,
    count_word,
    given_name,
    instant,
    one_line,
    percent,
    short_name,
    type_word,
)

LIMIT: Final = 60_000
"""Maximum size in bytes of UTF-8, and therefore in characters."""

_WORST: Final = 3
"""Number of findings shown per control."""
_WORST_CONTROLS: Final = 15
_CONTROLS: Final = 150
_GROUPS: Final = 8
_WAIVERS: Final = 10
_NAMED: Final = 4
_FRAMEWORKS: Final = 20
_REQUIREMENTS: Final = 12
"""Number of requirements that are named of a framework."""
_OPEN: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN)

_ALWAYS: Final = (Status.FAIL, Status.UNKNOWN, Status.PASS)
"""Statuses that are listed even if no finding has them."""

_PLAIN: Final = re.compile(
    r"""
    (?! GH-)                       # an issue of this repository
    (?! .* \b [0-9a-fA-F]{7,} \b)  # a commit
    (?: [^\W_]+ (?: ['\u2019/,%-]+ [^\W_]+ )* %? | [0-9]+ (?: [.,][0-9]+ )+ %? )
    """,
    re.VERBOSE,
)
"""A word of letters and digits, with apostrophes, hyphens and slashes inside; or a number."""
_BEFORE: Final = "(\"'"
_BEHIND: Final = ".,;:)\"'?!\u2026"


def summary_md(view: View) -> Iterator[bytes]:
    """Yield summary.md as a whole: it is small."""
    standing = f"{_standing(view)}{_changes(view)}{trend_md(view.timeline)}"
    unsupported = _unsupported(view)
    causes = _root_causes(view)
    fixed = [
        _head(view),
        standing,
        causes,
        _unread(view),
        _controls(view),
        _frameworks(view),
        _waivers(view),
        unsupported,
        _FILES,
    ]
    # All other sections are bounded: the findings get what is left.
    room = LIMIT - sum(_size(section) for section in fixed)
    head, _, _, unread, controls, frameworks, waivers, _, files = fixed
    findings = _worst(view, room)
    sections = (
        head,
        standing,
        causes,
        unread,
        findings,
        controls,
        frameworks,
        waivers,
        unsupported,
        files,
    )
    yield ("\n\n".join(section for section in sections if section) + "\n").encode()


def _size(section: str) -> int:
    return len(section.encode()) + 2


def _head(view: View) -> str:
    manifest = view.manifest
    program = inert(" ".join(filter(None, (manifest.tool_name or "vaultproof", manifest.tool_version))))
    scan = f", scan {code(manifest.scan_id)}" if manifest.scan_id else ""
    as_of = instant(manifest.evaluated_as_of)
    notice = f"**{view.notice}**\n\n" if view.notice else ""
    details, warning = view.details, date_warning(manifest)
    stated = [
        f"Organisation {code(view.organization)}." if details.organization else "",
        f"Prepared by {code(details.prepared_by)}." if details.prepared_by else "",
        f"Period of the audit: {details.period}." if details.period else "",
    ]
    recorded = f"Recorded {instant(manifest.started_at)} to {instant(manifest.finished_at)}."
    lines = [
        f"{notice}# Backup audit of {code(view.organization_name)}",
        f"As of {as_of}{scan}, {program}. {recorded}",
        " ".join(filter(None, stated)),
        " ".join(conclusion(view)),
        f"**Dates.** {warning}" if warning else "",
    ]
    return "\n\n".join(filter(None, lines))


def _standing(view: View) -> str:
    counts = view.counts
    statuses = [status for status in STATUS_WORDS if counts.of(status) or status in _ALWAYS]
    rows = "".join(f"\n{_answer(status, counts)}" for status in statuses)
    # Expired waivers have a control of their own, which is not one of the selected ones.
    number = view.selection.number if view.selection else len(view.controls)
    checked = f"{count_word(number, 'control')} and {count_word(view.asked_resources, 'resource')}"
    lines = [f"**{view.headline}**"] if view.headline else []
    lines += [_selection(view.selection_sentence)] if view.selection_sentence else []
    lines += [
        f"**{_verdict(counts)}** A check evaluates one control for one subject; {checked} were checked.",
        f"| Result | Checks | Share | Meaning |\n|---|---:|---:|---|{rows}",
    ]
    if counts.failed:
        severities = ", ".join(f"{number:,} {severity.value}" for severity, number in view.failures if number)
        lines.append(f"Failures by severity: {severities}.")
    if view.assessment is not None:
        lines.append(_score(view.assessment.score))
    return "\n\n".join(lines)


def _selection(sentence: str) -> str:
    """Return which controls were evaluated, with the option that evaluates the others to be copied."""
    option = f"--controls {ALL}"
    before, matched, after = sentence.partition(option)
    return f"{inert(before)} {code(option)} {inert(after)}" if matched else inert(sentence)


def _verdict(counts: Counts) -> str:
    """Return how many checks failed and are open, each with its denominator (formats.md, denominators)."""
    failed = f"{counts.failed:,} of {count_word(counts.judged, 'evaluated check')} failed"
    return f"{failed}; {counts.open:,} of {count_word(counts.asked, 'check')} could not be evaluated."


def _score(score: Score) -> str:
    if score.withheld:
        return f"No score: {score.withheld}."
    if score.total.score is None:
        return "No score: no check of a resource was evaluated."
    share = percent(score.total.score)
    return f"Score, weighted by severity: {share} of 100. {score_sentence(score.total)}."


def _frameworks(view: View) -> str:
    """Return the frameworks with the requirements that have gaps; empty: none was loaded."""
    frameworks = view.assessment.frameworks if view.assessment else ()
    lines = [_framework(framework, view.baseline) for framework in frameworks[:_FRAMEWORKS]]
    if not lines:
        return ""
    if more := len(frameworks) - len(lines):
        lines.append(f"- {count_word(more, 'more framework')}, in `summary.json`.")
    return "## Frameworks\n\n" + "\n".join(lines)


def _framework(framework: FrameworkView, baseline: Baseline | None) -> str:
    edition = f" {inert(framework.edition)}." if framework.edition else ""
    sentences = (tally_sentence(framework, baseline), manual_sentence(framework, baseline))
    words = " ".join(inert(f"{sentence.removesuffix('.')}.") for sentence in sentences if sentence)
    gaps = [
        requirement_view
        for requirement_view in framework.inside(baseline)
        if requirement_view.standing is RequirementStatus.FAILED
    ]
    named = "; ".join(_gap(requirement_view) for requirement_view in gaps[:_REQUIREMENTS])
    more = f"; and {len(gaps) - _REQUIREMENTS:,} more" if len(gaps) > _REQUIREMENTS else ""
    outside = [code(requirement_view.requirement.id, 80) for requirement_view in framework.outside(baseline)][
        :_REQUIREMENTS
    ]
    left_out = f" Outside the baseline: {', '.join(outside)}." if outside else ""
    return (
        f"- **{inert(framework.title)}**:{edition} {words}"
        f"{f' With gaps: {named}{more}.' if named else ''}{left_out}"
    )


def _gap(view: RequirementView) -> str:
    """Return a requirement with its gaps, and its baselines or its obligation."""
    requirement = view.requirement
    about = ", ".join(filter(None, (baseline_words(requirement), obligation_words(requirement))))
    gaps = inert(result_sentence(view).removeprefix("Gaps: "))
    return f"{code(requirement.id, 80)}{f' [{about}]' if about else ''} {gaps}"


def _answer(status: Status, counts: Counts) -> str:
    number, of = counts.of(status), counts.denominator(status)
    share = f"{percent(100 * number / of)} % of {of:,}" if of else ""
    return f"| {STATUS_WORDS[status]} | {number:,} | {share} | {STATUS_MEANINGS[status]} |"


def _root_causes(view: View) -> str:
    """Return the root causes that explain most failures; empty: there are none, or they are not known."""
    if not view.root_causes:
        return ""
    head = "| Failures | Root cause | Where | Subject | Explains |\n|---:|---|---|---|---|"
    rows = "".join(f"\n{_root_cause(count, view)}" for count in view.root_causes)
    commands = view.mending(view.root_causes[0].cause)
    first = f"\n\nThe commands for the first:\n\n{block(commands, 'shell')}" if commands else ""
    reasons = "; ".join(
        f"{code(name, 80)} ({number:,}): {why}" for name, number, why in view.untraced[:_WORST]
    )
    untraced = f"\n\nNot traced: {reasons}." if reasons else ""
    return f"## What to change first\n\n{view.root_causes_sentence}\n\n{head}{rows}{untraced}{first}"


def _root_cause(count: CauseCount, view: View) -> str:
    cause = count.cause
    where = ", ".join(code(part, 80) for part in (view.account(cause.account), cause.region) if part)
    sentence = cause_sentence(cause)
    cells = (
        inert(f"{sentence[0].upper()}{sentence[1:]}.", 300),
        where,
        code(cause.subject),
        inert(explained(count), 300),
    )
    return f"| {count.failures:,} | {' | '.join(map(cell, cells))} |"


def _causes_of(control: str, view: View) -> str:
    """Return what other controls check and failures of this one hang on; empty: nothing is known."""
    others = [
        (count.controls[control], count.cause)
        for count in view.causes_of(control)
        if count.cause.control not in ("", control)
    ]
    if not others:
        return ""
    lines = [_cause_line(number, cause) for number, cause in others[:_WORST]]
    if more := len(others) - len(lines):
        lines.append(f"- And {count_word(more, 'more root cause')}, in `summary.json`.")
    return "Failures that hang on another control. Change this first:\n\n" + "\n".join(lines)


def _cause_line(number: int, cause: RootCause) -> str:
    sentence = cause_sentence(cause)
    how = f" See {code(cause.control, 80)}." if cause.control else ""
    explains = count_word(number, "failure")
    return f"- {inert(f'{sentence[0].upper()}{sentence[1:]}', 300)} ({explains}): {code(cause.subject)}.{how}"


def _changes(view: View) -> str:
    """Return what changed since the former scan; empty: there is none."""
    trend, changes = view.trend, view.changes
    if trend is None or changes is None:
        return ""
    numbers = ", ".join(f"{kind.number:,} {kind.word[0].lower()}{kind.word[1:]}" for kind in kinds(changes))
    was, now = trend.was, trend.now
    numbers = numbers or "nothing is new, fixed, deleted, changed or newly unknown"
    failed = (
        f"Then {was.failed:,} of {was.judged:,} evaluated checks failed, now {now.failed:,} of {now.judged:,}"
    )
    open_ = f"{was.open:,} of {was.asked:,} could not be evaluated, now {now.open:,} of {now.asked:,}"
    lines = [f"**Since {instant(trend.since)}:** {numbers}. {failed}; {open_}."]
    if trend.score_was is not None and trend.score_now is not None and trend.has_same_controls:
        lines.append(f"The score was {percent(trend.score_was)}, and is {percent(trend.score_now)}.")
    notes = [f"- {inert(note, 400)}" for note in changes.notes[:_GROUPS]]
    if more := len(changes.notes) - len(notes):
        notes.append(f"- And {count_word(more, 'more difference')}.")
    head = "\n\nThe two scans differ, and a change may come from that alone:\n\n" if notes else ""
    return "\n\n" + " ".join(lines) + head + "\n".join(notes)


def _unread(view: View) -> str:
    complete = view.completeness
    limits = [complete.collected, _left_out(complete.left_out)]
    if complete.whole:
        what = "Everything that the scan had to collect" if complete.collected else "Everything in scope"
        return "\n\n".join(filter(None, ("## What could not be read", f"{what} was read.", *limits)))
    tally = ", ".join(f"{number:,} {status.value}" for status, number in complete.tally)
    shards = f"Of {count_word(complete.shards, 'account-Region')}: {tally}."
    missing = f"Missing: {count_word(len(complete.gaps), 'read')}."
    lines = [
        "## What could not be read",
        f"{missing} {shards} Checks that need a missing read are unknown, never passed.",
        "\n".join(_group(group) for group in complete.groups[:_GROUPS]),
    ]
    if rest := sum(group.number for group in complete.groups[_GROUPS:]):
        lines.append(f"{count_word(rest, 'more read')} are missing for other reasons.")
    lines += limits
    return "\n\n".join(line for line in lines if line)


def _left_out(operations: tuple[str, ...]) -> str:
    """Return which operations controls need that the scan left out; empty: none."""
    if not operations:
        return ""
    return (
        f"Left out by the scan, and needed by these controls: {_some(operations)}. Checks that need them are "
        "unknown."
    )


def _group(group: GapGroup) -> str:
    why = f" ({code(group.code, 80)})" if group.code else ""
    affected = f" Affected controls: {len(group.affected_controls):,}." if group.affected_controls else ""
    if group.is_no_entry:
        accounts = tuple(account for account, _ in group.where)
        answer = f" {inert(group.message, 400)}" if group.message else ""
        return (
            f"- {count_word(len(accounts), 'account')} could not be entered: {code(ASSUME_ROLE, 120)} of "
            f"{_some(group.abouts)} was {group.kind.value}{why}.{answer}{affected}"
        )
    return (
        f"- {count_word(group.number, 'read')} {group.kind.value}{why}: {_some(group.operations)}, in "
        f"{_some(group.places)}.{affected}"
    )


def _some(words: tuple[str, ...]) -> str:
    shown = ", ".join(code(word, 120) for word in words[:_NAMED])
    more = f" and {len(words) - _NAMED:,} more" if len(words) > _NAMED else ""
    return f"{shown}{more}"


def _worst(view: View, room: int) -> str:
    """Return the controls that fail or are unknown, worst first, as many as fit."""
    open_controls = [control for control in view.controls if control.standing in _OPEN]
    if not open_controls:
        return ""
    sections = ["## Worst failures and what to do"]
    # 200 for the sentence that counts what is left out.
    left = room - 200 - _size(sections[0])
    for number, control in enumerate(open_controls):
        section = _control(control, view)
        left -= _size(section)
        if left < 0 or number == _WORST_CONTROLS:
            left_out = len(open_controls) - number
            sections.append(f"{count_word(left_out, 'more control')} failed or are unknown: see the table.")
            break
        sections.append(section)
    return "\n\n".join(sections)


def _control(view: ControlView, whole: View) -> str:
    control, counts = view.control, view.counts
    # Worst first, so that the first ones are enough; the others need not be read.
    shown = [finding for finding in view.findings[:_WORST] if finding.status in _OPEN]
    opened = f"{counts.open:,} could not be evaluated" if counts.open else ""
    failed = f"{counts.failed:,} of {counts.judged:,} failed" if counts.failed else ""
    what = failed or opened or "Subjects could not be listed"
    parts = [
        f"### {what}: {inert(control.failure if counts.failed else control.title)}",
        f"{code(control.id)}, {control.severity.value}{f'; {opened}' if failed and opened else ''}.",
        "\n".join(_finding(finding, whole) for finding in shown),
    ]
    if more := counts.failed + counts.open - len(shown):
        parts.append(f"And {more:,} more.")
    # Before the remediation, which cannot work while the cause is there.
    if counts.failed and (causes := _causes_of(control.id, whole)):
        parts.append(causes)
    if counts.failed and control.remediation.text:
        parts.append(f"What to do: {inert(control.remediation.text, 800)}")
    parts += _commands(shown, whole)
    return "\n\n".join(part for part in parts if part)


def _commands(findings: list[Finding], view: View) -> list[str]:
    """Return the commands of the first failure, complete for its subject; none: there are none."""
    failed = next((finding for finding in findings if finding.status is Status.FAIL), None)
    advice = view.to_do(failed) if failed is not None else None
    if failed is None or advice is None or not advice.cli:
        return []
    name = given_name(failed.details) or short_name(failed.subject)
    return [f"The commands for {code(name, 120)}:", block(advice.cli, "shell")]


def _finding(finding: Finding, view: View) -> str:
    name = given_name(finding.details) or short_name(finding.subject)
    word = "" if finding.status is Status.FAIL else f"{STATUS_WORDS[finding.status]}:"
    where = f"{code(view.account(finding.account), 80)}, {code(finding.region, 40)}"
    what = f"({inert(type_word(finding.subject_type))}, {where})"
    head = f"- **{word}** {code(name, 120)}" if word else f"- {code(name, 120)}"
    owner = f" Owner: {code(finding.owner.name, 120)}." if finding.owner and finding.owner.name else ""
    own = finding.to_do
    to_do = f" **To do:** {inert(own.text, 400)}" if own else ""
    # A code span cannot have several lines.
    if own and own.cli and "\n" not in own.cli:
        to_do = f"{to_do} {code(own.cli, 400)}"
    return f"{head} {what}: {inert(finding.reason, 400)}{owner} {code(finding.subject)}{to_do}"


def _controls(view: View) -> str:
    if not view.controls:
        return ""
    head = (
        "## Controls\n\n"
        "| Control | Severity | Fail | Unknown | Waived | Pass | Not applicable |\n"
        "|---|---|---:|---:|---:|---:|---:|"
    )
    rows = [_row(control) for control in view.controls[:_CONTROLS]]
    more = len(view.controls) - len(rows)
    behind = f"\n\n{count_word(more, 'more control')} are in the full report." if more else ""
    return "\n".join((head, *rows)) + behind + _left_out_controls(view)


def _left_out_controls(view: View) -> str:
    """Return the packaged controls that were not evaluated; empty: there are none, or it is not recorded."""
    left_out = view.selection.left_out if view.selection else ()
    if not left_out:
        return ""
    names = ", ".join(code(control.id, 80) for control in left_out)
    return f"\n\nNot evaluated: {names}."


def _row(view: ControlView) -> str:
    counts = view.counts
    numbers = (counts.failed, counts.open, counts.waived, counts.passed, counts.not_applicable)
    cells = " | ".join(f"{number:,}" if number else "" for number in numbers)
    return f"| {cell(code(view.control.id, 80))} | {view.control.severity.value} | {cells} |"


def _waivers(view: View) -> str:
    if not view.waivers:
        return ""
    lines = [
        f"- {code(waiver.id, 80)}: {count_word(number, 'failure')} until {code(waiver.expires)}, approved by "
        f"{code(waiver.approver, 120)}. {inert(waiver.reason, 200)}"
        for waiver, number in view.waivers[:_WAIVERS]
    ]
    more = len(view.waivers) - len(lines)
    behind = f"\n\n{count_word(more, 'more waiver')} are in the full report." if more else ""
    return "## Waived failures\n\n" + "\n".join(lines) + behind


def _unsupported(view: View) -> str:
    """Return the resources that AWS Backup cannot back up; empty: there are none, or it is unknown."""
    unsupported = view.unsupported
    if unsupported is None or not unsupported.number:
        return ""
    kinds = "; ".join(f"{inert(kind)}: {number:,}" for kind, number in unsupported.kinds)
    lines = [
        f"- {code(resource.name, 120)} ({inert(type_word(resource.subject_type))}, "
        f"{code(view.account(resource.account), 80)}, {code(resource.region, 40)}) {code(resource.subject)}"
        for resource in unsupported.resources[:_GROUPS]
    ]
    more = unsupported.number - len(lines)
    behind = f"\n\n{count_word(more, 'more resource')} are in `summary.json`." if more else ""
    return (
        f"## Not backed up by AWS Backup\n\n{view.unsupported_sentence} Controls of resources do not apply: "
        f"{kinds}.\n\n" + "\n".join(lines) + behind
    )


_FILES: Final = (
    "## The full report\n\n"
    "In the folder of the scan: `report.html` and `report.pdf` for people, `findings.jsonl.gz` with every "
    "finding. "
    "`audit report SCAN_DIR --format html,pdf,csv` writes those that are missing, and "
    "`audit explain SCAN_DIR ARN` shows how one resource is protected."
)


# Text that GitHub's Markdown shows as it is: no markup, links, mentions or references.
#
# Words that could be anything else are put into code spans, in which GitHub interprets nothing: no HTML,
# `@name`, `#12`, `:emoji:`, `www.` or commit hash.
def code(text: str, length: int = 300) -> str:
    """Return a code span with a value on one line, cut at `length` characters."""
    shown = clip(" ".join(one_line(text).split()), length)
    if not shown:
        return ""
    fence = "`"
    # CommonMark: a code span ends at a run of as many backticks as it began with.
    while fence in shown:
        fence += "`"
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def inert(text: str, length: int = 600) -> str:
    """Return a sentence with plain words as they are and all others in code spans."""
    words = clip(" ".join(one_line(text).split()), length).split(" ")
    return " ".join(_joined(words))


def cell(markdown: str) -> str:
    """Escape vertical bars, which would end the cell of a table."""
    # GitHub splits cells at a bar even within a code span, where `\\|` would show the backslash.
    return markdown.replace("|", "\u2039U+007C\u203a")


def block(text: str, language: str = "") -> str:
    """Return a fenced block with commands to copy."""
    fence = "```"
    while fence in text:
        fence += "`"
    lines = "\n".join(one_line(line) for line in text.strip().splitlines())
    return f"{fence}{language}\n{lines}\n{fence}"


def _joined(words: list[str]) -> Iterator[str]:
    """Yield plain words one by one, and the words between them together as code spans."""
    for plain, group in groupby(words, key=_is_plain):
        if plain:
            yield from group
        else:
            yield _spanned(" ".join(group))


def _is_plain(word: str) -> bool:
    bare = word.lstrip(_BEFORE).rstrip(_BEHIND)
    around = len(word) - len(bare)
    return word == "/" or (bool(_PLAIN.fullmatch(bare)) and around <= len(_BEFORE))


def _spanned(text: str) -> str:
    """Return a text as a code span, without the punctuation around it."""
    bare = text.rstrip(".,;:)\u2026")
    if not bare:
        return code(text)
    head = "(" if bare[0] == "(" and bare != "(" and ")" not in bare else ""
    return f"{head}{code(bare.removeprefix(head), len(text) + 1)}{text[len(bare) :]}"

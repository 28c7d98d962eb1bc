"""README.md of a proposal: what to change, in which order, what is proven, and what is not."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.model.planning.fix import OUTCOME_WORDS, Fix, FixedFinding, Outcome
from scanner.model.planning.planned_change import ChangeKind
from scanner.model.planning.what_if import FindingEffect
from scanner.report.fixes.places import FixPlace
from scanner.report.formats.markdown import cell, inert
from scanner.report.wording import count_word, one_line

_SHOWN: Final = 50
_COSTS: Final = {
    ChangeKind.PLAN: (
        "AWS Backup charges for stored backups, for copies in each vault, and for data transferred between "
        "Regions. More frequent, longer kept, continuous or additional backups and copies store more."
    ),
    ChangeKind.SELECTION: "Backups of newly selected resources are stored and charged.",
    ChangeKind.REGION_SETTINGS: "Backups of resource types that are opted in are stored and charged.",
    ChangeKind.TAGS: "Backups of newly selected resources are stored and charged.",
    ChangeKind.GLOBAL_SETTINGS: "Copies to other accounts are stored and charged there.",
    ChangeKind.KEY_POLICY: "AWS KMS charges for requests: copies of other accounts use the key from now on.",
    ChangeKind.VAULT_NOTIFICATIONS: "Amazon SNS charges for notifications.",
}
"""What costs, without prices: these depend on Region, type, size and rate of change."""


def readme(fix: Fix, places: tuple[FixPlace, ...]) -> str:
    """Return the README."""
    lines = [
        "# Proposed changes",
        "",
        f"Of scan {escaped(fix.scan_id)}. Nothing was changed in AWS: read the files before you apply them.",
        "",
        *_result(fix),
        *_order(places),
        *_apply(),
        *_details(places),
        *_costs(fix),
        *_findings("Turns to pass", fix.of(Outcome.FIXED), is_reason_shown=False),
        *_findings(
            "Needs time",
            fix.of(Outcome.NEEDS_TIME),
            "The configuration is right after the change, but what exists does not change with it: recovery "
            "points do "
            "not move, and the next backup, copy or restore has to run. Scan again after that.",
        ),
        *_effects("Gets worse", fix.worse, "These pass today, and fail or are unknown after the changes."),
        *_effects(
            "Fails until the next run",
            fix.until_next_run,
            "These pass today. With the new schedule or copy action they fail until the next backup or copy "
            "has run.",
        ),
        *_effects(
            "Is checked for the first time, and fails",
            fix.newly_checked,
            "These controls did not apply before: a resource without a plan, for example, is not checked for "
            "copies.",
        ),
        *_findings(
            "Unknown after the change", fix.of(Outcome.UNKNOWN), "Not promised: the proof does not show it."
        ),
        *_findings("Stays", fix.of(Outcome.STAYS)),
        *_manual(fix),
        *_dropped(fix),
        *_notes(fix),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line."""
    return cell(inert(one_line(text)))


def _result(fix: Fix) -> Iterator[str]:
    yield "## What is proven"
    yield ""
    yield (
        "The changes were laid over the evidence of the scan, and judged again with the same controls. "
        "Repeat it: "
        "`audit what-if SCAN --change changes.json`."
    )
    yield ""
    yield "| Chosen failures | Number |"
    yield "| --- | ---: |"
    for outcome in Outcome:
        if number := len(fix.of(outcome)):
            yield f"| {OUTCOME_WORDS[outcome]} | {number:,} |"
    yield ""
    others = (
        (fix.also_fixed, "Failures that were not chosen and turn to pass as well"),
        (len(fix.worse), "Findings that get worse"),
        (len(fix.until_next_run), "Findings that fail until the next backup or copy has run"),
        (len(fix.newly_checked), "New failures because a control applies for the first time"),
    )
    for number, words in others:
        if number:
            yield f"- {words}: {number:,}"
    yield ""


def _order(places: tuple[FixPlace, ...]) -> Iterator[str]:
    yield "## Order"
    yield ""
    if not places:
        yield "There is no change to apply."
        yield ""
        return
    for place in places:
        yield f"{place.number}. {place.title}: {count_word(len(place.changes), 'change')} ({place.stem})"
    yield ""


def _apply() -> Iterator[str]:
    yield "## How to apply"
    yield ""
    yield "Use one of the three forms, not several:"
    yield ""
    yield (
        "- **AWS CLI**: `cli/*.sh`, in the order of their numbers, each with credentials of its account; "
        "the script "
        "checks that first. Plans are replaced with their full document, policies are extended."
    )
    yield (
        "- **Terraform**: `terraform/*/main.tf`. What exists is imported by `import` blocks (Terraform 1.5 "
        "or later). If "
        "another configuration manages it, change it there: two states must not own the same resource."
    )
    yield (
        "- **CloudFormation**: `cloudformation/*.yaml`. What exists is imported into the stack first, with "
        "`*.import.json` (create-change-set --change-set-type IMPORT). Resources of another stack are "
        "changed there. "
        "Settings, tags and key policies are only in the AWS CLI scripts."
    )
    yield ""
    yield "Then scan again, and compare: `audit diff OLD_SCAN NEW_SCAN`."
    yield ""


def _details(places: tuple[FixPlace, ...]) -> Iterator[str]:
    for place in places:
        yield f"## {place.number}. {place.title[0].upper()}{place.title[1:]}"
        yield ""
        for change in place.changes:
            yield f"- **{escaped(change.title)}**"
            # One change may mend hundreds of causes; fix.json names them all.
            for cause in change.causes[:5]:
                subject = f"{cause.subject} {cause.about}".rstrip()
                yield f"  - mends: {cause.kind.value}, {escaped(subject)}"
            if len(change.causes) > 5:  # noqa: PLR2004 -- as above
                yield f"  - mends {len(change.causes) - 5} more root causes"
            for note in change.notes:
                yield f"  - {escaped(note)}"
        yield ""


def _costs(fix: Fix) -> Iterator[str]:
    kinds = {change.kind for change in fix.changes}
    # Once each: selections and tags have the same sentence.
    costs = dict.fromkeys(words for kind, words in _COSTS.items() if kind in kinds)
    if costs:
        yield "## Costs"
        yield ""
        yield from (f"- {words}" for words in costs)
        yield ""


def _findings(
    title: str, findings: tuple[FixedFinding, ...], words: str = "", *, is_reason_shown: bool = True
) -> Iterator[str]:
    if not findings:
        return
    yield f"## {title}"
    yield ""
    if words:
        yield words
        yield ""
    yield (
        "| Severity | Control | Subject | Root cause | Reason |"
        if is_reason_shown
        else "| Severity | Control | Subject | Root cause |"
    )
    yield "| --- | --- | --- | --- | --- |" if is_reason_shown else "| --- | --- | --- | --- |"
    for fixed in findings[:_SHOWN]:
        finding = fixed.finding
        cause = "" if fixed.cause is None else fixed.cause.kind.value
        reason = f" {escaped(fixed.reason)} |" if is_reason_shown else ""
        subject = escaped(finding.subject)
        yield f"| {finding.severity.value} | {finding.control} | {subject} | {cause} |{reason}"
    yield ""
    yield from _more(len(findings))


def _effects(title: str, effects: tuple[FindingEffect, ...], words: str) -> Iterator[str]:
    if not effects:
        return
    yield f"## {title}"
    yield ""
    yield words
    yield ""
    yield "| Severity | Control | Subject | Reason |"
    yield "| --- | --- | --- | --- |"
    # The worst first, as the rest is only counted.
    for effect in sorted(effects, key=lambda shown: shown.finding.severity.rank)[:_SHOWN]:
        finding = effect.finding
        cells = (escaped(finding.subject), escaped(effect.reason))
        yield f"| {finding.severity.value} | {finding.control} | {' | '.join(cells)} |"
    yield ""
    yield from _more(len(effects))


def _more(number: int) -> Iterator[str]:
    if number > _SHOWN:
        # A count, so that a short table never reads as the whole result.
        yield f"{number - _SHOWN:,} more are in fix.json."
        yield ""


def _manual(fix: Fix) -> Iterator[str]:
    if not fix.manual:
        return
    yield "## By hand"
    yield ""
    yield "No change of the configuration mends these."
    yield ""
    yield "| Root cause | Subject | Failures | Why | What to do |"
    yield "| --- | --- | ---: | --- | --- |"
    # What mends most failures is worth the manual work first.
    for step in sorted(fix.manual, key=lambda manual: -manual.failures):
        subject = f"{step.cause.subject} {step.cause.about}".rstrip()
        cells = (
            step.cause.kind.value,
            escaped(subject),
            str(step.failures),
            escaped(step.why),
            escaped(step.what),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _dropped(fix: Fix) -> Iterator[str]:
    yield from _list(
        "Considered, and not proposed",
        (
            f"{one_line(drop.change.title)} in {drop.change.account}/{drop.change.region}: {drop.why}"
            for drop in fix.dropped
        ),
    )


def _notes(fix: Fix) -> Iterator[str]:
    yield from _list("Notes", (*fix.notes, *(str(problem.why) for problem in fix.not_judged)))


def _list(title: str, entries: Iterable[str]) -> Iterator[str]:
    listed = [f"- {escaped(entry)}" for entry in entries]
    if listed:
        yield from (f"## {title}", "", *listed, "")

"""How reports write numbers, times, names and remediation: the same in every format."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from scanner.model.changes import Kind
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status, ToDo

STATUS_WORDS: Final = {
    Status.FAIL: "Fail",
    Status.ERROR: "Error",
    Status.UNKNOWN: "Unknown",
    Status.WAIVED: "Waived",
    Status.PASS: "Pass",
    Status.NOT_APPLICABLE: "Not applicable",
}
"""The statuses in words, in the order of a report: worst first."""

STATUS_MEANINGS: Final = {
    Status.FAIL: "check failed",
    Status.ERROR: "the control could not be evaluated because of an error",
    Status.UNKNOWN: "check could not be evaluated because data is missing",
    Status.WAIVED: "failure accepted until the waiver expires",
    Status.PASS: "check passed",
    Status.NOT_APPLICABLE: "the control does not apply to this subject",
}
STATUS_ORDER: Final = {status: rank for rank, status in enumerate(STATUS_WORDS)}
SEVERITY_WORDS: Final = {severity: severity.value.capitalize() for severity in Severity}

SUBJECT_WORDS: Final = {
    "resource": "resources",
    "plan": "backup plans",
    "rule": "backup rules",
    "selection": "backup selections",
    "copy_action": "copy actions",
    "vault": "backup vaults",
    "recovery_point": "recovery points",
    "account": "accounts",
    "account_region": "account-Regions",
}
"""The subjects of controls (fact tables) in words, plural."""

_STRUCTURE_WORDS: Final = {
    "plan": "Backup plan",
    "rule": "Backup rule",
    "selection": "Backup selection",
    "copy_action": "Copy action",
    "vault": "Backup vault",
    "recovery_point": "Recovery point",
    "account": "Account",
    "account_region": "Account-Region",
    "waiver": "Waiver",
}

FRAMEWORK_WORDS: Final = {
    "nist-800-53-r5": "NIST 800-53 r5",
    "nist-csf-2": "NIST CSF 2.0",
    "iso-27001-2022": "ISO 27001:2022",
    "pci-dss-4": "PCI DSS 4.0",
    "cis-controls-8": "CIS Controls 8",
    "soc-2": "SOC 2",
    "dora": "DORA",
    "hipaa": "HIPAA",
    "nis-2": "NIS 2",
    "aws-well-architected": "AWS Well-Architected",
}
# SQL compares retentions as numbers, so "for ever" is a number that no retention reaches.
FOREVER_DAYS: Final = 999_999
NEVER_HOURS: Final = 999_999.0
_HOURS_A_DAY: Final = 24
_ARN_FIELDS: Final = 6

# C0 and C1 controls (but tab and newline), bidi controls, zero-width marks, lone surrogates: what hides
# or turns around the text about it. The joiners U+200C and U+200D stay, since scripts and emoji need them.
_INVISIBLE: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff"
    "\\ufff9-\\ufffb\\ud800-\\udfff]"
)

# What breaks or tabs a line, and what shows nothing at all: soft hyphens, fillers, tags of hidden text.
_BREAKS: Final = re.compile(
    "[\\t\\n\\u00ad\\u034f\\u115f\\u1160\\u180e\\u3164\\uffa0\\ufffe\\uffff\\U000e0000-\\U000e007f]"
)

KIND_WORDS: Final = {
    Kind.NEW: "New",
    Kind.REOPENED: "Reopened",
    Kind.WAIVER_ENDED: "Waiver ended",
    Kind.CHANGED_RULE: "Changed rule",
    Kind.NOT_KNOWN: "Failed, now unknown",
    Kind.NEWLY_UNKNOWN: "Newly unknown",
    Kind.CHANGED: "Changed",
    Kind.STILL_OPEN: "Still open",
    Kind.NEWLY_WAIVED: "Newly waived",
    Kind.NOT_ASKED: "No longer checked",
    Kind.NO_LONGER_ASKED: "No longer applicable",
    Kind.DELETED: "Deleted",
    Kind.GONE: "Gone",
    Kind.FIXED: "Fixed",
    Kind.STILL_WAIVED: "Still waived",
    Kind.STILL_UNKNOWN: "Still unknown",
    Kind.NOW_KNOWN: "Now known",
    Kind.SAME: "Not failing, as before",
}
"""Kinds of changes in words, in the order of a report."""
_FAILED: Final = (Status.FAIL, Status.WAIVED)


def visible(text: str) -> str:
    """Make control and direction characters visible, so that no name can disguise a text."""
    if text.isascii() and text.isprintable():  # most texts are, and this check is fast
        return text
    return _INVISIBLE.sub(lambda match: f"\u2039U+{ord(match.group()):04X}\u203a", text)


def visible_values(document: Any) -> Any:  # noqa: ANN401 -- whatever JSON holds
    """Make hidden characters visible in all texts and keys of a document."""
    if isinstance(document, str):
        return visible(document)
    if isinstance(document, Mapping):
        return {visible(key): visible_values(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [visible_values(member) for member in document]
    return document


def one_line(text: str) -> str:
    """Make control characters and line breaks visible, so that no name can fake a line."""
    # Nearly all texts: the regular expressions need not run for them.
    if text.isascii() and text.isprintable():
        return text
    return _BREAKS.sub(lambda match: f"\u2039U+{ord(match.group()):04X}\u203a", visible(text))


_ROUND: Final = 100
"""From here on sizes have no decimal."""


def count_word(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 account`, `1,204 accounts`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def type_word(subject_type: str) -> str:
    """Return a subject type in words; resource types keep AWS Backup's spelling."""
    return _STRUCTURE_WORDS.get(subject_type, subject_type)


def percent(share: float | None) -> str:
    """Return a share rounded down to a tenth, so that only a complete one is 100."""
    return "no subjects" if share is None else f"{int(share * 10) / 10:g}"


def clip(text: str, length: int) -> str:
    """Return a text cut to `length` characters; a cut text ends with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}\u2026"


def instant(moment: datetime | None) -> str:
    """Return a time in UTC: `22 Nov 2026, 18:00:05 UTC`."""
    if moment is None:
        return "not recorded"
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M:%S} UTC"


def day(moment: datetime | None) -> str:
    """Return a day in UTC: `22 November 2026`."""
    if moment is None:
        return "not recorded"
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y}"


def short_day(moment: datetime) -> str:
    """Return a day in UTC for narrow columns: `22 Nov 2026`."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y}"


def size_word(gib: float) -> str:
    """Return a size in GiB in a unit that suits it: `512 MiB`, `80 GiB`, `1.4 TiB`."""
    for unit, factor in (("PiB", 2**20), ("TiB", 2**10), ("GiB", 1), ("MiB", 2**-10)):
        if gib >= factor:
            number = gib / factor
            return f"{number:,.1f} {unit}" if number < _ROUND and number % 1 else f"{number:,.0f} {unit}"
    return "less than 1 MiB"


def days(number: object) -> str:
    """Return a retention in words: `35 days`, `never expires`."""
    if not isinstance(number, int | float):
        return "unknown retention"
    return "never expires" if number >= FOREVER_DAYS else count_word(int(number), "day")


def hours(number: object) -> str:
    """Return a duration in hours, from two days on in days: `26 h`, `3.5 days`."""
    if not isinstance(number, int | float):
        return "unknown"
    if number < 2 * _HOURS_A_DAY:
        return f"{number:.3g} h"
    # Below two days hours say more: a daily rule may be late by some of them.
    return f"{number / _HOURS_A_DAY:,.1f}".removesuffix(".0") + " days"


def short_name(subject: str) -> str:
    """Return the distinctive part of a subject: the resource part of an ARN and what follows."""
    # Accounts and account-Regions have no ARN of their own.
    if subject.startswith("aws:"):
        return subject.rpartition(":")[2]
    if "->" in subject:
        rule, _, destination = subject.partition("->")
        return f"{short_name(rule)} \u2192 {short_name(destination)}"
    arn, mark, part = subject.partition("#")
    fields = arn.split(":", _ARN_FIELDS - 1)
    if fields[0] == "arn" and len(fields) == _ARN_FIELDS:
        # Plans and vaults are shown as such anyway; of other resources the type is part of the name.
        arn = fields[-1].removeprefix("backup-plan:").removeprefix("backup-vault:")
    return f"{arn}{mark}{part}"


def given_name(details: Mapping[str, Any]) -> str:
    """Return the subject's name in a finding's details (`name`); empty: there is none."""
    name = details.get("name")
    return name.strip() if isinstance(name, str) else ""


def title(subject: str, name: str) -> str:
    """Return a subject's name, else its short name. `report.core.js` has the same rule."""
    return (name.replace("->", "\u2192") if "->" in subject else name) or short_name(subject)


def subtitle(subject: str, name: str) -> str:
    """Return the short name to show below the title; empty if it would add nothing."""
    short, shown = short_name(subject), title(subject, name)
    return "" if short == shown or short.endswith((f"/{shown}", f":{shown}")) else short


def place(arn: str) -> str:
    """Return account and Region of an ARN: `111111111111 / eu-west-1`; empty: it has none."""
    fields = arn.split(":", _ARN_FIELDS - 1)
    if fields[0] != "arn" or len(fields) < _ARN_FIELDS:
        return ""
    return " / ".join(part for part in (fields[4], fields[3]) if part)


def value(thing: Any) -> str:  # noqa: ANN401 -- a parameter or a detail: whatever JSON holds
    """Return a parameter in words: `35`, `yes`, `none given`, `eu-west-1, eu-central-1`."""
    if thing is None:
        return "unknown"
    # Before numbers and texts, as True is an int in Python.
    if isinstance(thing, bool):
        return "yes" if thing else "no"
    if isinstance(thing, list | tuple):
        return ", ".join(value(part) for part in thing) or "none given"
    return str(thing)


# The advice of a finding precedes the remediation of its control. The remediation applies to failures: an
# unknown finding needs the missing read, which only the finding names.
def to_do(finding: Finding, control: Control | None) -> ToDo | None:
    """Return what to do about a finding; None: nothing, or it is unknown."""
    if (own := finding.to_do) is not None:
        return own
    if control is None or finding.status not in _FAILED or not control.remediation.text.strip():
        return None
    return ToDo(control.remediation.text, control.remediation.cli)

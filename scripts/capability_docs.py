"""Writes docs/capabilities.md: `python -m scripts.capability_docs [FILE]`. A test holds it."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from scanner.protection.backup_content import CONTAINS
from scanner.protection.capabilities import (
    Capability,
    Change,
    Incremental,
    capabilities,
    capabilities_as_of,
    capability_data,
    changes,
    unsupported_kinds,
)

FILE: Final = Path("docs/capabilities.md")

_HEAD: Final = """\
<!-- Made by `python -m scripts.capability_docs`. Change scanner/protection/capabilities.json and make it again. -->
# What AWS Backup can do with each type

Read from AWS's documentation up to {as_of}. `?`: AWS does not say, or its pages disagree; a verdict that needs it is
`unknown`. A type without any tick under "Region" and "account" is not copied at all, not even into another vault of its
own account and Region. "incremental": whether a backup after the first holds only what changed; "continuous backups only"
means that snapshots are always full, "by opt-in" that the Region's opt-in to incremental backups decides
(`aws backup update-region-settings --resource-type-opt-in-incremental DynamoDB=true`). An archived copy, and the first
copy to another Region, is full.
"""  # noqa: E501 -- a comment of one line

_UNSUPPORTED_HEAD: Final = """\
No control about resources applies to these, whatever selects them: they are `not_applicable`, and a selection
that matches nothing else selects nothing. The reports list them: something else must save their data. Some
cannot be recognised in an answer: full ONTAP volumes, Lustre file systems with a data repository association,
and S3 directory buckets and S3 on Outposts buckets, which ListBuckets leaves out."""

_CONTENTS: Final = """\
- `EC2` with Windows: an application-consistent (VSS-enabled) backup only where the plan sets `WindowsVSS`.
- `S3`: ACLs and tags of objects, unless the plan disables `BackupACLs` or `BackupObjectTags`.
- Completion window: a job that has not completed within it is canceled. AWS Backup ignores it for FSx.

`audit explain` shows these of a resource and its rules: what a backup contains and leaves out, whether it is
full or incremental, and the windows, malware scans, indexes and tags."""

_COLUMNS: Final = (
    ("Region", "cross_region"),
    ("account", "cross_account"),
    ("both at once", "single_action"),
    ("continuous", "continuous"),
    ("incremental", "incremental"),
    ("cold", "cold"),
    ("fully managed", "fully_managed"),
    ("air gap", "air_gapped"),
    ("restore test", "restore_testing"),
    ("one file", "item_restore"),
    ("search", "search"),
    ("malware scan", "malware_scan"),
    ("Audit Manager", "audit_manager"),
)
_KINDS: Final = {
    "cross_region": "copies to another Region",
    "cross_account": "copies to another account",
    "air_gapped": "logically air-gapped vaults",
    "copy": "copies of any kind",
}
_MARKS: Final = {
    True: "yes",
    False: "-",
    None: "?",
    Incremental.ALWAYS: "yes",
    Incremental.NEVER: "-",
    Incremental.CONTINUOUS_ONLY: "continuous backups only",
    Incremental.BY_OPT_IN: "by opt-in",
}
_HOLDS: Final = {True: "yes", False: "no", None: "not found in AWS's documentation"}


def capabilities_document() -> str:
    """Give the text of docs/capabilities.md."""
    lines = [_HEAD.format(as_of=capabilities_as_of()), *_table(), "", "## Where pages disagree", ""]
    lines += [f"- `{row.key}`: {row.open_point}" for row in capabilities() if row.open_point]
    lines += ["", "## What a backup contains", "", *_contents()]
    lines += ["", "## Kinds that cannot be backed up", "", _UNSUPPORTED_HEAD, ""]
    lines += [f"- {kind.text} ({kind.type}; {kind.source})" for kind in unsupported_kinds()]
    lines += ["", "## Regions that are exceptions", "", *_exceptions(), "", "## What older notes say", ""]
    lines += ["| once | still true? | now | since | source |", "|---|---|---|---|---|"]
    lines += [_change(change) for change in changes()]
    return "\n".join((*lines, ""))


def _contents() -> Iterator[str]:
    yield from (f"- `{key}`: {text}." for key, text in CONTAINS.items())
    yield _CONTENTS


def _table() -> Iterator[str]:
    yield f"| type | {' | '.join(head for head, _ in _COLUMNS)} |"
    yield "|---" * (len(_COLUMNS) + 1) + "|"
    for row in capabilities():
        yield f"| `{row.key}` | {' | '.join(_mark(row, name) for _, name in _COLUMNS)} |"


def _mark(row: Capability, name: str) -> str:
    return _MARKS[getattr(row, name)]


def _exceptions() -> Iterator[str]:
    yield "Copies never leave a partition (AWS, China, GovCloud, the European Sovereign Cloud ...)."
    yield ""
    for one in capability_data()["region_exceptions"]:
        types = "every type" if one["types"] == "all" else ", ".join(f"`{key}`" for key in one["types"])
        regions = one["regions"]
        where = "every opt-in Region" if regions == "opt-in" else ", ".join(regions)
        but = f" but {', '.join(one['except'])}" if "except" in one else ""
        what = "none" if one["supported"] is False else "not known"
        yield f"- {_KINDS[one['feature']]} of {types} in {where}{but}: {what}"


def _change(change: Change) -> str:
    since = change.since or "-"
    return f"| {change.once} | {_HOLDS[change.holds]} | {change.now} | {since} | {change.source} |"


def main(arguments: Sequence[str]) -> None:
    """Write the document to the file that is named, else to docs/capabilities.md."""
    file = Path(arguments[0]) if arguments else FILE
    file.write_text(capabilities_document(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

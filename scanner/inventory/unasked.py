"""Lists that nobody asked for, and of which another answer says that there is nothing in them.

A list that was asked for and refused is a gap, whatever else was answered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.inventory.fsx import FILE_SYSTEMS, VOLUMES, is_ontap
from scanner.inventory.gaps import rows
from scanner.inventory.timestream import TABLES
from scanner.model.reading import Gap, GapKind, Known, Reading, Unread
from scanner.model.supported import is_unsupported, unknown_types

SUPPORTED: Final = "backup:GetSupportedResourceTypes"
_ENDPOINTS: Final = "timestream-write:DescribeEndpoints"
_NOT_LISTED: Final = "AWS Backup supports this type of resource here, but this version does not list it."


def spoken_for(answers: Answers, name: str, lists: Mapping[str, Reading[None]]) -> Reading[None] | None:
    """Say of a list that was never asked for what other answers say of it; None: nothing."""
    for answer in _supporting(answers):
        if is_unsupported(name.partition(":")[0], _types(answer)):
            return Known(None, answer.refs)
    if name == VOLUMES:
        return _volumes(answers, lists[FILE_SYSTEMS])
    if name == TABLES:
        return _tables(answers)
    return None


def unknown_type_gaps(answers: Answers) -> Iterator[Gap]:
    """Give a gap for each type that AWS Backup supports in the Region and this version does not know."""
    for answer in _supporting(answers):
        for kind in unknown_types(_types(answer)):
            gap = answers.gap(SUPPORTED, kind, GapKind.NEVER_ASKED)
            yield replace(gap, message=_NOT_LISTED, ref=answer.refs[-1])


def _supporting(answers: Answers) -> Iterator[Answer]:
    return (answer for answer in answers.every(SUPPORTED) if answer.gap is None)


def _types(answer: Answer) -> tuple[str, ...]:
    return tuple(kind for page in answer.pages for kind in page.texts("ResourceTypes"))


def _volumes(answers: Answers, systems: Reading[None]) -> Reading[None] | None:
    """Say that there are no ONTAP volumes where no file system is one of ONTAP."""
    if isinstance(systems, Unread) or any(
        is_ontap(row) for row, _ in rows(answers, FILE_SYSTEMS, "FileSystems")
    ):
        return None
    return systems


def _tables(answers: Answers) -> Reading[None] | None:
    """Say what the call said that tells where to ask for tables: that there are none, or its refusal."""
    answer = answers.one(_ENDPOINTS)
    if answer.gap is None:
        return Known(None, answer.refs) if answer.absent else None
    refused = answer.gap.kind is not GapKind.NEVER_ASKED
    return Unread(replace(answer.gap, operation=TABLES)) if refused else None

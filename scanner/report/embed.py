"""What the HTML report carries as data: columns of rows, reasons, details in blocks, and what names them."""

from dataclasses import dataclass
from typing import Final

from scanner.model.finding import Status
from scanner.report.counts import Counts
from scanner.report.embed_details import embed_details
from scanner.report.embed_rows import embed_rows
from scanner.report.encoding import encode
from scanner.report.overview import STRUCTURES
from scanner.report.view import View
from scanner.report.words import FRAMEWORK_WORDS, SEVERITY_WORDS, STATUS_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the data may take, in characters, so that the file stays under 5 MB; and rows at most."""

    room: int = 2_800_000
    rows_room: int = 2_400_000  # rows and reasons, of the whole
    rows: int = 120_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Embedded:
    """The texts that stand between script tags, and what they hold.

    `head` is JSON whose every `<` is escaped; the others are base64. `rows` of the findings are there,
    `detailed` of these with their details; `cut` are those that are not there.
    """

    head: str
    rows_text: str
    reasons_text: str
    blocks: tuple[str, ...]
    rows: int
    detailed: int
    cut: Counts
    subjects: frozenset[str] = frozenset()  # those that have a page


def embed(view: View, limits: Limits = LIMITS) -> Embedded:
    """Make the data that the HTML report carries."""
    rows = embed_rows(view, limits.rows_room, limits.rows)
    details = embed_details(view, limits.room - len(rows.text) - len(rows.reasons))
    blocks = {str(rows.subjects[arn]): place for arn, place in details.places.items() if arn in rows.subjects}
    head = encode({**_head(view), "blocks": blocks})
    return Embedded(
        head=head.replace(b"<", b"\\u003c").decode(),
        rows_text=rows.text,
        reasons_text=rows.reasons,
        blocks=details.blocks,
        rows=rows.number,
        detailed=details.findings,
        cut=rows.cut,
        subjects=frozenset(rows.subjects),
    )


def _head(view: View) -> dict[str, object]:
    manifest = view.manifest
    return {
        "total": view.counts.total,
        "statuses": [[status.value, word] for status, word in STATUS_WORDS.items()],
        "severities": [[severity.value, word] for severity, word in SEVERITY_WORDS.items()],
        "controls": {
            each.control.id: [each.control.title, list(each.control.frameworks), each.control.failure]
            for each in view.controls
        },
        "frameworks": {
            name: FRAMEWORK_WORDS.get(name, name)
            for each in view.controls
            for name in each.control.frameworks
        },
        "accounts": dict(view.names),
        "units": {
            account.id: account.ou_path.rstrip("/").rpartition("/")[2]
            for account in manifest.accounts
            if account.ou_path
        },
        "organization": manifest.scope.organization_id or "",
        "types": {each.key: each.label for each in view.types},
        "structures": sorted(STRUCTURES),
        "counted": {status.value: view.counts.of(status) for status in Status},
    }

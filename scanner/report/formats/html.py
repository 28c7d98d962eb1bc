"""`report.html`: one self-contained file that fetches nothing and runs no script but its own."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from scanner.model.finding import Status
from scanner.report.formats.html_rows import embed_details, embed_rows
from scanner.report.formats.templates import FONTS, asset, environment, font_url
from scanner.report.view.completeness import SHARD_MEANINGS
from scanner.report.view.counts import Counts
from scanner.report.view.overview import STRUCTURES
from scanner.report.view.view import View
from scanner.report.wording import (
    FRAMEWORK_WORDS,
    SEVERITY_WORDS,
    STATUS_MEANINGS,
    STATUS_WORDS,
    SUBJECT_WORDS,
)
from scanner.storage.encoding import encode

TEMPLATE: Final = "report.html.j2"
STYLES: Final = ("report.css", "report.subject.css")

SCRIPTS: Final = (
    "report.core.js",
    "report.state.js",
    "report.explorer.js",
    "report.chain.js",
    "report.subject.js",
    "report.page.js",
)
"""The parts of the one script, in order: each uses those before it."""

ROWS: Final = 50
"""How many findings, resources or gaps a table shows without a script."""

SUBJECTS: Final = 8
"""How many failing subjects stand in a control's card."""

ACCOUNTS: Final = 150
"""How many accounts a table shows; those where something is missing or fails come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the data may take, in characters, so that the file stays under 5 MB; and rows at most."""

    room: int = 2_800_000
    rows_room: int = 2_400_000  # rows and reasons, of the whole
    rows: int = 120_000


LIMITS: Final = Limits()


def report_html(view: View, limits: Limits = LIMITS) -> bytes:
    """Draw the report. Equal views give equal bytes."""
    style = _style()
    script = _script()
    data = embed(view, limits)
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            view=view,
            style=Markup(style),  # noqa: S704 -- a file of ours, and base64
            script=Markup(script),  # noqa: S704 -- a file of ours
            data=Markup(data.head),  # noqa: S704 -- every < in it is escaped
            embedded=data,
            policy=content_security_policy(style, script),
            rows=ROWS,
            by_id={each.control.id: each.control for each in view.controls},
            subjects=SUBJECTS,
            max_accounts=ACCOUNTS,
            grid=_grid(view),
            shard_statuses=SHARD_MEANINGS,
            meanings=STATUS_MEANINGS,
            subject_words=SUBJECT_WORDS,
        )
    )
    return page.encode(errors="replace")


def content_security_policy(style: str, script: str) -> str:
    """Allow exactly this style sheet, this script and embedded fonts; no connection, no handler, no frame."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src 'sha256-{_digest(style)}'",
            f"script-src 'sha256-{_digest(script)}'",
            "font-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _script() -> str:
    parts = "".join(asset(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _style() -> str:
    style = "".join(asset(name) for name in STYLES)
    for name in FONTS:
        style = style.replace(f"url({name})", f"url({font_url(name)})")
    return style


def _grid(view: View) -> tuple[object, ...]:
    """Give the rows of the completeness grid that fit: those with missing reads first."""
    rows = sorted(view.completeness.rows, key=lambda row: row.whole)
    return tuple(rows[:ACCOUNTS])


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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

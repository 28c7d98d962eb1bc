"""`report.html`: one self-contained file that fetches nothing and runs no script but its own."""

import base64
import hashlib
from typing import Final

from markupsafe import Markup

from scanner.report.completeness import SHARD_MEANINGS
from scanner.report.embed import LIMITS, Limits, embed
from scanner.report.templates import FONTS, asset, environment, font_url
from scanner.report.view import View
from scanner.report.words import STATUS_MEANINGS, SUBJECT_WORDS

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

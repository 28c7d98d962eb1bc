"""`report.html`: one self-contained file, which fetches nothing and runs only its own script."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from scanner.model.finding import Status
from scanner.report.formats.html_rows import embed_details, embed_rows
from scanner.report.formats.templates import FONTS, asset, environment, font_url
from scanner.report.view.completeness import SHARD_MEANINGS
from scanner.report.view.conclusion import conclusion, date_warning
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
from scanner.storage.memory import release_memory

TEMPLATE: Final = "report.html.j2"
STYLES: Final = ("report.css", "report.subject.css", "report.trend.css")

SCRIPTS: Final = (
    "report.core.js",
    "report.state.js",
    "report.explorer.js",
    "report.chain.js",
    "report.subject.js",
    "report.page.js",
)
"""The parts of the page's script, in the order of their dependencies."""

ROWS: Final = 50
"""Number of findings, resources or gaps that a table shows without the script."""

SUBJECTS: Final = 8
"""Number of failing subjects in a control's card."""

ACCOUNTS: Final = 150
"""Number of accounts in a table. Those with missing reads or failures come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits in characters that keep the file below 5 MB, and the maximum number of rows.

    A report of more findings than `rows` has no rows for those that pass or are not applicable.
    """

    room: int = 2_800_000
    rows_room: int = 2_400_000  # the part of `room` for rows and reasons
    rows: int = 120_000


LIMITS: Final = Limits()


def report_html(view: View, limits: Limits = LIMITS) -> bytes:
    """Return the HTML report. Equal views give equal bytes."""
    style = _style()
    script = _script()
    data = embed(view, limits)
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            view=view,
            conclusion=conclusion(view),
            date_warning=date_warning(view.manifest),
            style=Markup(style),  # nosec B704 # noqa: S704 -- a file of ours, and base64
            script=Markup(script),  # nosec B704 # noqa: S704 -- a file of ours
            data=Markup(data.head),  # nosec B704 # noqa: S704 -- every < in it is escaped
            embedded=data,
            policy=content_security_policy(style, script),
            rows=ROWS,
            by_id={control_view.control.id: control_view.control for control_view in view.controls},
            failure_titles={shown.control.id: shown.control.failure for shown in view.controls},
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
    """Return a policy that allows this style sheet, this script and embedded fonts, and nothing else."""
    return "; ".join(
        (
            # The report contains names from many accounts: nothing in it may load or send anything.
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
    # One function around all parts, so that none of their names is global.
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _style() -> str:
    style = "".join(asset(name) for name in STYLES)
    for name in FONTS:
        # Embedded: the page is read from disks and mails, where a second file gets lost.
        style = style.replace(f"url({name})", f"url({font_url(name)})")
    return style


def _grid(view: View) -> tuple[object, ...]:
    """Return the rows of the completeness grid that fit, those with missing reads first."""
    # The sort is stable: within both parts the order of the scope stays.
    rows = sorted(view.completeness.rows, key=lambda row: row.whole)
    return tuple(rows[:ACCOUNTS])


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class Embedded:
    """The contents of the script elements that contain data.

    `head` is JSON with every `<` escaped; the others are base64. `rows` and `detailed`: numbers of findings
    in them, and of findings with details. `cut`: counts of the findings that are not in them.
    """

    head: str
    rows_text: str
    reasons_text: str
    blocks: tuple[str, ...]
    rows: int
    detailed: int
    cut: Counts
    subjects: frozenset[str] = frozenset()  # those with a page of their own


def embed(view: View, limits: Limits = LIMITS) -> Embedded:
    """Return the data that the HTML report contains."""
    # Rows before details: each finding has a row, while details fill the room that is left.
    rows = embed_rows(view, limits.rows_room, limits.rows)
    release_memory()
    details = embed_details(view, limits.room - len(rows.text) - len(rows.reasons), limits.rows)
    release_memory()
    blocks = {str(rows.subjects[arn]): place for arn, place in details.places.items() if arn in rows.subjects}
    head = encode({**_head(view), "passes": view.counts.total <= limits.rows, "blocks": blocks})
    return Embedded(
        # `</script>` in a name would end the element.
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
    manifest, controls = view.manifest, [control_view.control for control_view in view.controls]
    return {
        "total": view.counts.total,
        "statuses": [[status.value, word] for status, word in STATUS_WORDS.items()],
        "severities": [[severity.value, word] for severity, word in SEVERITY_WORDS.items()],
        "controls": {
            control.id: [control.title, list(control.frameworks), control.failure] for control in controls
        },
        "frameworks": {
            name: FRAMEWORK_WORDS.get(name, name) for control in controls for name in control.frameworks
        },
        "accounts": dict(view.names),
        "units": {
            # Accounts without a path are left out: where they are is not known.
            account.id: account.ou_path.strip("/").split("/")[1:]  # without the organisation
            for account in manifest.accounts
            if account.ou_path
        },
        "unit_names": dict(view.unit_names),
        "organization": manifest.scope.organization_id or "",
        "types": {group.key: group.label for group in view.types},
        "structures": sorted(STRUCTURES),
        "counted": {status.value: view.counts.of(status) for status in Status},
    }

"""`report.pdf`: the auditor's document, A4 or Letter, as PDF/A-3u and PDF/UA-1 with its data attached.

WeasyPrint is imported only to write a PDF: without Pango its import fails, and all other formats must still
work. It fetches only the bundled fonts. On one machine equal views give equal bytes: every time in the
document is that of the evaluation.
"""

import gc
import hashlib
import io
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scanner.errors import OutputError
from scanner.evidence.manifest import rfc3339
from scanner.findings.filed import Filed
from scanner.findings.picks import Pair, first_findings
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.report.formats.conformance.fonts import font_problems, is_drawn, name_parts_of_clusters
from scanner.report.formats.conformance.identification import attach_once, identify
from scanner.report.formats.conformance.tags import mend_tags
from scanner.report.formats.pdf_annex import annex_of
from scanner.report.formats.pdf_attachments import (
    INVENTORY,
    MAX_RESOURCES,
    Attached,
    attachments,
    extent,
    is_of_findings,
    where_all_are,
)
from scanner.report.formats.templates import FONTS, asset, environment, font
from scanner.report.view.completeness import SHARD_MEANINGS
from scanner.report.view.conclusion import conclusion, date_warning
from scanner.report.view.overview import rank
from scanner.report.view.view import ControlView, View
from scanner.report.wording import STATUS_MEANINGS, day

TEMPLATE: Final = "report.pdf.html.j2"
STYLE: Final = "pdf.css"

FINDINGS: Final = 130
"""Maximum number of findings on the pages: WeasyPrint lays out about 250 table rows a second."""

LEAST_FINDINGS: Final = 2
"""Minimum number of findings per control, however many controls there are."""

SHARES: Final = {
    Severity.CRITICAL: 8,
    Severity.HIGH: 6,
    Severity.MEDIUM: 4,
    Severity.LOW: 3,
    Severity.INFO: 2,
}
"""Number of findings per control of a severity when many controls share the space."""

GROWTH: Final = 5
"""Maximum factor by which a control's share grows when few controls share the space."""

MOST: Final = GROWTH * max(SHARES.values())
"""Maximum number of findings per control."""

_SELECTION_RULE: Final = (
    f"About {FINDINGS} findings share the space: each control has at least {LEAST_FINDINGS}, and more the "
    "more severe it is; failed checks come before those that could not be evaluated, then in the order of "
    "findings.csv."
)
"""Which findings are on the pages, for their reader."""

ROWS: Final = 40
"""Maximum number of rows in every other table; the attachments contain all."""

COLUMNS: Final = 6
"""Number of Regions side by side in the completeness grid."""

GRID: Final = 25
"""Number of accounts in the completeness grid: one page for each set of Regions."""


class Paper(StrEnum):
    """The paper size of the document."""

    A4 = "a4"
    LETTER = "letter"


_PAGES: Final = {
    Paper.A4: "@page { size: A4 } .cover { height: 297mm }",
    Paper.LETTER: "@page { size: Letter } .cover { height: 11in }",
}

NOT_PASSED: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN)

MARKS: Final = {
    Status.FAIL: "\u2717",
    Status.ERROR: "!",
    Status.UNKNOWN: "?",
    Status.WAIVED: "~",
    Status.PASS: "\u2713",
    Status.NOT_APPLICABLE: "\u2013",
    ShardStatus.COMPLETE: "\u2713",
    ShardStatus.PARTIAL: "~",
    ShardStatus.FAILED: "\u2717",
    ShardStatus.MISSING: "?",
    ShardStatus.SKIPPED: "\u2013",
}
FILLS: Final = {
    Status.FAIL: "#d23b4a",
    Status.ERROR: "#b445a4",
    Status.UNKNOWN: "#e2a33a",
    Status.WAIVED: "#8577d6",
    Status.PASS: "#56b381",
}

INKS: Final = {
    "rule": "#e3e7ec",
    "words": "#4a5563",
    "critical": "#c02434",
    "high": "#12181f",
    "medium": "#5c4bb5",
    "low": "#5b6573",
    "info": "#5b6573",
    "none": "#5b6573",
    "unknown": "#8f5600",
    "score": "#1b7a45",
    "fixes": "#2450c8",
}
"""The colours of line charts, as the page has them in its light theme."""

UNUSED: Final = ("marker", "footnote-call", "footnote-marker", "note-call", "note-marker", "note-callback")
"""Pseudo-elements in WeasyPrint's own style sheet that the document does not use."""

_VARIANT: Final[Mapping[str, Any]] = {"pdf_variant": "pdf/a-3u", "pdf_tags": True}

_LINK: Final = re.compile(r'<a href="#([^"]+)">([^<]+)</a>')

_FIRST_EMOJI: Final = 0x1F000

MISSING_ENGINE: Final = (
    "The PDF could not be written: WeasyPrint cannot load Pango ({problem}). Install it "
    "(Debian, Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0; macOS: brew install pango), "
    "or leave pdf out of --format."
)

MISSING_EXTRA: Final = (
    "The PDF could not be written: {package} is not installed. Install this program with its extra pdf "
    "(pip install '.[pdf]' in its source folder), or leave pdf out of --format."
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The failed and unknown findings of one control that fit; `cut`: the number of those that do not."""

    control: ControlView
    findings: tuple[Finding, ...]
    cut: int


def report_pdf(view: View, paper: Paper = Paper.A4) -> bytes:
    """Return the PDF document.

    Raises:
        OutputError: WeasyPrint or Pango, which it needs, is not installed.
    """
    clock = view.manifest.evaluated_as_of
    # Around everything: fonts are subset, with a time in them, while the document is written.
    with _quiet(), _fixed_clock(clock), _no_collection(), TemporaryDirectory() as place:
        press = _press(paper)
        attached = attachments(view, Path(place))
        document, problems = press.written(document_html(view, attached), attached, clock)
        if problems:
            # The pages have to say so, but only a written document can be checked: it is written again.
            document, _ = press.written(document_html(view, attached, problems), attached, clock)
    return document


def embed(objects: Iterable[Any], attached: Iterable[Attached]) -> None:
    """Replace the checksums that stand in for the attachments in a PDF by the compressed files.

    WeasyPrint would load each file into memory, and pydyf would compress it twice.
    """
    by_stand_in = {file.sha256.encode(): file for file in attached}
    for stream in objects:
        # The finisher runs before WeasyPrint writes: what is replaced here is never in memory twice.
        if getattr(stream, "extra", {}).get("Type") == "/EmbeddedFile":
            file = by_stand_in[b"".join(stream.stream)]
            stream.stream, stream.compress = [file.path.read_bytes()], False
            stream.extra["Filter"] = "/FlateDecode"
            stream.extra["Params"] |= {"Size": file.bytes, "CheckSum": f"<{file.md5}>"}


def document_html(view: View, attached: tuple[Attached, ...], problems: Sequence[str] = ()) -> str:
    """Return the document as HTML, from its template.

    `problems`: what prevents the document from being PDF/A-3u and PDF/UA-1.
    """
    parts = chapters(view)
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            view=view,
            extent=extent(view),
            where_all_are=where_all_are(view.manifest),
            has_inventory=any(file.name == INVENTORY for file in attached),
            max_resources=MAX_RESOURCES,
            files_of_scan=sorted(
                view.manifest.files.items(), key=lambda entry: (not is_of_findings(entry[0]), entry)
            ),
            title=f"Backup audit of {view.organization_name}, {day(view.manifest.evaluated_as_of)}",
            clock=rfc3339(view.manifest.evaluated_as_of),
            attached=attached,
            annex=annex_of(view),
            selection_rule=_SELECTION_RULE,
            conclusion=conclusion(view),
            date_warning=date_warning(view.manifest),
            problems=problems,
            chapters=parts,
            shown=sum(len(chapter.findings) for chapter in parts),
            not_passed=view.counts.failed + view.counts.open,
            uses=view.waiver_uses,
            accounts={account.id: account for account in view.manifest.accounts},
            grid=sorted(view.completeness.rows, key=lambda row: row.whole)[:GRID],
            column_sets=_column_sets(len(view.completeness.columns)),
            meanings=STATUS_MEANINGS,
            shard_meanings=SHARD_MEANINGS,
            marks=MARKS,
            fills=FILLS,
            inks=INKS,
            rows=ROWS,
        )
    )


def chapters(view: View) -> tuple[Chapter, ...]:
    """Return the failed and unknown findings by control, with the space shared among the controls."""
    worst = _worst_of_controls(view)
    not_passed = [
        (control_view, worst[control_view.control.id])
        for control_view in view.controls
        if worst.get(control_view.control.id)
    ]
    room = FINDINGS / max(1, sum(SHARES[control_view.control.severity] for control_view, _ in not_passed))
    return tuple(
        _chapter(control_view, findings[: _share(control_view.control.severity, room)])
        for control_view, findings in not_passed
    )


def _worst_of_controls(view: View) -> Mapping[str, list[Finding]]:
    """Return the worst failed and unknown findings of each control, no more than a chapter may show."""
    if not isinstance(view.findings, Filed):
        return {
            control_view.control.id: [
                finding for finding in control_view.findings if finding.status in NOT_PASSED
            ][:MOST]
            for control_view in view.controls
        }
    wanted: dict[Pair, int] = {}
    for control_view in view.controls:
        room = MOST
        for status in NOT_PASSED:
            # Failures first; unknowns get the room that they leave.
            if number := min(room, control_view.counts.of(status)):
                wanted[control_view.control.id, status] = number
                room -= number
    worst: dict[str, list[Finding]] = {}
    with view.findings.database() as connection:  # reading them through the view would read thousands more
        for finding in sorted(first_findings(view.findings, connection, wanted), key=rank):
            worst.setdefault(finding.control, []).append(finding)
    return worst


def _share(severity: Severity, room: float) -> int:
    """Return how many findings of a control are shown. `room`: the factor by which all shares change."""
    return max(LEAST_FINDINGS, int(SHARES[severity] * min(room, GROWTH)))


def _chapter(control: ControlView, shown: list[Finding]) -> Chapter:
    cut = sum(control.counts.of(status) for status in NOT_PASSED) - len(shown)
    return Chapter(control, tuple(shown), cut)


def _column_sets(columns: int) -> list[range]:
    return [range(first, min(first + COLUMNS, columns)) for first in range(0, columns, COLUMNS)]


@dataclass(frozen=True, slots=True)
class _Press:
    """WeasyPrint (which has no type annotations) with our style sheet and fonts."""

    engine: Any
    page: Any  # the class of a document's HTML
    fetch: Callable[[str], Any]
    fonts: Any
    style: Any

    def lay_out(self, html: str) -> Any:  # noqa: ANN401 -- WeasyPrint's document
        page = self.page(string=html, url_fetcher=self.fetch)
        return page.render(stylesheets=[self.style], font_config=self.fonts, **_VARIANT)

    def drawable(self, html: str) -> str:
        """Replace characters without a glyph on this machine, and all emoji, by `\u2039U+4E2D\u203a`.

        PDF/A forbids missing glyphs, and they would corrupt text that is extracted from the document. Few
        fonts have emoji, and those have them as bitmaps: the document should not depend on them.
        """
        rare = sorted({character for character in html if not character.isascii()})
        probe = self.lay_out(f"<!doctype html><title>fonts</title><p>{' '.join(rare)}</p>")
        # Which glyphs are missing is known only after a document was written.
        probe.write_pdf(**_VARIANT)
        missing = {point for used in probe.fonts.values() for point in used.missing}
        pictures = (used for used in probe.fonts.values() if not is_drawn(used))
        missing |= {
            ord(character) for used in pictures for text in used.to_unicode.values() for character in text
        }
        missing |= {ord(character) for character in rare if ord(character) >= _FIRST_EMOJI}
        return html.translate({point: f"\u2039U+{point:04X}\u203a" for point in missing})

    def written(
        self, template: str, attached: tuple[Attached, ...], clock: datetime
    ) -> tuple[bytes, list[str]]:
        """Return the PDF of an HTML document, and what prevents it from being PDF/A-3u and PDF/UA-1."""
        html = self.drawable(template)
        problems: list[str] = []

        def finish(document: Any, pdf: Any) -> None:  # noqa: ANN401 -- WeasyPrint's and pydyf's
            embed(pdf.objects, attached)
            attach_once(pdf)
            name_parts_of_clusters(pdf, document.fonts.values())
            problems.extend(font_problems(document.fonts.values()))
            problems.extend(mend_tags(pdf, _link_texts(html)))
            identify(document, pdf, claims=not problems)

        buffer = io.BytesIO()
        self.lay_out(html).write_pdf(
            buffer,
            attachments=[self.attachment(attachment, clock) for attachment in attached],
            finisher=finish,
            # PDF/A requires an identifier: this one is the same for equal documents.
            pdf_identifier=hashlib.sha256(html.encode(errors="replace")).digest()[:16],
            **_VARIANT,
        )
        return buffer.getvalue(), list(dict.fromkeys(problems))

    def attachment(self, attached: Attached, clock: datetime) -> Any:  # noqa: ANN401 -- WeasyPrint's
        """Return an attachment with the checksum instead of the content, which `embed` inserts."""
        return self.engine.Attachment(
            file_obj=io.BytesIO(attached.sha256.encode()),
            name=attached.name,
            description=attached.description,
            created=clock,
            modified=clock,
            relationship="Data",
        )


def _link_texts(html: str) -> Mapping[str, str]:
    """Return the text of each internal link by its target."""
    return {target: unescape(text) for target, text in _LINK.findall(html)}


def missing_engine() -> str | None:
    """Return why this machine cannot write a PDF; None: it can."""
    try:
        _engine()
    except OutputError as problem:
        return str(problem)
    return None


def _engine() -> tuple[Any, Any]:
    """Import WeasyPrint and its font configuration. OutputError: a part of it is not installed."""
    try:
        import weasyprint  # noqa: PLC0415 -- see the module's docstring
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415 -- as above
    # ctypes raises it if Pango, which is no Python package, cannot be loaded.
    except OSError as problem:
        name = str(problem).partition(":")[0].replace("cannot load library", "").strip()
        raise OutputError(MISSING_ENGINE.format(problem=name)) from problem
    except ModuleNotFoundError as problem:
        raise OutputError(MISSING_EXTRA.format(package=problem.name)) from problem
    return weasyprint, FontConfiguration


def _press(paper: Paper) -> _Press:
    weasyprint, configuration = _engine()
    fetch = fetcher(weasyprint.urls.URLFetcherResponse)
    fonts = configuration()
    style = weasyprint.CSS(string=asset(STYLE) + _PAGES[paper], url_fetcher=fetch, font_config=fonts)
    return _Press(weasyprint, page_class(weasyprint.HTML), fetch, fonts, style)


def page_class(base: Any) -> Any:  # noqa: ANN401 -- WeasyPrint's HTML
    """Return a subclass of WeasyPrint's HTML whose built-in style sheets omit the UNUSED pseudo-elements.

    These match every element, and WeasyPrint stores a computed style for each match: 40,000 objects and 48 MB
    for 57 pages. The document is byte-identical. Without this method WeasyPrint only needs more memory.
    """

    def own_style_sheets(self: Any, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401 -- WeasyPrint's
        sheets = base._ua_stylesheets(self, *arguments, **options)  # noqa: SLF001 -- no public name
        return [_without_unused(sheet) for sheet in sheets]

    return type("Page", (base,), {"_ua_stylesheets": own_style_sheets})


def _without_unused(sheet: Any) -> Any:  # noqa: ANN401 -- WeasyPrint's CSS
    lean = copy(sheet)
    lean.matcher = copy(sheet.matcher)
    lean.matcher.other_selectors = [
        selector for selector in sheet.matcher.other_selectors if selector[3] not in UNUSED
    ]
    return lean


def fetcher(response: Callable[..., Any]) -> Callable[[str], Any]:
    """Return WeasyPrint's fetcher, which serves the bundled fonts and refuses every other URL."""

    def fetch(url: str) -> Any:  # noqa: ANN401 -- WeasyPrint's response
        name = url.removeprefix("font:")
        # A link to a file or a host in a name of the scan must not be followed.
        if not url.startswith("font:") or name not in FONTS:
            raise ValueError(f"Reports fetch nothing: {url}")
        return response(url, body=font(name), headers={"Content-Type": "font/woff2"})

    return fetch


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep WeasyPrint's messages about style sheets and fonts from the terminal."""
    loggers = [logging.getLogger(name) for name in ("weasyprint", "fontTools", "weasyprint.progress")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
        logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.propagate = propagate


@contextmanager
def _no_collection() -> Iterator[None]:
    """Turn off garbage collection while a document is laid out.

    Hardly any of its boxes is garbage before the document is written, and searching takes a seventh of the
    time.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def _fixed_clock(clock: datetime) -> Iterator[None]:
    """Set the clock of font subsets to that of the evaluation (fontTools reads SOURCE_DATE_EPOCH)."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(clock.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before

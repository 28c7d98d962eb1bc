"""`report.pdf`: the auditor's document, A4 or Letter, tagged, built as PDF/A-3u, its data attached.

WeasyPrint is imported only when a PDF is asked for: without Pango its import fails, and everything else
must go on. It fetches nothing but the bundled fonts. On one machine equal views give equal bytes: every
time in the document is the clock of the evaluation.
"""

import gc
import hashlib
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scanner.errors import OutputError
from scanner.evidence.manifest import rfc3339
from scanner.findings.filed import Filed
from scanner.findings.picks import Pair, first_findings
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
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
from scanner.report.view.overview import rank
from scanner.report.view.view import ControlView, View
from scanner.report.wording import STATUS_MEANINGS, day

TEMPLATE: Final = "report.pdf.html.j2"
STYLE: Final = "pdf.css"

FINDINGS: Final = 130
"""How many findings stand on the pages at most: WeasyPrint lays out some 250 table rows a second."""

LEAST_FINDINGS: Final = 2
"""How many of a control's findings are shown however many controls there are."""

SHARES: Final = {
    Severity.CRITICAL: 8,
    Severity.HIGH: 6,
    Severity.MEDIUM: 4,
    Severity.LOW: 3,
    Severity.INFO: 2,
}
"""How many findings a control of a severity shows where many controls share the room."""

GROWTH: Final = 5
"""How many times its share a control shows at most, where few controls share the room."""

MOST: Final = GROWTH * max(SHARES.values())
"""How many findings of a control are shown at most."""

ROWS: Final = 40
"""How many rows every other table has at most; the attachments hold all."""

COLUMNS: Final = 6
"""How many Regions stand side by side in the completeness grid."""

GRID: Final = 25
"""How many accounts the completeness grid has: a page for each set of Regions."""


class Paper(StrEnum):
    """What the document is laid out for."""

    A4 = "a4"
    LETTER = "letter"


_PAGES: Final = {
    Paper.A4: "@page { size: A4 } .cover { height: 297mm }",
    Paper.LETTER: "@page { size: Letter } .cover { height: 11in }",
}

OWED: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN)

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

UNUSED: Final = ("marker", "footnote-call", "footnote-marker", "note-call", "note-marker", "note-callback")
"""Pseudo-elements of WeasyPrint's own style sheet that the document has none of."""

_VARIANT: Final[Mapping[str, Any]] = {"pdf_variant": "pdf/a-3u", "pdf_tags": True}

_FIRST_EMOJI: Final = 0x1F000

MISSING_ENGINE: Final = (
    "The PDF could not be made: WeasyPrint cannot load Pango ({problem}). Install it "
    "(Debian, Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0; macOS: brew install pango), "
    "or leave pdf out of --format."
)

MISSING_EXTRA: Final = (
    "The PDF could not be made: {package} is not installed. Install it (pip install 'vaultproof[pdf]'), "
    "or leave pdf out of --format."
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """The failed and unknown findings of one control that fit; `cut` is the number of those that do not."""

    control: ControlView
    findings: tuple[Finding, ...]
    cut: int


def report_pdf(view: View, paper: Paper = Paper.A4) -> bytes:
    """Draw the document.

    Raises:
        OutputError: WeasyPrint, or Pango, which it draws with, is not installed.
    """
    clock = view.manifest.evaluated_as_of
    with _quiet(), _fixed_clock(clock), _no_collection(), TemporaryDirectory() as place:
        press = _press(paper)
        attached = attachments(view, Path(place))
        html = press.drawable(document_html(view, attached))
        document = press.lay_out(html)
        buffer = io.BytesIO()
        document.write_pdf(
            buffer,
            attachments=[press.attachment(each, clock) for each in attached],
            finisher=lambda _, pdf: embed(pdf.objects, attached),
            pdf_identifier=hashlib.sha256(html.encode(errors="replace")).digest()[:16],
            **_VARIANT,
        )
    return buffer.getvalue()


def embed(objects: Iterable[Any], attached: Iterable[Attached]) -> None:
    """Put the compressed files into a PDF, where WeasyPrint has put their checksums.

    WeasyPrint would hold each file whole, and pydyf would compress it twice.
    """
    by_stand_in = {each.sha256.encode(): each for each in attached}
    for stream in objects:
        if getattr(stream, "extra", {}).get("Type") == "/EmbeddedFile":
            each = by_stand_in[b"".join(stream.stream)]
            stream.stream, stream.compress = [each.path.read_bytes()], False
            stream.extra["Filter"] = "/FlateDecode"
            stream.extra["Params"] |= {"Size": each.bytes, "CheckSum": f"<{each.md5}>"}


def document_html(view: View, attached: tuple[Attached, ...]) -> str:
    """Fill the template of the document."""
    told = chapters(view)
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            view=view,
            extent=extent(view),
            where_all_are=where_all_are(view.manifest),
            has_inventory=any(each.name == INVENTORY for each in attached),
            max_resources=MAX_RESOURCES,
            files_of_scan=sorted(
                view.manifest.files.items(), key=lambda each: (not is_of_findings(each[0]), each)
            ),
            title=f"Backup audit of {view.organization}, {day(view.manifest.evaluated_as_of)}",
            clock=rfc3339(view.manifest.evaluated_as_of),
            attached=attached,
            chapters=told,
            shown=sum(len(each.findings) for each in told),
            not_passed=view.counts.failed + view.counts.open,
            uses=view.waiver_uses,
            accounts={account.id: account for account in view.manifest.accounts},
            grid=sorted(view.completeness.rows, key=lambda row: row.whole)[:GRID],
            column_sets=_column_sets(len(view.completeness.columns)),
            meanings=STATUS_MEANINGS,
            shard_meanings=SHARD_MEANINGS,
            marks=MARKS,
            fills=FILLS,
            rows=ROWS,
        )
    )


def chapters(view: View) -> tuple[Chapter, ...]:
    """Share the room for findings out among the controls that have failing or open ones."""
    worst = _worst_of_controls(view)
    not_passed = [(each, worst[each.control.id]) for each in view.controls if worst.get(each.control.id)]
    room = FINDINGS / max(1, sum(SHARES[each.control.severity] for each, _ in not_passed))
    return tuple(_chapter(each, found[: _share(each.control.severity, room)]) for each, found in not_passed)


def _worst_of_controls(view: View) -> Mapping[str, list[Finding]]:
    """Return the worst failing and open findings of each control: no more than a chapter may show."""
    if not isinstance(view.findings, Filed):
        return {
            each.control.id: [finding for finding in each.findings if finding.status in OWED][:MOST]
            for each in view.controls
        }
    wanted: dict[Pair, int] = {}
    for each in view.controls:
        room = MOST
        for status in OWED:
            if number := min(room, each.counts.of(status)):
                wanted[each.control.id, status] = number
                room -= number
    worst: dict[str, list[Finding]] = {}
    with view.findings.database() as connection:  # the view would read thousands more
        for finding in sorted(first_findings(view.findings, connection, wanted), key=rank):
            worst.setdefault(finding.control, []).append(finding)
    return worst


def _share(severity: Severity, room: float) -> int:
    """Give how many findings of a control are shown. `room`: how far shares have to shrink, or may grow."""
    return max(LEAST_FINDINGS, int(SHARES[severity] * min(room, GROWTH)))


def _chapter(control: ControlView, shown: list[Finding]) -> Chapter:
    cut = sum(control.counts.of(status) for status in OWED) - len(shown)
    return Chapter(control, tuple(shown), cut)


def _column_sets(columns: int) -> list[range]:
    return [range(first, min(first + COLUMNS, columns)) for first in range(0, columns, COLUMNS)]


@dataclass(frozen=True, slots=True)
class _Press:
    """WeasyPrint (which has no types), with our style sheet and fonts."""

    engine: Any
    page: Any  # the class of a document's HTML
    fetch: Callable[[str], Any]
    fonts: Any
    style: Any

    def lay_out(self, html: str) -> Any:  # noqa: ANN401 -- WeasyPrint's document
        page = self.page(string=html, url_fetcher=self.fetch)
        return page.render(stylesheets=[self.style], font_config=self.fonts, **_VARIANT)

    def drawable(self, html: str) -> str:
        """Write characters that no font of this machine has as `\u2039U+4E2D\u203a`, and emoji always.

        PDF/A admits no missing glyphs, and they would spoil the text that is read out of the document.
        Emoji are in few fonts, and in those as bitmaps: the document should not depend on them.
        """
        rare = sorted({character for character in html if not character.isascii()})
        probe = self.lay_out(f"<!doctype html><title>fonts</title><p>{' '.join(rare)}</p>")
        probe.write_pdf(**_VARIANT)
        missing = {point for used in probe.fonts.values() for point in used.missing}
        missing |= {ord(character) for character in rare if ord(character) >= _FIRST_EMOJI}
        return html.translate({point: f"\u2039U+{point:04X}\u203a" for point in missing})

    def attachment(self, each: Attached, clock: datetime) -> Any:  # noqa: ANN401 -- WeasyPrint's
        """Return an attachment with the checksum in place of the content: `embed` puts the content in."""
        return self.engine.Attachment(
            file_obj=io.BytesIO(each.sha256.encode()),
            name=each.name,
            description=each.description,
            created=clock,
            modified=clock,
            relationship="Data",
        )


def missing_engine() -> str | None:
    """Return why no PDF can be made on this machine; None: one can."""
    try:
        _engine()
    except OutputError as problem:
        return str(problem)
    return None


def _engine() -> tuple[Any, Any]:
    """Import WeasyPrint and its configuration of fonts. OutputError: one of its parts is not installed."""
    try:
        import weasyprint  # noqa: PLC0415 -- see the module's docstring
        from weasyprint.text.fonts import FontConfiguration  # noqa: PLC0415 -- as above
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
    """Build a subclass of WeasyPrint's HTML whose own style sheets leave out UNUSED pseudo-elements.

    They match every element, and WeasyPrint keeps a computed style for each match: 40,000 objects and 48 MB
    for 57 pages. The document is the same to the byte. Without this method WeasyPrint only needs more memory.
    """

    def own_style_sheets(self: Any, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401 -- WeasyPrint's
        sheets = base._ua_stylesheets(self, *arguments, **options)  # noqa: SLF001 -- no public name
        return [_without_unused(sheet) for sheet in sheets]

    return type("Page", (base,), {"_ua_stylesheets": own_style_sheets})


def _without_unused(sheet: Any) -> Any:  # noqa: ANN401 -- WeasyPrint's CSS
    lean = copy(sheet)
    lean.matcher = copy(sheet.matcher)
    lean.matcher.other_selectors = [each for each in sheet.matcher.other_selectors if each[3] not in UNUSED]
    return lean


def fetcher(response: Callable[..., Any]) -> Callable[[str], Any]:
    """Make WeasyPrint's fetcher: it answers for the bundled fonts, and for nothing that a value names."""

    def fetch(url: str) -> Any:  # noqa: ANN401 -- WeasyPrint's response
        name = url.removeprefix("font:")
        if not url.startswith("font:") or name not in FONTS:
            raise ValueError(f"Reports fetch nothing: {url}")
        return response(url, body=font(name), headers={"Content-Type": "font/woff2"})

    return fetch


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep WeasyPrint's remarks about style sheets and fonts from reaching the terminal."""
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
    """Keep the garbage collector from looking through the boxes of a document that is being laid out.

    Hardly any of them is garbage before the document is written, and looking costs a seventh of the time.
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
    """Give font subsets the clock of the evaluation (fontTools reads SOURCE_DATE_EPOCH)."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(clock.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before

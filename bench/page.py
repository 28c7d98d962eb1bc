"""What the HTML report costs its reader: its size, and how soon Chromium has it interactive.

Findings are those of the sample, again and again under names and ids of their own: ids are random, since
nothing that repeats may look smaller than it is.
"""

import gzip
import os
import random
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from playwright.sync_api import Browser, sync_playwright

from bench.measure import ROOT, Table, ratio
from scanner.app import judgement as app
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import SCHEMA
from scanner.report.formats.html import report_html
from scanner.report.read import read_scan
from scanner.report.view.view import build

_SIZES: Final = (1_000, 10_000, 100_000)
_OPENINGS: Final = 5
_LIMITS: Final = "Limits for 100,000 findings: 5 MB, interactive within 2 s."
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

# Hexadecimal ids (volumes, snapshots, clusters) and those with dashes (plans, rules, recovery points).
_IDS: Final = re.compile(
    rb"(?<=[-/:#])[0-9a-f]{8,40}\b|\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """Milliseconds until something was painted, and until it was interactive; and of two answers."""

    painted: float
    interactive: float
    searched: float
    filtered: float


def tables(*, tiny: bool = False) -> list[Table]:
    """Write reports of growing size, and open each in Chromium."""
    sizes = (200,) if tiny else _SIZES
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        rows = list(_rows(Path(place), sizes, browser, 1 if tiny else _OPENINGS))
        browser.close()
    return [
        Table(
            "The HTML report in Chromium",
            (
                "findings", "MB", "times the first", "written in s", "painted ms", "interactive ms",
                "times the first", "subject found ms", "filtered ms",
            ),
            rows,
            (_LIMITS, "Medians. Painted and interactive are measured from the request for the page."),
        )
    ]  # fmt: skip


def _rows(place: Path, sizes: tuple[int, ...], browser: Browser, openings: int) -> Iterator[tuple[str, ...]]:
    judged = place / "judged"
    app.evaluate(ROOT / "sample_reports" / "bundle", judged, judgement_of(settings_of(None), None, None), ())
    first: tuple[int, float] | None = None
    for size in sizes:
        file, seconds = _written(judged, place / str(size), size)
        opened = [_open(browser, file) for _ in range(openings)]
        median = {
            name: statistics.median(getattr(opening, name) for opening in opened)
            for name in ("painted", "interactive", "searched", "filtered")
        }
        bytes_ = file.stat().st_size
        first = first or (bytes_, median["interactive"])
        yield (
            f"{size:,}", f"{bytes_ / 1e6:.2f}", ratio(bytes_, first[0]), f"{seconds:.1f}",
            f"{median['painted']:.0f}", f"{median['interactive']:.0f}",
            ratio(median["interactive"], first[1]),
            f"{median['searched']:.0f}", f"{median['filtered']:.0f}",
        )  # fmt: skip


def _written(judged: Path, folder: Path, size: int) -> tuple[Path, float]:
    """Write the report of a scan of `size` findings; give its file and the seconds that it took."""
    folder.mkdir()
    findings = folder / "findings.jsonl.gz"
    with gzip.open(findings, "wb", compresslevel=1) as lines:
        lines.writelines(_grown(judged / findings.name, size))
    for name in ("manifest.json", "summary.json"):
        document = orjson.loads((judged / name).read_bytes())
        manifest = document if name == "manifest.json" else document["scan"]
        manifest |= {"schema": SCHEMA, "files": {findings.name: file_sha256(findings)}}  # without facts
        (folder / name).write_bytes(orjson.dumps(document))
    begun = time.perf_counter()
    file = folder / "report.html"
    file.write_bytes(report_html(build(read_scan(folder))))
    return file, time.perf_counter() - begun


def _grown(findings: Path, size: int) -> list[bytes]:
    """Repeat findings, each time with fresh ids and names, and file them in order."""
    with gzip.open(findings) as lines:
        originals = list(lines)
    fresh = random.Random(1)
    copies: list[tuple[tuple[str, ...], bytes]] = []
    while len(copies) < size:
        ids: dict[bytes, bytes] = {}
        for line in originals[: size - len(copies)]:
            renamed = orjson.loads(_IDS.sub(lambda match: _fresh(match.group(), ids, fresh), line))  # noqa: B023 -- called at once
            _name(renamed, len(copies) // len(originals))
            order = tuple(renamed[key] for key in ("control", "account", "region", "subject"))
            copies.append((order, orjson.dumps(renamed) + b"\n"))
    return [line for _, line in sorted(copies)]


def _fresh(name: bytes, ids: dict[bytes, bytes], fresh: random.Random) -> bytes:
    if name not in ids:
        ids[name] = bytes(char if char == ord("-") else fresh.choice(b"0123456789abcdef") for char in name)
    return ids[name]


def _name(finding: dict[str, Any], number: int) -> None:
    """Add an id to subjects without one in their ARN, and a number to every name."""
    if not _IDS.search(finding["subject"].encode()):
        finding["subject"] = f"{finding['subject']}-{number:05}"
    if finding["details"].get("name"):
        finding["details"]["name"] = f"{finding['details']['name']}-{number:05}"


def _open(browser: Browser, file: Path) -> Opening:
    page = browser.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    painted, interactive = page.evaluate(
        "[performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,"
        " performance.getEntriesByName('interactive')[0].startTime]"
    )
    begun = time.perf_counter()
    page.fill(".finder input", "prod")
    page.wait_for_selector("#found li")
    found_at = time.perf_counter() - begun
    begun = time.perf_counter()
    page.fill(".search-box input", "vault")
    page.wait_for_selector(".selects button:not([hidden])")
    filtered = time.perf_counter() - begun
    page.close()
    return Opening(painted, interactive, found_at * 1_000, filtered * 1_000)

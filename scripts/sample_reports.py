"""Updates sample_reports/: `make sample-reports`, with RECORD=1 from a new scan of the demo organisation.

    sample_reports/bundle/     manifest.json, evidence/ and inputs/ of a scan of the demo organisation
    sample_reports/reports/    the reports of `audit evaluate` with scanner/demo/audit.yaml and the pack
                               baseline, without Parquet

tests/samples does the same in a temporary folder and compares.
"""

import argparse
import base64
import gzip
import re
import shutil
import subprocess  # nosec B404 # it starts this program alone
import sys
import tempfile
from pathlib import Path
from typing import Final

from pypdf import PdfReader

from scanner.app.earlier_judgement import collection_manifest
from scanner.demo.command import CONFIG
from scanner.model.control import ALL, BASELINE
from scanner.report.write import FORMATS

SAMPLES: Final = Path(__file__).parent.parent / "sample_reports"
BUNDLE: Final = SAMPLES / "bundle"
REPORTS: Final = SAMPLES / "reports"
LEFT_OUT: Final = ("parquet", "ocsf-parquet", "pdf-letter", "xlsx")
"""Formats that show nothing new: the same tables, the same pages."""

KEPT: Final = tuple(how.file for name, how in FORMATS.items() if name not in LEFT_OUT)


_BLOCK: Final = re.compile(rb"H4sI[A-Za-z0-9+/]{16,}={0,2}")
"""Gzip data in base64."""


def audit(*arguments: str | Path) -> None:
    """Run the installed command. CalledProcessError: it failed."""
    subprocess.run([Path(sys.executable).parent / "audit", *arguments], check=True)  # nosec B603 # this program, with arguments of ours


def words(pdf: Path) -> list[str]:
    """Return the words of a PDF, which do not depend on fonts and libraries."""
    return " ".join(page.extract_text() for page in PdfReader(pdf).pages).split()


def inflated(file: Path) -> bytes:
    """Return a report with its compressed parts inflated: deflating depends on the machine's zlib."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(content)
    return _BLOCK.sub(lambda block: gzip.decompress(base64.b64decode(block[0])), content)


def record(scan: Path, bundle: Path) -> None:
    """Scan the demo organisation into `scan`, and copy to `bundle` what an evaluation needs."""
    # The bundle stores that all controls are evaluated: tests that evaluate it as it is rely on that.
    audit("demo", "--controls", ALL, "--out", scan, "--format", "json")
    shutil.rmtree(bundle, ignore_errors=True)
    folders = ("evidence", "inputs")
    for folder in folders:
        shutil.copytree(scan / folder, bundle / folder)
    (bundle / "manifest.json").write_bytes(collection_manifest(scan))


def evaluate(bundle: Path, reports: Path) -> None:
    """Evaluate `bundle` as a scan does by default, and copy the reports that are kept into `reports`."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan"
        audit(
            "evaluate",
            bundle,
            "--config",
            CONFIG,
            "--controls",
            BASELINE,
            "--out",
            scan,
            "--format",
            ",".join(FORMATS.keys() - LEFT_OUT),
        )
        reports.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if not _only_bytes_differ(scan / name, reports / name):
                shutil.copyfile(scan / name, reports / name)


def _only_bytes_differ(new: Path, old: Path) -> bool:
    """Check whether two reports have the same content: their bytes depend on the machine's Pango and zlib."""
    if not old.exists():
        return False
    return words(new) == words(old) if new.suffix == ".pdf" else inflated(new) == inflated(old)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Update sample_reports/.")
    parser.add_argument("--record", action="store_true", help="scan a fresh demo organisation first")
    if parser.parse_args().record:
        with tempfile.TemporaryDirectory() as folder:
            record(Path(folder) / "scan", BUNDLE)
    evaluate(BUNDLE, REPORTS)


if __name__ == "__main__":
    main()

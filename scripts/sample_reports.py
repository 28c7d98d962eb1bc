"""Makes sample_reports/ again: `make sample-reports`, with RECORD=1 from a fresh demo organisation.

    sample_reports/bundle/     manifest.json and evidence/, as a scan of the demo organisation recorded them
    sample_reports/reports/    what `audit evaluate` makes of it with scanner/demo/audit.yaml, less Parquet

tests/samples does the same in a temporary folder and compares.
"""

import argparse
import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from pypdf import PdfReader

from scanner.demo.command import CONFIG
from scanner.report.write import FORMATS

SAMPLES: Final = Path(__file__).parent.parent / "sample_reports"
BUNDLE: Final = SAMPLES / "bundle"
REPORTS: Final = SAMPLES / "reports"
LEFT_OUT: Final = ("parquet", "pdf-letter")
"""Formats that show nothing more to somebody who looks: the same table once more, the same pages."""

KEPT: Final = tuple(how.file for name, how in FORMATS.items() if name not in LEFT_OUT)


_BLOCK: Final = re.compile(rb"H4sI[A-Za-z0-9+/]{16,}={0,2}")
"""base64 of gzip."""


def audit(*arguments: str | Path) -> None:
    """Run the installed command. CalledProcessError when it does not end with 0."""
    subprocess.run([Path(sys.executable).parent / "audit", *arguments], check=True)


def words(pdf: Path) -> list[str]:
    """Give the text of a PDF, word by word: what stays the same when fonts and libraries differ."""
    return " ".join(page.extract_text() for page in PdfReader(pdf).pages).split()


def told(file: Path) -> bytes:
    """Give what a report says, inflated: how it is deflated depends on the machine's zlib."""
    content = file.read_bytes()
    if file.suffix == ".gz":
        return gzip.decompress(content)
    return _BLOCK.sub(lambda found: gzip.decompress(base64.b64decode(found[0])), content)


def record(scan: Path, bundle: Path) -> None:
    """Scan the demo organisation into `scan`, and keep in `bundle` what an evaluation needs of it."""
    audit("demo", "--out", scan, "--format", "json")
    shutil.rmtree(bundle, ignore_errors=True)
    shutil.copytree(scan / "evidence", bundle / "evidence")
    manifest = json.loads((scan / "manifest.json").read_bytes())
    files = manifest.get("files", {})
    manifest["files"] = {path: digest for path, digest in files.items() if path.startswith("evidence/")}
    (bundle / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


def evaluate(bundle: Path, reports: Path) -> None:
    """Judge `bundle` anew and put what is kept of it into the folder `reports`."""
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "scan"
        audit(
            "evaluate",
            bundle,
            "--config",
            CONFIG,
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
    """Whether a report says what the one before said: bytes depend on the machine's Pango and zlib."""
    if not old.exists():
        return False
    return words(new) == words(old) if new.suffix == ".pdf" else told(new) == told(old)


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description="Make sample_reports/ again.")
    parser.add_argument("--record", action="store_true", help="scan a fresh demo organisation first")
    if parser.parse_args().record:
        with tempfile.TemporaryDirectory() as folder:
            record(Path(folder) / "scan", BUNDLE)
    evaluate(BUNDLE, REPORTS)


if __name__ == "__main__":
    main()

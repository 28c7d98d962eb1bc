"""Makes sample_reports/ again: `make sample-reports`, with RECORD=1 from a fresh demo organisation.

    sample_reports/bundle/     manifest.json and evidence/, as a scan of the demo organisation recorded them
    sample_reports/reports/    what `audit evaluate` makes of the bundle, less the Parquet tables

tests/samples does the same in a temporary folder and compares.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from pypdf import PdfReader

SAMPLES: Final = Path(__file__).parent.parent / "sample_reports"
BUNDLE: Final = SAMPLES / "bundle"
REPORTS: Final = SAMPLES / "reports"
KEPT: Final = ("findings.json", "findings.jsonl.gz", "report.html", "report.pdf")


def audit(*arguments: str | Path) -> None:
    """Run the installed command. CalledProcessError when it does not end with 0."""
    subprocess.run([Path(sys.executable).parent / "audit", *arguments], check=True)


def words(pdf: Path) -> list[str]:
    """Give the text of a PDF, word by word: what stays the same when fonts and libraries differ."""
    return " ".join(page.extract_text() for page in PdfReader(pdf).pages).split()


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
        audit("evaluate", bundle, "--out", scan, "--format", "html,pdf,json")
        reports.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if not _only_bytes_differ(scan / name, reports / name):
                shutil.copyfile(scan / name, reports / name)


def _only_bytes_differ(new: Path, old: Path) -> bool:
    """Whether a PDF says what the one before said: its bytes depend on the machine's Pango."""
    return new.suffix == ".pdf" and old.exists() and words(new) == words(old)


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

"""Root causes that cannot be worked out: the scan is complete without them, and says so."""

from pathlib import Path
from shutil import rmtree

import pytest

from scanner.app.judged import read_judged
from scanner.app.judgement import with_causes
from scanner.evidence.scan_files import INVENTORY
from scanner.findings.causes import TABLE
from scripts.sample_reports import BUNDLE, audit

pytestmark = pytest.mark.slow


def test_a_scan_without_causes_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    audit("evaluate", BUNDLE, "--out", folder, "--format", "json", "--quiet")
    assert (folder / INVENTORY / f"{TABLE}.parquet").is_file()
    scan = read_judged(folder)
    (folder / INVENTORY / f"{TABLE}.parquet").unlink()
    rmtree(folder / "facts" / "rule")  # the manifest names its files
    shown = with_causes(folder, scan)
    assert shown.limitations[-1].startswith("Failures were not traced to their root causes: ")
    assert not (folder / INVENTORY / f"{TABLE}.parquet").exists()

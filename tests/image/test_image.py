"""The image of deploy/Dockerfile: unprivileged, read-only, without a network."""

import gzip
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.image.containers import PANGO_HIDDEN, container

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "sample_reports" / "bundle"

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif("VAULTPROOF_IMAGE" not in os.environ, reason="`make image` builds the image"),
]


def run(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = container("--network", "none", *options, arguments=arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def shell(script: str) -> str:
    result = run("-c", script, options=("--entrypoint", "/bin/sh"))
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A folder that the user of the image may write."""
    folder = tmp_path / "out"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def test_it_is_the_command_audit() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout.strip(), result.stderr) == (
        0,
        f"vaultproof {version('vaultproof')}",
        "",
    )


def test_its_user_is_not_root_and_can_change_nothing() -> None:
    assert shell("id -u") == "65532"
    assert shell("find /opt /usr /etc /bin/ /lib/ -xdev -writable ! -type l 2>/dev/null; true") == ""
    assert "Read-only file system" in shell("touch /opt/vaultproof/x 2>&1; true")


def test_what_starts_is_compiled_already() -> None:
    package = "cd /opt/vaultproof/lib/python3*/site-packages/scanner"
    sources = shell(f"{package} && find . -name '*.py' | wc -l")
    assert shell(f"{package} && find . -name '*.pyc' | wc -l") == sources
    assert shell("head -c 1 /opt/vaultproof/cache/controls-*.json") == "{"


def test_it_has_no_tools_for_development() -> None:
    packages = shell("ls /opt/vaultproof/lib/python3*/site-packages").splitlines()
    assert {"awslambdaric", "weasyprint"} <= set(packages)
    assert not {"moto", "pytest", "mypy", "pip", "hatchling", "uv"} & set(packages)


def test_it_judges_a_bundle_and_draws_the_pdf_without_a_network(output: Path) -> None:
    result = run(
        "evaluate", "/bundle", "--out", "/out/scan", "--format", "html,pdf,json",
        options=("--volume", f"{BUNDLE}:/bundle:ro", "--volume", f"{output}:/out"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (output / "scan" / "report.pdf").read_bytes().startswith(b"%PDF-")
    subprocess.run(
        [sys.executable, "-m", "scanner", "evaluate", BUNDLE, "--out", output / "here", "--format", "json"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert findings(output / "scan") == findings(output / "here")


def findings(scan: Path) -> bytes:
    return gzip.decompress((scan / "findings.jsonl.gz").read_bytes())


def test_without_pango_one_sentence_says_so_and_the_other_formats_are_written(output: Path) -> None:
    result = run(
        "evaluate", "/bundle", "--out", "/out/scan", "--format", "json,pdf",
        options=(
            "--volume", f"{BUNDLE}:/bundle:ro", "--volume", f"{output}:/out",
            *PANGO_HIDDEN,
        ),
    )  # fmt: skip
    assert result.returncode == 5
    (sentence,) = [line for line in result.stderr.splitlines() if "PDF" in line]
    assert "Pango" in sentence
    assert "Traceback" not in result.stderr
    assert (output / "scan" / "findings.json").exists()

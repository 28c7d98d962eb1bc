"""The commands of docs/verify.md and of the PDF verify real scans with OpenSSL, and none of our code."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pytest
from typer.testing import CliRunner

from scanner.app.signing import key_file_signer, sign_scan
from scanner.cli.commands import audit
from scanner.evidence.manifest import manifest_bytes
from tests.fakes.tsa import openssl, time_stamping_authority

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "verify.md").read_text("utf-8")
pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
BASH = shutil.which("bash") or "bash"
EC = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
KEYS = {
    "ec": EC,
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ed25519": ("-algorithm", "ED25519"),
}


def blocks(step: str) -> list[str]:
    """Return the commands of a step of the page."""
    section = PAGE.partition(f"### {step}")[2].partition("\n### ")[0]
    found = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    assert found, step
    return found


def run(script: str, folder: Path, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run commands in a folder. Nothing of this program is on the path."""
    environment = {"PATH": os.environ["PATH"], **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(
        (BASH, "-e", "-o", "pipefail", "-c", script),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Signed:
    """A signed scan that has a time stamp, the scan before it, and what verifies them."""

    scan: Path
    previous: Path
    public: Path
    root: Path


def evaluated(out: Path, *words: object) -> Path:
    bundle = ROOT / "sample_reports" / "bundle"
    options = ("--out", out, "--controls", "vault-locked", "--quiet", *words)
    done = CliRunner().invoke(audit, ["evaluate", str(bundle), *map(str, options)])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("signed")
    openssl(folder, "genpkey", *EC, "-out", "key.pem")
    openssl(folder, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    previous = evaluated(folder / "previous", "--format", "csv", "--sign-key", folder / "key.pem")
    with time_stamping_authority(folder / "tsa") as authority:
        options = ("--sign-key", folder / "key.pem", "--timestamp-url", authority.url, "--previous", previous)
        scan = evaluated(folder / "scan", "--format", "html,pdf", *options)
        yield Signed(scan, previous, folder / "public.pem", authority.root)


@pytest.fixture
def work(signed: Signed, tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(signed.public, folder / "public.pem")
    shutil.copy(signed.root, folder / "root.pem")
    return folder


def steps(scan: Path, work: Path, previous: Path) -> dict[str, str]:
    """Run all steps for an EC key; `failed` instead of the output of one that failed."""
    signature = [block for block in blocks("2") if "pkeyutl" not in block]
    scripts = {
        "key": blocks("1"),
        "signature": signature,
        "manifest": blocks("3"),
        "files": [block for block in blocks("4") if "covered.txt" not in block and "evidence" not in block],
        "uncovered": [block for block in blocks("4") if "covered.txt" in block],
        "judgement": blocks("5"),
        "time": blocks("6"),
        "chain": blocks("7"),
    }
    outputs = {}
    for name, commands in scripts.items():
        done = run("\n".join(commands), work, SCAN=scan, PREVIOUS=previous)
        outputs[name] = done.stdout if done.returncode == 0 else "failed"
    return outputs


def failures(outputs: dict[str, str]) -> set[str]:
    return {name for name, output in outputs.items() if output == "failed"}


def test_every_step_succeeds_for_a_signed_scan(signed: Signed, work: Path) -> None:
    outputs = steps(signed.scan, work, signed.previous)
    statement = json.loads((work / "statement.json").read_text())
    key = statement["predicate"]["key"]
    assert outputs["key"].split()[-1] == key["sha256"]
    assert outputs["signature"] == "Verified OK\n"
    assert outputs["manifest"] == "1\n"
    assert outputs["files"] == ""
    assert outputs["uncovered"] == "manifest.json\n"
    judgement = statement["subject"][1]["digest"]["sha256"]
    assert outputs["judgement"] == f"1\n{judgement} *judgement.json\n"
    assert outputs["time"].startswith("Verification: OK\nTime stamp: ")
    assert outputs["chain"] == "1\n"
    assert key["sha256"] in (signed.scan / "report.html").read_text()
    assert judgement in (signed.scan / "report.html").read_text()


def test_the_evidence_of_a_signed_bundle_is_checked(signed: Signed, work: Path) -> None:
    bundle = shutil.copytree(ROOT / "sample_reports" / "bundle", work / "bundle")
    sign_scan(bundle, key_file_signer(signed.public.with_name("key.pem"), ""))
    (check,) = (block for block in blocks("4") if "evidence.sha256" in block)
    assert (
        run("\n".join((*blocks("3"), check)), work, SCAN=bundle).returncode != 0
    )  # there is no statement yet
    prepared = "\n".join((blocks("2")[0], *blocks("3"), check))
    done = run(prepared, work, SCAN=bundle)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    evidence = next((bundle / "evidence").glob("*/*.gz"))
    evidence.write_bytes(evidence.read_bytes() + b"\0")
    assert run(prepared, work, SCAN=bundle).returncode != 0


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_kind_of_key_is_verified(algorithm: str, signed: Signed, tmp_path: Path) -> None:
    scan = shutil.copytree(signed.scan, tmp_path / "scan")
    openssl(tmp_path, "genpkey", *KEYS[algorithm], "-out", "key.pem")
    openssl(tmp_path, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    sign_scan(scan, key_file_signer(tmp_path / "key.pem", ""))
    take_out, hashed, rawin = blocks("2")
    done = run(take_out + (rawin if algorithm == "ed25519" else hashed), tmp_path, SCAN=scan)
    assert done.returncode == 0, done.stderr
    assert "Verified" in done.stdout


Edit = Callable[[Path], object]


def manifest(scan: Path, old: str, new: str) -> None:
    path = scan / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def resigned(scan: Path) -> None:
    """Sign with another key, as a forger does."""
    openssl(scan.parent, "genpkey", *EC, "-out", "forged.pem")
    sign_scan(scan, key_file_signer(scan.parent / "forged.pem", ""))


EDITS: dict[str, tuple[Edit, set[str]]] = {
    "a finding": (
        lambda scan: next((scan / "findings").glob("*.parquet")).write_bytes(b"forged"),
        {"files"},
    ),
    "a report": (lambda scan: (scan / "report.pdf").write_bytes(b"forged"), {"files"}),
    "the list of reports": (lambda scan: (scan / "reports.sha256").write_text(""), {"files"}),
    "a checksum": (
        lambda scan: manifest(scan, '"findings.jsonl.gz": "', '"findings.jsonl.gz": "00'),
        {"manifest", "files", "judgement"},
    ),
    "a key beside the signature": (
        lambda scan: manifest(scan, "}]},\n", '}]}, "files": {},\n'),
        {"signature", "manifest", "files", "judgement", "time"},
    ),
    "a key beside the time stamp": (
        lambda scan: manifest(scan, '"time_stamp": "', '"time_stamp": "", "files": {}, "x": "'),
        {"manifest", "files", "judgement", "time"},
    ),
    "the statement": (
        lambda scan: manifest(scan, '"payload":"eyJf', '"payload":"eyJe'),
        {"signature"},
    ),
    "the signature": (resigned, {"signature", "chain", "time"}),
    "no signature": (
        lambda scan: (scan / "manifest.json").write_bytes(
            manifest_bytes({**json.loads((scan / "manifest.json").read_bytes()), "signature": None})
        ),
        {"signature", "manifest", "judgement", "chain", "time"},
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_scan_fails_in_the_step_that_covers_the_edit(name: str, signed: Signed, work: Path) -> None:
    edit, expected = EDITS[name]
    scan = shutil.copytree(signed.scan, work / "scan")
    edit(scan)
    assert failures(steps(scan, work, signed.previous)) == expected


def test_the_previous_scan_is_no_other(signed: Signed, work: Path) -> None:
    assert failures(steps(signed.scan, work, signed.scan)) == {"chain"}


def test_a_file_that_was_added_is_listed(signed: Signed, work: Path) -> None:
    scan = shutil.copytree(signed.scan, work / "scan")
    (scan / "report.md").write_text("added")
    assert steps(scan, work, signed.previous)["uncovered"] == "manifest.json\nreport.md\n"


def test_the_commands_that_the_pdf_prints_verify_its_scan(signed: Signed, work: Path) -> None:
    scan = shutil.copytree(signed.scan, work / "scan")
    shutil.copy(signed.public, scan / "public.pem")
    document = pypdfium2.PdfDocument(scan / "report.pdf")
    text = "\n".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", "\n")
    start = text.index("openssl pkey -pubin")
    script = text[start : text.index("statement.json\n", text.index("grep -o", start))] + "statement.json"
    done = run(script, scan)
    assert done.returncode == 0, done.stderr
    fingerprint, verdict, digest, in_statement, judgement = done.stdout.splitlines()
    statement = json.loads((scan / "statement.json").read_text())
    assert fingerprint.split()[-1] == statement["predicate"]["key"]["sha256"]
    assert verdict == "Verified OK"
    assert in_statement.endswith(digest.split()[-1])
    for printed in (fingerprint.split()[-1], judgement[-64:]):
        assert printed in text

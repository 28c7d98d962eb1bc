"""An earlier evaluation is replaced only with --force, in a folder and in S3, and never in part."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.cli.scan.destination import Destination, published
from scanner.errors import OutputError
from scanner.storage.place import Place
from tests.fakes.bundles import BundleBuilder
from tests.fakes.environment import lead_to

BUCKET = "scans-of-acme"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)))


def evaluate(bundle: str | Path, *options: str | Path, control: str = "vault-locked") -> Result:
    return run("evaluate", bundle, "--controls", control, "--format", "json", "--quiet", *options)


def manifest_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return document


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = BundleBuilder(tmp_path_factory.mktemp("bundle") / "b")
    bundle.shard().vault("payments-archive").volume("vol-0a1b2c3d4e5f60718")
    return bundle.write()


@pytest.fixture
def bundle(built: Path, tmp_path: Path) -> Path:
    return copytree(built, tmp_path / "bundle")


@pytest.mark.parametrize("where", ["in place", "elsewhere"])
def test_an_evaluation_is_replaced_only_with_force(bundle: Path, tmp_path: Path, where: str) -> None:
    folder, out = (bundle, ()) if where == "in place" else (tmp_path / "out", ("--out", tmp_path / "out"))
    assert evaluate(bundle, *out).exit_code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused = evaluate(bundle, *out, control="resource-in-backup-plan")
    assert refused.exit_code == 2
    assert f"{folder} contains an evaluated scan" in refused.stderr
    assert "--force" in refused.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert evaluate(bundle, *out, "--force", control="resource-in-backup-plan").exit_code == 0
    summary = json.loads((folder / "summary.json").read_bytes())["summary"]
    assert set(summary["controls"]) == {"resource-in-backup-plan"}
    assert run("report", folder, "--format", "csv").exit_code == 0


def test_the_folder_of_another_scan_is_refused_even_with_force(built: Path, bundle: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    done = evaluate(built, "--out", bundle, "--force")
    assert done.exit_code == 2
    assert "contains the evidence of a scan" in done.stderr
    assert (bundle / "manifest.json").read_bytes() == before


def test_what_another_program_evaluated_is_refused(bundle: Path) -> None:
    (bundle / "findings.json").write_text('{"schema": "backup-audit/findings/1"}')
    assert evaluate(bundle).exit_code == 2
    assert evaluate(bundle, "--force").exit_code == 0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    lead_to(endpoint, monkeypatch, scratch=tmp_path / "tmp")
    bucket = boto3.resource("s3").Bucket(BUCKET)
    bucket.create()
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def contents(bucket: Any, prefix: str) -> dict[str, bytes]:
    return {
        row.key.removeprefix(prefix): row.get()["Body"].read() for row in bucket.objects.filter(Prefix=prefix)
    }


def test_an_evaluation_in_s3_is_replaced_only_with_force(bucket: Any, bundle: Path) -> None:
    place = f"s3://{BUCKET}/judged"
    assert evaluate(bundle, "--out", place).exit_code == 0
    assert run("report", place, "--format", "markdown").exit_code == 0
    before = contents(bucket, "judged/")
    refused = evaluate(bundle, "--out", place, control="resource-in-backup-plan")
    assert refused.exit_code == 2
    assert f"{place} contains an evaluated scan" in refused.stderr
    assert contents(bucket, "judged/") == before
    done = evaluate(bundle, "--out", place, "--force", control="resource-in-backup-plan")
    assert done.exit_code == 0, done.output
    assert "summary.md" not in contents(bucket, "judged/")
    assert run("report", place, "--format", "csv").exit_code == 0


def test_a_bundle_in_s3_stays_one_when_it_is_evaluated_there(bucket: Any, bundle: Path) -> None:
    place = f"s3://{BUCKET}/b"
    for path in bundle.rglob("*.json*"):
        bucket.upload_file(str(path), f"b/{path.relative_to(bundle).as_posix()}")
    evidence = {name: body for name, body in contents(bucket, "b/").items() if name.startswith("evidence/")}
    assert evaluate(place, "--out", place).exit_code == 0
    assert evaluate(place, "--out", place).exit_code == 2
    assert evaluate(place, "--out", place, "--force").exit_code == 0
    after = contents(bucket, "b/")
    assert evidence.items() <= after.items()
    assert evaluate(bundle, "--out", place, "--force").exit_code == 2  # this would lose its evidence


@pytest.mark.parametrize("key", ["", "alias/audit"])
def test_the_advice_encrypts_and_sends_the_manifest_last(bucket: Any, tmp_path: Path, key: str) -> None:
    del bucket
    folder = tmp_path / "a scan"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    goal = Destination(folder=None, place=Place("nobody-has-this", "x"), kms_key=key)
    with pytest.raises(OutputError) as raised, published(goal, folder):
        pass
    encryption = "--sse aws:kms --sse-kms-key-id alias/audit" if key else "--sse AES256"
    (note,) = raised.value.__notes__
    assert note == (
        f"Nothing is lost: the files are in {folder}. Upload them, the manifest last, with: "
        f"aws s3 cp --recursive '{folder}' s3://nobody-has-this/x {encryption} --exclude manifest.json && "
        f"aws s3 cp '{folder}/manifest.json' s3://nobody-has-this/x/manifest.json {encryption}"
    )


class Refusing(BaseHTTPRequestHandler):
    """An S3 that denies every request, as for a bucket that belongs to another account than expected."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def refusing(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    del bucket
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.mark.usefixtures("refusing")
def test_no_command_is_advised_where_the_bucket_may_be_a_strangers(bundle: Path) -> None:
    owner = "999999999999"
    done = evaluate(bundle, "--out", f"s3://{BUCKET}/x", "--bucket-owner", owner)
    assert done.exit_code == 5
    (kept,) = Path(os.environ["TMPDIR"]).iterdir()
    assert (kept / "findings.json").is_file()
    assert f"the files are in {kept}" in done.stderr
    assert f"Check that account {owner} owns bucket {BUCKET}" in done.stderr
    assert "aws s3 cp" not in done.stderr

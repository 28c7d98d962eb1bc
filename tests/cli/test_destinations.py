"""Where reports go: beside the scan, elsewhere, to a bucket and back, and redacted into a folder apart."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.cli.options import Target
from scanner.cli.scan.destination import Destination, destination_of, published
from scanner.cli.scan.requests import folder_of
from scanner.errors import UsageError
from scanner.settings.settings import OutputSettings, Settings
from scanner.storage.place import Place
from tests.fakes.bundles import BundleBuilder
from tests.fakes.environment import lead_to

BUCKET = "reports-of-acme"
ACCOUNT = "111111111111"


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = BundleBuilder(tmp_path_factory.mktemp("bundle"))
    made.shard().vault("payments-archive").volume("vol-0a1b2c3d4e5f60718", {"team": "payments"})
    return made.write()


@pytest.fixture(scope="module")
def scan(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged") / "scan"
    done = command("evaluate", bundle, "--controls", "vault-locked", "--out", folder, "--format", "json")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    lead_to(endpoint, monkeypatch, scratch=tmp_path / "tmp")
    made = boto3.resource("s3").Bucket(BUCKET)
    made.create()
    yield made
    made.objects.delete()
    made.delete()


def keys(bucket: Any) -> set[str]:
    return {each.key for each in bucket.objects.all()}


def test_reports_go_where_out_says(scan: Path, tmp_path: Path) -> None:
    done = command("report", scan, "--out", tmp_path / "r", "--format", "csv")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "r").iterdir()} == {"findings.csv", "reports.sha256"}


def test_redacted_reports_have_a_folder_of_their_own(scan: Path, tmp_path: Path) -> None:
    before = (scan / "findings.json").read_bytes()
    assert command("report", scan, "--redact", "--format", "json,csv").exit_code == 0
    document = json.loads((scan / "redacted" / "findings.json").read_bytes())
    assert document["redacted"] is True
    assert b"payments" not in (scan / "redacted" / "findings.csv").read_bytes()
    assert (scan / "findings.json").read_bytes() == before
    refused = command("report", scan, "--redact", "--out", scan, "--format", "json")
    assert refused.exit_code == 2
    assert "holds a scan" in refused.output
    assert command("report", scan, "--redact", "--out", tmp_path / "r", "--format", "csv").exit_code == 0
    assert (tmp_path / "r" / "findings.csv").is_file()


def test_evaluate_redacts_the_reports_and_keeps_the_scan(bundle: Path, tmp_path: Path) -> None:
    done = command(
        "evaluate", bundle, "--controls", "vault-locked", "--out", tmp_path, "--redact", "--format", "csv"
    )
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "findings.csv").exists()
    assert b"payments" not in (tmp_path / "redacted" / "findings.csv").read_bytes()
    assert b"payments" in (tmp_path / "findings.json").read_bytes()
    assert str(tmp_path / "redacted" / "findings.csv") in done.output.replace("\n", "")


def test_a_key_gives_the_same_pseudonyms_each_time(scan: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a secret of more than sixteen bytes\n")
    told = []
    for name, options in (("a", ["--redact-key", key]), ("b", ["--redact-key", key]), ("c", ["--redact"])):
        folder = tmp_path / name
        assert command("report", scan, *options, "--out", folder, "--format", "csv").exit_code == 0
        told.append((folder / "findings.csv").read_bytes())
    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize("content", [None, b"short", b"x" * 5_000])
def test_what_is_no_key_is_refused(scan: Path, tmp_path: Path, content: bytes | None) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    done = command("report", scan, "--redact-key", key, "--format", "csv")
    assert done.exit_code == 2
    assert str(key) in done.output.replace("\n", "")


def test_explain_is_redacted_but_never_quotes_evidence_then(scan: Path) -> None:
    done = command("explain", scan, "payments-archive", "--redact")
    assert done.exit_code == 0
    assert "payments" not in done.output
    assert ACCOUNT not in done.output
    refused = command("explain", scan, "payments-archive", "--redact", "--show-evidence")
    assert refused.exit_code == 2


def test_what_is_judged_goes_to_a_bucket_and_is_reported_from_there(bucket: Any, bundle: Path) -> None:
    place = f"s3://{BUCKET}/audits/one"
    done = command("evaluate", bundle, "--controls", "vault-locked", "--out", place, "--format", "json")
    assert done.exit_code == 0, done.output
    assert f"{place}/findings.json" in done.output.replace("\n", "")
    known = {"manifest.json", "findings.json", "summary.json", "findings.jsonl.gz"}
    known |= {f"facts/{table}/{ACCOUNT}.parquet" for table in ("account_region", "resource", "vault")}
    assert {f"audits/one/{name}" for name in known} <= keys(bucket)
    assert command("report", place, "--format", "csv").exit_code == 0
    assert "audits/one/findings.csv" in keys(bucket)
    sums = bucket.Object("audits/one/reports.sha256").get()["Body"].read().decode()
    assert {line.split("  ")[1] for line in sums.splitlines()} >= {"findings.csv", "findings.json"}
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def test_a_scan_in_a_bucket_is_redacted_beside_it(bucket: Any, scan: Path) -> None:
    for path in scan.rglob("*.*"):
        if path.is_file() and "redacted" not in path.parts:
            bucket.upload_file(str(path), f"s/{path.relative_to(scan).as_posix()}")
    before = keys(bucket)
    assert command("report", f"s3://{BUCKET}/s", "--redact", "--format", "json").exit_code == 0
    names = ("findings.json", "findings.jsonl.gz", "reports.sha256")
    assert keys(bucket) - before == {f"s/redacted/{name}" for name in names}
    text = bucket.Object("s/redacted/findings.json").get()["Body"].read()
    assert b"payments" not in text


def test_a_scan_that_is_gone_on_with_stays_where_it_is_and_may_go_to_a_bucket(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    target = Target("s3://bucket/x", resume=tmp_path)
    assert folder_of(destination_of(target, Settings()), target, now) == tmp_path
    here = Target("here", resume=tmp_path)
    with pytest.raises(UsageError, match="cannot be combined with --out"):
        folder_of(destination_of(here, Settings()), here, now)
    new = Target(None)
    assert folder_of(destination_of(new, Settings()), new, now) == Path("audit-20261122T000000Z")


def test_a_bundle_in_a_bucket_is_judged(bucket: Any, bundle: Path, tmp_path: Path) -> None:
    for path in bundle.rglob("*.json*"):
        bucket.upload_file(str(path), f"b/{path.relative_to(bundle).as_posix()}")
    refused = command("evaluate", f"s3://{BUCKET}/b", "--controls", "vault-locked", "--format", "json")
    assert refused.exit_code == 2
    options = ("--controls", "vault-locked", "--out", tmp_path / "o", "--format", "json")
    assert command("evaluate", f"s3://{BUCKET}/b", *options).exit_code == 0
    assert (tmp_path / "o" / "findings.json").is_file()


def test_redacted_reports_go_to_a_bucket(bucket: Any, scan: Path) -> None:
    done = command("report", scan, "--redact", "--out", f"s3://{BUCKET}/shared", "--format", "csv", "-q")
    assert done.exit_code == 0, done.output
    assert keys(bucket) == {
        f"shared/{name}" for name in ("findings.csv", "findings.jsonl.gz", "reports.sha256")
    }


def test_a_bucket_that_is_missing_is_reported_before_the_evaluation(bucket: Any, bundle: Path) -> None:
    del bucket
    place = "s3://nobody-has-this/x"
    done = command("evaluate", bundle, "--controls", "vault-locked", "--out", place, "--format", "json")
    assert done.exit_code == 5
    assert "Bucket nobody-has-this does not exist" in done.output
    assert not list(Path(os.environ["TMPDIR"]).iterdir())


def test_a_folder_is_kept_where_it_is_the_users_own(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.txt").write_text("a")
    goal = Destination(folder=None, place=Place(BUCKET))
    with published(goal, tmp_path / "own", keep=True):
        pass
    assert (tmp_path / "own" / "a.txt").exists()
    with published(goal, tmp_path / "own"):
        pass
    assert not (tmp_path / "own").exists()
    assert keys(bucket) == {"a.txt"}


def test_the_file_says_what_the_command_line_leaves_out() -> None:
    settings = Settings(outputs=OutputSettings(directory="s3://b-u-c/x", kms_key="k", bucket_owner=ACCOUNT))
    goal = destination_of(Target(None), settings, "p")
    assert (goal.place, goal.kms_key, goal.bucket_owner, goal.profile) == (
        Place("b-u-c", "x"), "k", ACCOUNT, "p",
    )  # fmt: skip
    assert destination_of(Target("here", kms_key=None), settings).folder == Path("here")


def test_a_bucket_that_is_only_read_has_an_owner_too() -> None:
    goal = destination_of(Target("here", bucket_owner=ACCOUNT), Settings(), source="s3://bucket/x")
    assert (goal.folder, goal.place, goal.bucket_owner) == (Path("here"), None, ACCOUNT)
    earlier = Target("here", bucket_owner=ACCOUNT, since=("s3://bucket/x",))
    assert destination_of(earlier, Settings()).bucket_owner == ACCOUNT


@pytest.mark.parametrize(
    "target",
    [
        Target("here", kms_key="k"),
        Target(None, bucket_owner=ACCOUNT),
        Target("here", bucket_owner=ACCOUNT),
        Target("s3://bucket/x", bucket_owner="12"),
        Target("s3://B"),
    ],
)
def test_what_cannot_be_meant_is_refused(target: Target) -> None:
    with pytest.raises(UsageError):
        destination_of(target, Settings())


@pytest.mark.slow
def test_a_scan_in_a_bucket_is_verified_and_evaluated_with_its_inputs(
    bundle: Path, bucket: Any, tmp_path: Path
) -> None:
    place, again = f"s3://{BUCKET}/scan", f"s3://{BUCKET}/again"
    options = ("--controls", "vault-locked", "--format", "json")
    assert command("evaluate", bundle, *options, "--out", place).exit_code == 0
    assert "scan/inputs/audit.yaml" in keys(bucket)
    done = command("verify", place, "--format", "json")
    assert done.exit_code == 0, done.output
    results = {check["name"]: check["result"] for check in json.loads(done.stdout)["checks"]}
    assert results["inputs"] == results["findings"] == "ok"
    bucket.Object("scan/inputs/audit.yaml").put(Body=b"controls: [all]")
    assert command("verify", place).exit_code == 6
    whole = tmp_path / "whole"
    shutil.copytree(bundle, whole)
    assert command("evaluate", whole, *options).exit_code == 0
    for path in whole.rglob("*"):
        if path.is_file():
            bucket.Object(f"whole/{path.relative_to(whole).as_posix()}").upload_file(str(path))
    done = command("evaluate", f"s3://{BUCKET}/whole", "--format", "json", "--out", again)
    assert done.exit_code == 0, done.output
    assert "note: Using the inputs of the bundle, inputs/audit.yaml: controls vault-locked." in done.stderr
    done = command("verify", f"s3://{BUCKET}/whole", "--re-perform")
    assert done.exit_code == 0, done.output

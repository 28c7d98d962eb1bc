"""`--since latest` and dated places: what a schedule needs to write the same command every night."""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.cli.scan.destination import dated
from scanner.errors import UsageError
from scanner.storage.place import Place
from scanner.storage.s3 import S3Options, judged_scans
from tests.fakes.bundles import BundleBuilder

BUCKET: Final = "scans-of-acme"
NOW: Final = datetime(2026, 11, 30, 5, 40, 1, tzinfo=UTC)


def evaluate(bundle: Path, *words: str | Path) -> Result:
    fixed = ("--controls", "resource-in-backup-plan", "--format", "json", "-q")
    return CliRunner().invoke(audit, ["evaluate", str(bundle), *fixed, *map(str, words)])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = BundleBuilder(tmp_path_factory.mktemp("bundle"), scan_id="one")
    made.shard().vault("main").volume("vol-1")
    return made.write()


@pytest.fixture(scope="module")
def scan(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans") / "old"
    assert evaluate(bundle, "--out", folder).exit_code == 0
    return folder


def since(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_bytes())["summary"].get("changes")


def test_dates_are_filled_in() -> None:
    assert dated("s3://b/scans/{date}", NOW) == "s3://b/scans/2026-11-30"
    assert dated("scans/{time}", NOW) == "scans/20261130T054001Z"
    assert dated(None, NOW) is None
    with pytest.raises(UsageError, match="dat"):
        dated("scans/{dat}", NOW)


def test_out_may_name_the_date(bundle: Path, tmp_path: Path) -> None:
    assert evaluate(bundle, "--out", tmp_path / "scan-{date}").exit_code == 0
    (made,) = tmp_path.iterdir()
    assert made.name == f"scan-{datetime.now(UTC):%Y-%m-%d}"


def test_the_newest_evaluated_scan_next_to_the_new_one_is_taken(bundle: Path, tmp_path: Path) -> None:
    for name, clock in (("a", "2026-11-23"), ("c", "2026-11-25"), ("b", "2026-11-24")):
        assert evaluate(bundle, "--out", tmp_path / name, "--as-of", clock).exit_code == 0
    shutil.copytree(bundle, tmp_path / "z-only-evidence")
    (tmp_path / "broken").mkdir()
    for name in ("manifest.json", "findings.json"):
        (tmp_path / "broken" / name).write_text("no")
    done = evaluate(bundle, "--out", tmp_path / "new", "--since", "latest", "--as-of", "2026-11-26")
    assert done.exit_code == 0, done.stderr
    assert f"Comparing with {tmp_path / 'c'}" in done.stderr
    assert since(tmp_path / "new")["since"]["evaluated_as_of"].startswith("2026-11-25")


def test_the_first_scan_has_nothing_to_be_compared_with(bundle: Path, tmp_path: Path) -> None:
    done = evaluate(bundle, "--out", tmp_path / "new", "--since", "latest")
    assert (done.exit_code, "There is no earlier scan" in done.stderr) == (0, True)
    assert since(tmp_path / "new") is None


def test_it_may_stand_in_audit_yaml(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text("since: latest\nfail_on: info\n")
    out = tmp_path / "scans"
    assert evaluate(bundle, "--out", out / "a").exit_code == 0
    done = evaluate(bundle, "--out", out / "b", "--config", tmp_path / "audit.yaml")
    assert done.exit_code == 10
    assert since(out / "b") is not None


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def file(s3: Any, folder: Path, prefix: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            s3.upload_file(str(path), BUCKET, f"{prefix}/{path.relative_to(folder).as_posix()}")


def test_the_newest_scan_below_a_prefix_is_taken(
    bucket: Any, bundle: Path, scan: Path, tmp_path: Path
) -> None:
    file(bucket, scan, "nightly/2026-11-29")
    file(bucket, bundle, "nightly/2026-11-30-evidence-only")
    parent = Place(BUCKET, "nightly")
    assert judged_scans(parent, S3Options()) == [Place(BUCKET, "nightly/2026-11-29")]
    assert judged_scans(Place(BUCKET, "empty"), S3Options()) == []
    done = evaluate(bundle, "--out", f"s3://{BUCKET}/nightly/{{date}}", "--since", "latest")
    assert done.exit_code == 0, done.output
    assert f"Comparing with s3://{BUCKET}/nightly/2026-11-29" in done.stderr
    key = f"nightly/{datetime.now(UTC):%Y-%m-%d}/summary.json"
    document = json.loads(bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert document["summary"]["changes"]["since"]["scan_id"] == "one"
    named = evaluate(bundle, "--out", tmp_path / "here", "--since", f"s3://{BUCKET}/nightly/2026-11-29")
    assert (named.exit_code, since(tmp_path / "here") is not None) == (0, True)

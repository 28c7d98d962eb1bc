"""`audit notify`: what would be sent, what is sent, what is closed, and how it ends."""

import gzip
import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from scanner.app.judged import read_judged
from scanner.cli.commands import audit
from scanner.errors import BundleError
from scanner.history.first_seen import NAME, read_first_seen, write_first_seen
from scanner.history.timeline import first_scan
from tests.fakes.bundles import ACCOUNT, AS_OF, REGION, BundleBuilder, refuse, rule, volume_arn
from tests.notify.conftest import aws  # noqa: F401 -- a fixture

CONTROL = "resource-in-backup-plan"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:team"


def scan(
    folder: Path,
    covered: tuple[str, ...],
    volumes: tuple[str, ...],
    days: int,
    *options: str,
    refused: bool = False,
) -> Path:
    """Write a bundle, and judge it as of a day before the clock of the bundles."""
    builder = BundleBuilder(folder, scan_id=folder.name)
    shard = builder.shard()
    resources = [volume_arn(each) for each in covered]
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": resources}])
    for each in volumes:
        shard.volume(each, {"Name": f"name-{each}\n<b>"})
    lines = builder.lines()
    statuses = {REGION: "partial"} if refused else {}
    builder.record(**statuses).write(refuse(lines, "ec2:DescribeVolumes") if refused else lines)
    as_of = (AS_OF - timedelta(days=days)).isoformat()
    words = ["evaluate", str(folder), "--controls", CONTROL, "--format", "json", "--as-of", as_of, "-q"]
    done = CliRunner().invoke(audit, [*words, *options])
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scan(tmp_path_factory.mktemp("scans") / "old", ("vol-1",), ("vol-1", "vol-2", "vol-3"), 3)


@pytest.fixture(scope="module")
def now(old: Path) -> Path:
    volumes = ("vol-1", "vol-2", "vol-4")
    return scan(old.parent / "now", ("vol-1", "vol-2"), volumes, 0, "--since", str(old))


def notify(folder: Path, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(audit, ["notify", str(folder), *words])
    assert done.exit_code == code, (done.stderr, done.exception)
    return done


def requests(folder: Path, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in notify(folder, "--dry-run", *words).stdout.splitlines()]


def findings(folder: Path, *words: str) -> dict[str, dict[str, Any]]:
    """Return what would be imported, by the volume that it concerns."""
    calls = requests(folder, "--security-hub", *words)
    assert all((each["account"], each["region"]) == (ACCOUNT, REGION) for each in calls)
    imported = [finding for each in calls for finding in each["parameters"]["Findings"]]
    return {each["Resources"][0]["Id"].rpartition("/")[2]: each for each in imported}


def test_a_dry_run_prints_every_request_and_needs_no_credentials(now: Path, old: Path) -> None:
    calls = requests(now, "--topic", TOPIC, "--event-bus", "audits", "--security-hub", "--since", str(old))
    assert [each["call"] for each in calls] == [
        "events:PutEvents",
        "sns:Publish",
        "securityhub:BatchImportFindings",
    ]
    event = json.loads(calls[0]["parameters"]["Entries"][0]["Detail"])
    assert (event["scan_id"], event["since"]["scan_id"]) == ("now", "old")
    assert event["address"] == str(now.resolve())
    assert [each["subject"] for each in event["new"]] == [volume_arn("vol-4")]
    assert [each["subject"] for each in event["fixed"]] == [volume_arn("vol-2")]
    message = calls[1]["parameters"]["Message"]
    assert f"Resource: {volume_arn('vol-4')} (name-vol-4 <b>)" in message
    assert "To do:" in message


def test_a_scan_that_was_compared_is_sent_again_without_the_earlier_one(now: Path) -> None:
    (call,) = requests(now, "--topic", TOPIC)
    assert call["parameters"]["Subject"] == "Vaultproof: 1 new failed check, worst severity critical"


def test_security_hub_is_told_what_is_open_and_what_is_closed(now: Path, old: Path) -> None:
    imported = findings(now, "--since", str(old))
    assert set(imported) == {"vol-2", "vol-3", "vol-4"}
    states = {name: (each["RecordState"], each["Compliance"]["Status"]) for name, each in imported.items()}
    assert states == {
        "vol-2": ("ARCHIVED", "PASSED"),
        "vol-3": ("ARCHIVED", "NOT_AVAILABLE"),
        "vol-4": ("ACTIVE", "FAILED"),
    }
    assert (
        imported["vol-3"]["UpdatedAt"]
        == imported["vol-4"]["CreatedAt"]
        == AS_OF.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    )


def test_what_could_not_be_read_is_never_closed(tmp_path: Path, old: Path) -> None:
    blind = scan(tmp_path / "blind", ("vol-1",), (), 0, refused=True)
    imported = findings(blind, "--since", str(old))
    assert not [name for name, each in imported.items() if each["RecordState"] == "ARCHIVED"]


def test_a_finding_keeps_the_time_when_it_was_first_seen(tmp_path: Path, old: Path) -> None:
    middle = scan(tmp_path / "middle", ("vol-1",), ("vol-1", "vol-2"), 1)
    last = scan(tmp_path / "last", ("vol-1",), ("vol-1", "vol-2", "vol-5"), 0)
    imported = findings(last, "--since", str(middle), "--before", str(old))
    first = (AS_OF - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert imported["vol-2"]["CreatedAt"] == imported["vol-2"]["FirstObservedAt"] == first
    assert imported["vol-5"]["CreatedAt"] == imported["vol-5"]["UpdatedAt"]


def test_the_time_is_carried_from_scan_to_scan(tmp_path: Path, old: Path) -> None:
    middle = scan(tmp_path / "middle", ("vol-1",), ("vol-1", "vol-2"), 1)
    scans = read_judged(old)
    first = first_scan(scans)
    write_first_seen(middle, read_judged(middle), first)
    name_first_seen(middle)
    last = scan(tmp_path / "last", ("vol-1",), ("vol-1", "vol-2"), 0)
    imported = findings(last, "--since", str(middle))
    assert imported["vol-2"]["CreatedAt"].startswith((AS_OF - timedelta(days=3)).date().isoformat())
    assert read_first_seen(middle) == first


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"[]"), gzip.compress(b'{"times": []}')],
    ids=["not gzip", "a list", "times as a list"],
)
def test_a_file_of_first_times_that_is_broken_is_named(tmp_path: Path, old: Path, content: bytes) -> None:
    broken = copytree(old, tmp_path / "broken")
    (broken / NAME).write_bytes(content)
    name_first_seen(broken)
    with pytest.raises(BundleError, match=r"first-seen\.json\.gz cannot be read"):
        read_first_seen(broken)


def name_first_seen(folder: Path) -> None:
    """Name the file in the manifest, as a scan does that imports its findings into Security Hub."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][NAME] = sha256((folder / NAME).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.usefixtures("aws")
def test_what_is_sent_and_to_whom_is_printed(now: Path) -> None:
    topic = boto3.client("sns", REGION).create_topic(Name="team")["TopicArn"]
    done = notify(now, "--topic", topic, "--event-bus", "default")
    assert done.stderr.splitlines()[-2:] == ["EventBridge: sent.", "SNS: sent."]


@pytest.mark.usefixtures("aws")
def test_a_failure_is_one_line_and_ends_with_5(now: Path) -> None:
    before = {path: path.read_bytes() for path in now.rglob("*") if path.is_file()}
    done = notify(now, "--topic", TOPIC, "-q", code=5)
    (line,) = [line for line in done.stderr.splitlines() if "SNS" in line]
    assert line.startswith("error: SNS: NotFound")
    assert "audit notify SCAN_DIR" in line
    assert {path: path.read_bytes() for path in now.rglob("*") if path.is_file()} == before


def test_nothing_new_is_said_and_ends_well(tmp_path: Path) -> None:
    alone = scan(tmp_path / "alone", ("vol-1",), ("vol-1", "vol-2"), 0)
    done = notify(alone, "--topic", TOPIC)
    assert "without an earlier scan (--since), it is not known which findings are new" in done.stderr


def test_without_a_target_it_says_how_to_name_one(now: Path) -> None:
    assert "--topic" in notify(now, code=2).stderr


def test_targets_come_from_audit_yaml_and_the_environment(
    now: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "audit.yaml"
    config.write_text(f"notify:\n  topic: {TOPIC}\n  event_bus: audits\n  security_hub: {{}}\n")
    calls = requests(now, "--config", str(config))
    assert [each["target"] for each in calls] == ["EventBridge", "SNS", "Security Hub"]
    monkeypatch.setenv("VAULTPROOF_TOPIC", f"{TOPIC}-2")
    assert requests(now, "--config", str(config))[1]["parameters"]["TopicArn"] == f"{TOPIC}-2"
    monkeypatch.setenv("VAULTPROOF_EVENT_BUS", "other")
    monkeypatch.setenv("VAULTPROOF_SECURITY_HUB", "1")
    calls = requests(now)
    assert [each["target"] for each in calls] == ["EventBridge", "SNS", "Security Hub"]
    assert calls[0]["parameters"]["Entries"][0]["EventBusName"] == "other"

"""One byte or one row is changed in each kind of file: every command that reads the file ends with 6."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.app.notification import record_first_seen
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import ACCOUNT, BundleBuilder, rule, volume_arn

CALLER = b"arn:aws:sts::"
"""A value of the manifest, which has no checksum of its own: the summary has it, too."""

EVIDENCE = (f"evidence/{ACCOUNT}/eu-west-1.jsonl",)
Words = list[str | Path]
Command = Callable[[Path, Path], Words]

COMMANDS: dict[str, Command] = {
    "report": lambda scan, _: ["report", scan, "--format", "csv"],
    "report --out": lambda scan, _: ["report", scan, "--format", "csv", "--out", scan.with_name("out")],
    "report --since": lambda scan, good: ["report", good, "--since", scan, "--format", "csv"],
    "evaluate --since": lambda scan, good: ["evaluate", good, "--force", "--since", scan, "--format", "csv"],
    "diff, old": lambda scan, good: ["diff", scan, good],
    "diff, new": lambda scan, good: ["diff", good, scan],
    "diff --before": lambda scan, good: ["diff", good, good, "--before", scan],
    "query facts": lambda scan, _: ["query", scan, "FROM resource"],
    "query inventory": lambda scan, _: ["query", scan, "FROM vaults"],
    "query findings": lambda scan, _: ["query", scan, "FROM findings"],
    "explain": lambda scan, _: ["explain", scan, volume_arn("vol-1")],
    "explain --show-evidence": lambda scan, _: ["explain", scan, volume_arn("vol-1"), "--show-evidence"],
    "notify": lambda scan, _: ["notify", scan, "--security-hub", "--dry-run"],
    "notify --since": lambda scan, good: ["notify", good, "--since", scan, "--security-hub", "--dry-run"],
    "blast-radius": lambda scan, _: ["blast-radius", scan],
    "blast-radius NODE": lambda scan, _: ["blast-radius", scan, "main"],
    "graph": lambda scan, _: ["graph", scan, "--format", "json"],
}
JUDGED = (
    *("report", "report --out", "report --since", "evaluate --since", "diff, old", "diff, new"),
    *("diff --before", "query findings", "notify", "notify --since", "blast-radius"),
)
READ: dict[str, tuple[str, ...]] = {
    "manifest.json": JUDGED,
    f"findings/{ACCOUNT}.parquet": (*JUDGED, "explain", "explain --show-evidence"),
    "findings.jsonl.gz": (*JUDGED, "explain", "explain --show-evidence"),
    f"facts/resource/{ACCOUNT}.parquet": (*JUDGED, "query facts", "explain", "explain --show-evidence"),
    f"facts/rule/{ACCOUNT}.parquet": (*JUDGED, "blast-radius NODE", "graph"),
    "inventory/vaults.parquet": ("query inventory", "blast-radius", "blast-radius NODE", "graph"),
    "inventory/protection_groups.parquet": ("blast-radius", "blast-radius NODE", "graph"),
    "summary.json": (*JUDGED, "explain", "explain --show-evidence"),
    "reports.sha256": (*JUDGED, "explain", "explain --show-evidence"),
    "first-seen.json.gz": ("notify", "notify --since"),
    EVIDENCE[0]: ("explain --show-evidence",),
}
"""The commands that read a file, by its name."""


def run(words: Words) -> Result:
    return CliRunner().invoke(audit, list(map(str, words)))


def judge(folder: Path) -> Path:
    judgement = Judgement(controls=load_controls(("resource-in-backup-plan",)))
    evaluate(
        folder, folder, judgement, (), before_manifest=lambda view: record_first_seen(folder, view, None)
    )
    return folder


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed") / "scan"
    bundle = BundleBuilder(folder)
    shard = bundle.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    bundle.record().write()
    named = {path: sha256((folder / path).read_bytes()).hexdigest() for path in EVIDENCE}
    bundle.manifest |= {"files": named, "caller": {"arn": "arn:aws:sts::1:assumed-role/x", "account": "1"}}
    return judge(bundle.write())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_scan_that_is_unchanged_is_read(judged: Path, tmp_path: Path, command: str) -> None:
    scan, good = copytree(judged, tmp_path / "scan"), copytree(judged, tmp_path / "good")
    done = run(COMMANDS[command](scan, good))
    assert done.exit_code == 0, (done.output, done.exception)


def one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.find(CALLER) if CALLER in content else len(content) // 2] ^= 1
    path.write_bytes(content)


def one_row(path: Path) -> None:
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        rows = table.to_pylist()
        pq.write_table(pa.Table.from_pylist(rows[1:], table.schema), path, store_schema=False)
    else:
        path.write_bytes(path.read_bytes() + b"\n")


@pytest.mark.parametrize("change", [one_byte, one_row])
@pytest.mark.parametrize("name", READ)
def test_a_changed_file_is_refused(
    judged: Path, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    scan, good = copytree(judged, tmp_path / "scan"), copytree(judged, tmp_path / "good")
    if name == "manifest.json" and change is one_row:
        pytest.skip("a line end is not part of a document")
    change(scan / name)
    accepted = []
    for command in READ[name]:
        done = run(COMMANDS[command](scan, good))
        if done.exit_code != 6:
            accepted.append((command, done.exit_code, done.output[-300:]))
    assert not accepted


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_was_not_evaluated_is_refused(judged: Path, tmp_path: Path, command: str) -> None:
    good = copytree(judged, tmp_path / "good")
    bundle = BundleBuilder(tmp_path / "bundle")
    bundle.shard().settings().volume("vol-1")
    scan = bundle.write()
    done = run(COMMANDS[command](scan, good))
    assert done.exit_code == 6
    assert "audit evaluate" in done.output.replace("\n", " ")

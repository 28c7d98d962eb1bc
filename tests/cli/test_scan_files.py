"""Commands that read a judged scan check its files against the manifest, and name the one that differs."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from shutil import copy, copytree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.cli.commands import audit
from scanner.evaluate.controls.loader import load_controls
from tests.fakes.bundles import ACCOUNT, OTHER, BundleBuilder, rule, volume_arn

FACTS = f"facts/resource/{ACCOUNT}.parquet"
REPORTS = "reports.sha256"
SCHEMA_1 = Path(__file__).parents[1] / "data" / "scan_schema_1"

COMMANDS: dict[str, Callable[[Path, Path], list[str | Path]]] = {
    "report": lambda scan, _: ["report", scan, "--format", "csv"],
    "explain": lambda scan, _: ["explain", scan, volume_arn("vol-1")],
    "query": lambda scan, _: ["query", scan, "SELECT count(*) FROM resource"],
    "diff": lambda scan, good: ["diff", scan, good],
    "diff, new": lambda scan, good: ["diff", good, scan],
    "diff --before": lambda scan, good: ["diff", good, good, "--before", scan],
    "report --since": lambda scan, good: ["report", good, "--since", scan, "--format", "csv"],
    "report --before": lambda scan, good: [
        *("report", good, "--since", copytree(good, scan.with_name("former")), "--before", scan),
        *("--format", "csv"),
    ],
}
READERS_OF_FACTS = ("report", "explain", "query")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)))


def judged(folder: Path, *volumes: str) -> Path:
    bundle = BundleBuilder(folder, scan_id=folder.name)
    shard = bundle.shard().settings().vault("main")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    for volume in volumes:
        shard.volume(volume)
    bundle.shard(OTHER).settings().volume("vol-9")
    bundle.write()
    evaluate(folder, folder, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return judged(tmp_path_factory.mktemp("judged") / "good", "vol-1", "vol-2")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return judged(tmp_path_factory.mktemp("judged") / "foreign", "vol-1")


def state(scan: Path, name: str) -> None:
    """Let manifest, summary and the checksums of reports state the SHA-256 that a file has now."""
    summary = json.loads((scan / "summary.json").read_bytes())
    summary["scan"]["files"][name] = digest(scan / name)
    (scan / "summary.json").write_text(json.dumps(summary))
    ending = "  summary.json"
    lines = (scan / REPORTS).read_text().splitlines()
    changed = [digest(scan / "summary.json") + ending if line.endswith(ending) else line for line in lines]
    (scan / REPORTS).write_text("\n".join(changed) + "\n")
    manifest = json.loads((scan / "manifest.json").read_bytes())
    manifest["files"] |= {file: digest(scan / file) for file in (name, REPORTS) if file in manifest["files"]}
    (scan / "manifest.json").write_text(json.dumps(manifest))


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def removed(scan: Path, _: Path) -> str:
    (scan / FACTS).unlink()
    return f"{FACTS} is missing"


def added(scan: Path, _: Path) -> str:
    name = "facts/resource/333333333333.parquet"
    copy(scan / FACTS, scan / name)
    return f"{name} is not named"


def added_of_schema_1(scan: Path, _: Path) -> str:
    copy(SCHEMA_1 / "facts" / "resource.parquet", scan / "facts")
    return "facts/resource.parquet is not named"


def exchanged(scan: Path, foreign: Path) -> str:
    copy(foreign / FACTS, scan / FACTS)
    return f"{FACTS} is not the file"


def cut_off(scan: Path, _: Path) -> str:
    (scan / FACTS).write_bytes((scan / FACTS).read_bytes()[:-9])
    return f"{FACTS} is not the file"


def of_unknown_schema(scan: Path, _: Path) -> str:
    text = (scan / "manifest.json").read_text()
    (scan / "manifest.json").write_text(text.replace("manifest/2", "manifest/3"))
    return "manifest.json: the schema is neither"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("change", [removed, added, added_of_schema_1, exchanged, cut_off, of_unknown_schema])
def test_what_is_not_the_scan_of_the_manifest_is_named(
    good: Path, foreign: Path, tmp_path: Path, command: str, change: Callable[[Path, Path], str]
) -> None:
    scan = copytree(good, tmp_path / "scan")
    message = change(scan, foreign)
    done = run(*COMMANDS[command](scan, good))
    assert (done.exit_code, message in " ".join(done.output.split())) == (6, True), done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_whole_scan_is_read(good: Path, tmp_path: Path, command: str) -> None:
    done = run(*COMMANDS[command](copytree(good, tmp_path / "scan"), copytree(good, tmp_path / "good")))
    assert done.exit_code == 0, done.output


def without_a_column(table: pa.Table) -> pa.Table:
    return table.drop_columns(["covered"])


def with_another_type(table: pa.Table) -> pa.Table:
    numbers = pa.array(range(table.num_rows), pa.int64())
    return table.set_column(table.schema.get_field_index("subject"), "subject", numbers)


@pytest.mark.parametrize("command", READERS_OF_FACTS)
@pytest.mark.parametrize("change", [without_a_column, with_another_type])
def test_a_part_with_other_columns_is_named_though_its_checksum_is_stated(
    good: Path, tmp_path: Path, command: str, change: Callable[[pa.Table], pa.Table]
) -> None:
    scan = copytree(good, tmp_path / "scan")
    pq.write_table(change(pq.read_table(scan / FACTS)), scan / FACTS)
    state(scan, FACTS)
    done = run(*COMMANDS[command](scan, good))
    assert done.exit_code == 6, done.output
    assert f"{FACTS} has other columns than the manifest lists" in " ".join(done.output.split())


@pytest.mark.parametrize("command", ["report", "explain", "diff", "report --since"])
def test_findings_with_other_columns_are_named(good: Path, tmp_path: Path, command: str) -> None:
    scan = copytree(good, tmp_path / "scan")
    name = f"findings/{ACCOUNT}.parquet"
    pq.write_table(pq.read_table(scan / name).drop_columns(["reason"]), scan / name)
    state(scan, name)
    done = run(*COMMANDS[command](scan, good))
    assert (done.exit_code, f"{name} has other columns" in " ".join(done.output.split())) == (6, True)


@pytest.mark.parametrize("command", ["report", "explain", "diff", "report --since"])
def test_findings_of_another_scan_are_named(good: Path, foreign: Path, tmp_path: Path, command: str) -> None:
    scan = copytree(good, tmp_path / "scan")
    name = next(iter(sorted(name for name in files_of(good) if name.startswith("findings"))))
    copy(foreign / name, scan / name)
    done = run(*COMMANDS[command](scan, good))
    assert (done.exit_code, f"{name} is not the file" in " ".join(done.output.split())) == (6, True)


def test_a_query_reads_no_inventory_of_another_scan(good: Path, foreign: Path, tmp_path: Path) -> None:
    scan = copytree(good, tmp_path / "scan")
    copy(foreign / "inventory" / "resources.parquet", scan / "inventory")
    done = run("query", scan, "SELECT * FROM resources")
    assert (done.exit_code, "inventory/resources.parquet is not the file" in done.output) == (6, True)
    assert run("query", scan, "SELECT * FROM plans").exit_code == 0


def files_of(scan: Path) -> dict[str, str]:
    files: dict[str, str] = json.loads((scan / "manifest.json").read_bytes())["files"]
    return files


def test_the_manifest_names_every_file_of_a_judged_scan(good: Path) -> None:
    document = json.loads((good / "manifest.json").read_bytes())
    there = {path.relative_to(good).as_posix() for path in good.rglob("*.parquet")}
    assert document["schema"] == "backup-audit/manifest/2"
    assert there <= files_of(good).keys()
    assert {name.split("/")[0] for name in there} >= {"facts", "inventory"}
    assert {f"facts/resource/{account}.parquet" for account in (ACCOUNT, OTHER)} <= there
    assert "facts/resource" in document["columns"]


def test_a_name_that_leads_out_of_the_scan_is_refused(good: Path, tmp_path: Path) -> None:
    scan = copytree(good, tmp_path / "scan")
    copy(good / FACTS, tmp_path / "x.parquet")
    document = json.loads((scan / "manifest.json").read_bytes())
    document["files"]["facts/../../x.parquet"] = "0" * 64
    (scan / "manifest.json").write_text(json.dumps(document))
    done = run("report", scan, "--format", "csv")
    assert (done.exit_code, "not a file of a scan" in done.output) == (6, True)


def test_a_scan_of_schema_1_is_read_as_before(tmp_path: Path) -> None:
    scan = copytree(SCHEMA_1, tmp_path / "scan")
    assert run("report", scan, "--format", "json").exit_code == 0
    summary = json.loads((scan / "findings.json").read_bytes())["summary"]["controls"]
    statuses = {control: {k: n for k, n in counts.items() if n} for control, counts in summary.items()}
    assert statuses == {
        "account-region-assessed": {"pass": 4},
        "copy-destination-exists": {"pass": 1},
        "plan-frequency-and-retention": {"pass": 1},
        "recovery-point-retention": {"pass": 2},
        "resource-backed-up-recently": {"pass": 1, "fail": 4},
        "resource-cross-account-copy": {"fail": 2, "not_applicable": 3},
        "resource-in-backup-plan": {"pass": 2, "fail": 3},
        "vault-locked": {"fail": 2, "not_applicable": 1},
    }
    chain = json.loads(run("explain", scan, "vol-1", "--format", "json", "--bundle", scan).stdout)["chain"]
    # Scans of schema 1 have no protection groups, which name the selection.
    labels = ["A selection of daily", "Loss scenarios", "Encryption", "Other unknown data"]
    assert (chain["verdict"], [child["label"] for child in chain["children"]]) == ("holds", labels)
    changes = run("diff", SCHEMA_1, scan).stdout
    assert [line.split()[-1] for line in changes.splitlines()[1:]] == ["11", "15"]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT status, count(*) AS n FROM findings GROUP BY ALL ORDER BY ALL",
            [("fail", 11), ("not_applicable", 4), ("pass", 11)],
        ),
        (
            "SELECT account, count(*) FILTER (covered) AS n FROM resource GROUP BY ALL ORDER BY ALL",
            [(ACCOUNT, 2), (OTHER, 0)],
        ),
        # Columns that the version did not have are not known.
        ("SELECT count(*) AS n, count(size_gib) AS sizes FROM resource", [(5, 0)]),
        ("SELECT size_gib, count(*) AS n FROM recovery_points GROUP BY ALL", [(None, 2)]),
        ("SELECT count(*) AS n FROM gaps", [(7,)]),
        ("SELECT count(*) AS n FROM recovery_points", [(2,)]),
    ],
)
def test_a_scan_of_schema_1_is_queried(sql: str, rows: list[tuple[object, ...]]) -> None:
    done = run("query", SCHEMA_1, sql, "--format", "json")
    assert [tuple(row.values()) for row in json.loads(done.stdout)] == rows


@pytest.mark.parametrize("command", READERS_OF_FACTS)
@pytest.mark.parametrize("change", ["removed", "changed"])
def test_what_a_scan_of_schema_1_names_is_checked_too(tmp_path: Path, command: str, change: str) -> None:
    scan = copytree(SCHEMA_1, tmp_path / "scan")
    file = scan / "facts" / "resource.parquet"
    if change == "removed":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"PAR1")
    done = run(*COMMANDS[command](scan, SCHEMA_1))
    assert (done.exit_code, "facts/resource.parquet is" in " ".join(done.output.split())) == (6, True)


def test_a_scan_of_schema_1_may_have_files_that_it_does_not_name(tmp_path: Path) -> None:
    scan = copytree(SCHEMA_1, tmp_path / "scan")
    document = json.loads((scan / "manifest.json").read_bytes())
    del document["files"]["facts/resource.parquet"]
    (scan / "manifest.json").write_text(json.dumps(document))
    assert run("explain", scan, volume_arn("vol-1")).exit_code == 0
    assert run("query", scan, "SELECT count(*) FROM resource").exit_code == 0


def test_an_evaluation_into_a_scan_of_schema_1_leaves_nothing_of_it(tmp_path: Path) -> None:
    scan = copytree(SCHEMA_1, tmp_path / "scan")
    evaluate(scan, scan, Judgement(controls=load_controls(("resource-in-backup-plan",))), ())
    assert not list((scan / "facts").glob("*.parquet"))
    assert run("explain", scan, volume_arn("vol-1")).exit_code == 0


def test_an_evaluation_that_fails_leaves_the_scan_as_it_was(good: Path, tmp_path: Path) -> None:
    scan = copytree(good, tmp_path / "scan")
    before = {path: path.read_bytes() for path in scan.rglob("*") if path.is_file()}
    evidence = scan / "evidence" / OTHER / "eu-west-1.jsonl"
    evidence.write_text(evidence.read_text() + "{")
    done = run("evaluate", scan, "--controls", "vault-locked", "--format", "json", "--force")
    assert done.exit_code == 6
    del before[evidence]
    evidence.unlink()
    assert {path: path.read_bytes() for path in scan.rglob("*") if path.is_file()} == before

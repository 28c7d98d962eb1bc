"""Whatever the number of processes: the same tables, gaps and reconciliation to the byte; errors as ever."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from scanner.errors import BundleError, OutputError
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.needs import affected_controls
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.judging.passes import tasks
from scanner.judging.tables import Tables, write_tables
from scanner.judging.worker_pool import WORTH, workers_for
from scanner.model.facts import TABLES
from scanner.storage.parquet import open_parquet
from tests.fakes.bundles import REGION, BundleBuilder

SAMPLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
ASKED = ("resource-in-backup-plan", "account-effective-policy-valid")


def write(folder: Path, out: Path, workers: int) -> Tables:
    bundle = Bundle(folder)
    controls = tuple(control for control in load_controls() if control.id in ASKED)
    request = FactsRequest(
        as_of=bundle.manifest.evaluated_as_of, affected_controls=affected_controls(controls)
    )
    return write_tables(bundle, out, request, workers)


def tables_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


@dataclass(frozen=True, slots=True)
class Written:
    out: Path
    tables: Tables


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Written:
    out = tmp_path_factory.mktemp("alone")
    return Written(out, write(SAMPLE, out, 1))


@pytest.mark.parametrize("workers", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_several_processes_write_what_one_does(
    alone: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(aside))
    assert write(SAMPLE, tmp_path / "out", workers) == alone.tables
    assert tables_in(tmp_path / "out") == tables_in(alone.out)
    assert {"facts/account/111111111111.parquet", "inventory/accounts.parquet"} <= tables_in(alone.out).keys()
    assert not list(aside.iterdir())


@pytest.mark.parametrize("table", TABLES)
def test_facts_lie_in_the_order_of_findings(alone: Written, table: str) -> None:
    found = open_parquet(alone.out / "facts", table, TABLES[table]).to_table(["account", "region", "subject"])
    rows = [tuple(row.values()) for row in found.to_pylist()]
    assert rows
    assert rows == sorted(rows)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    built = BundleBuilder(tmp_path / "bundle")
    built.account()
    built.shard().complete()
    built.shard(region="us-east-1").complete()
    return built.write()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_corrupt_bundle_is_told_as_ever(small: Path, tmp_path: Path, workers: int) -> None:
    file = next(small.glob(f"evidence/*/{REGION}.jsonl"))
    file.write_text("{", "utf-8")
    with pytest.raises(BundleError, match=file.name):
        write(small, tmp_path / "out", workers)
    assert not list((tmp_path / "out").rglob("*.p*"))


def test_a_folder_for_temporary_files_that_is_missing_is_told(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="SQLITE_TMPDIR"):
        write(small, tmp_path / "out", 2)


@pytest.mark.parametrize("odd", [5, 30])
def test_odd_answers_of_an_account_are_read_alike_for_each_of_its_regions(tmp_path: Path, odd: int) -> None:
    """Regions are read by different processes: what one met must decide nothing about the other."""
    folder = with_odd_places(tmp_path, odd)
    alone = write(folder, tmp_path / "alone", 1)
    unplaced = {(gap.region, gap.about) for gap in alone.gaps if gap.operation == "s3:GetBucketLocation"}
    assert {(REGION, "b0"), ("us-west-2", f"b{odd - 1}")} <= unplaced
    assert write(folder, tmp_path / "two", 2) == alone
    assert tables_in(tmp_path / "two") == tables_in(tmp_path / "alone")


def with_odd_places(tmp_path: Path, odd: int) -> Path:
    """Give a bundle whose buckets lie in what is no name of a Region; its checksums vouch for it."""
    built = BundleBuilder(tmp_path / "bundle")
    everywhere = built.account()
    for number in range(odd):
        everywhere.listed("s3:ListBuckets", {"Name": f"b{number}"})
        everywhere.call("s3:GetBucketLocation", {"LocationConstraint": ["x"]}, Bucket=f"b{number}")
    everywhere.listed("iam:ListRoles")
    for region in (REGION, "us-east-1", "us-west-2"):
        built.shard(region=region).complete()
    return vouched(built.write())


def vouched(folder: Path) -> Path:
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    files = folder.glob("evidence/*/*")
    manifest["files"] = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files
    }
    path.write_bytes(orjson.dumps(manifest))
    return folder


def test_small_account_regions_are_judged_together() -> None:
    bundle = Bundle(SAMPLE)
    together = list(tasks(bundle))
    assert [scope for scopes in together for scope in scopes] == list(bundle.scope())
    assert 1 <= len(together) < len(list(bundle.scope()))


def test_a_large_account_region_is_judged_by_itself(small: Path) -> None:
    file = next(small.glob("evidence/*/us-east-1.jsonl"))
    assert [len(scopes) for scopes in tasks(Bundle(small))] == [2]
    file.write_bytes(file.read_bytes() + b" " * (1 << 19))
    assert [len(scopes) for scopes in tasks(Bundle(small))] == [1, 1]


def test_little_evidence_is_judged_by_one_process(small: Path) -> None:
    bundle = Bundle(small)
    assert workers_for(bundle, None) == 1
    assert workers_for(bundle, 2) == 2
    assert workers_for(bundle, 64) == 2  # no more than account-Regions
    file = next(small.glob(f"evidence/*/{REGION}.jsonl"))
    file.write_bytes(b" " * WORTH)
    assert workers_for(bundle, None) == min(2, len(os.sched_getaffinity(0)))

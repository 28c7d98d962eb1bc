"""The two passes give the same tables on one process and on several, and those of `audit evaluate`."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from scanner import app
from scanner.errors import BundleError
from scanner.evaluate.loader import load_controls
from scanner.evaluate.reads import blinds
from scanner.evidence.bundle import Bundle
from scanner.facts.build import FactsRequest
from scanner.inventory.organization import parse_organization
from scanner.judging.passes import judged, look_over
from scanner.model.facts import TABLES
from scanner.model.inventory import Organization
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.reading import Gap
from scanner.model.scan import Reconciliation
from scanner.storage.parquet import ParquetTable
from scanner.storage.spool import Spool
from tests.fakes.bundles import REGION, BundleBuilder

SAMPLE = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"
JUDGEMENT = app.Judgement(controls=load_controls(("resource-in-backup-plan",)))
NOT_OF_A_SHARD = {"account", "accounts", "gaps", "backup_policies", "effective_policies"}


def passes(folder: Path, out: Path, workers: int) -> tuple[list[Gap], list[Reconciliation]]:
    bundle = Bundle(folder)
    organization = bundle.parsed(partial(_organization, bundle))
    request = FactsRequest(as_of=bundle.manifest.evaluated_as_of, blinds=blinds(JUDGEMENT.controls))
    gaps: list[Gap] = []
    reconciliation: list[Reconciliation] = []
    out.mkdir()
    with ExitStack() as stack:
        spool = stack.enter_context(Spool(out / "spool"))
        beyond = look_over(bundle, organization, spool, workers)
        facts = {n: stack.enter_context(ParquetTable(out / "facts", n, row)) for n, row in TABLES.items()}
        inventory = {
            n: stack.enter_context(ParquetTable(out / "inventory", n, row))
            for n, row in INVENTORY_TABLES.items()
        }
        for shard in stack.enter_context(closing(judged(bundle, beyond, request, workers))):
            for tables, rows in ((facts, shard.facts), (inventory, shard.inventory)):
                for name, data in rows.items():
                    tables[name].write_encoded(data)
            gaps += shard.gaps
            reconciliation += shard.reconciliation
    return gaps, reconciliation


def _organization(bundle: Bundle) -> Organization:
    return parse_organization(bundle.organization_answers(), bundle.manifest)


def tables_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*.parquet")}


@dataclass(frozen=True, slots=True)
class Passed:
    out: Path
    gaps: list[Gap]
    reconciliation: list[Reconciliation]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Passed:
    out = tmp_path_factory.mktemp("alone") / "out"
    return Passed(out, *passes(SAMPLE, out, 1))


def test_two_processes_write_what_one_does(alone: Passed, tmp_path: Path) -> None:
    assert passes(SAMPLE, tmp_path / "two", 2) == (alone.gaps, alone.reconciliation)
    assert tables_in(tmp_path / "two") == tables_in(alone.out)


def test_the_tables_are_those_of_audit_evaluate(alone: Passed, tmp_path: Path) -> None:
    scan = app.evaluate(SAMPLE, tmp_path, JUDGEMENT, ()).scan
    theirs, ours = tables_in(tmp_path), tables_in(alone.out)
    assert ours.keys() == theirs.keys()
    different = {Path(name).stem for name, data in theirs.items() if ours[name] != data}
    assert different <= NOT_OF_A_SHARD
    assert set(alone.gaps) <= set(scan.gaps)
    assert tuple(alone.reconciliation) == scan.reconciliation


@pytest.mark.parametrize("workers", [1, 2])
def test_a_corrupt_bundle_is_told_as_ever(tmp_path: Path, workers: int) -> None:
    built = BundleBuilder(tmp_path / "bundle")
    built.account()
    built.shard().complete()
    folder = built.write()
    file = next(folder.glob(f"evidence/*/{REGION}.jsonl"))
    file.write_text("{", "utf-8")
    with pytest.raises(BundleError, match=file.name):
        passes(folder, tmp_path / "out", workers)

"""A made-up bundle is whole, and judged it gives the findings of the sample bundle once for each copy."""

from collections import Counter
from pathlib import Path

import pytest

from bench.bundles import RESOURCES, SAMPLE, bundle_of, copies_for, write_bundle
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.evidence.bundle import Bundle
from scanner.model.known import Known
from scanner.services.organizations import parse_organization
from tests.contract.variants import findings_of

COPIES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(COPIES, folder)
    return folder


def test_copies_follow_from_the_number_of_resources() -> None:
    assert copies_for(1) == 1
    assert copies_for(2_000) * RESOURCES == 2_055
    assert copies_for(10_000) * RESOURCES == 10_001


def test_checksums_and_records_are_right(folder: Path) -> None:
    bundle = Bundle(folder)
    bundle.check()
    for record in bundle.manifest.shards:
        if record.file:
            path = folder / record.file
            assert path.stat().st_size == record.bytes
    assert {str(path.relative_to(folder)) for path in (folder / "evidence").rglob("*.gz")} == {
        record.file for record in bundle.manifest.shards if record.file
    }


def test_it_is_one_organisation_with_all_accounts(folder: Path) -> None:
    bundle, sample = Bundle(folder), Bundle(SAMPLE)
    organization = parse_organization(bundle.organization_answers(), bundle.manifest)
    assert isinstance(organization.management_account, Known)
    assert organization.management_account.value == sample.manifest.scope.management_account
    accounts = {account.id for account in bundle.manifest.accounts}
    assert len(accounts) == COPIES * len(sample.manifest.accounts)
    assert set(organization.accounts) == accounts
    names = {account.name for account in organization.accounts.values()}
    assert len(names) == len(accounts)


def test_no_shard_names_accounts_of_another_copy(folder: Path) -> None:
    bundle = Bundle(folder)
    sample = {account.id for account in Bundle(SAMPLE).manifest.accounts}
    for shard, _ in bundle.scope():
        if shard.account not in sample:
            text = "".join(str(line) for line in bundle.lines(shard))
            assert not [account for account in sample if f":{account}:" in text]


def test_a_bundle_is_written_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = bundle_of(1)
    (folder / "manifest.json").write_text("kept")
    assert bundle_of(RESOURCES) == folder
    assert (folder / "manifest.json").read_text() == "kept"


@pytest.mark.slow
def test_each_copy_gives_the_findings_of_the_sample(folder: Path) -> None:
    judgement = judgement_of(settings_of(None), None, None)
    sample, copied = findings_of(SAMPLE, judgement), findings_of(folder, judgement)
    counts = Counter((finding.control, finding.status) for finding in sample)
    assert Counter((finding.control, finding.status) for finding in copied) == {
        key: number * COPIES for key, number in counts.items()
    }
    assert len({finding.fingerprint for finding in copied}) == len(copied)
    resources = [finding for finding in sample if finding.control == "resource-in-backup-plan"]
    assert len(resources) == RESOURCES

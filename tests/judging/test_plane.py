"""The control plane across machines: JSON that gives the same summaries, and no code to run."""

import gzip
from pathlib import Path
from typing import Final

import pytest

from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle
from scanner.judging.batches import read_plane, write_plane
from scanner.judging.passes import decoded_summary, encoded_summary, summarised
from scanner.model.inventory import Organization
from scanner.services.organizations import parse_organization
from scanner.storage.scratch import Spool

SAMPLE: Final = Path(__file__).resolve().parents[2] / "sample_reports" / "bundle"


def organization() -> Organization:
    bundle = Bundle(SAMPLE)
    return parse_organization(bundle.organization_answers(), bundle.manifest)


def test_a_summary_is_the_same_after_json() -> None:
    shards = list(summarised(Bundle(SAMPLE)))
    assert len(shards) > 10
    for shard in shards:
        assert decoded_summary(encoded_summary(shard.summary)) == shard.summary


def test_files_of_accounts_one_behind_the_other_are_those_of_all(tmp_path: Path) -> None:
    accounts = sorted({shard.account for shard, _ in Bundle(SAMPLE).scope()})
    write_plane(Bundle(SAMPLE), tmp_path / "whole")
    for account in accounts:
        write_plane(Bundle(SAMPLE, (account,)), tmp_path / account)
    joined = b"".join((tmp_path / account).read_bytes() for account in accounts)
    assert gzip.decompress(joined) == gzip.decompress((tmp_path / "whole").read_bytes())


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", *(gzip.compress(line, mtime=0) for line in (b"{", b"[]\n", b'{"summary":{}}\n'))],
    ids=["empty", "no gzip", "no JSON", "no object", "no summary"],
)
def test_a_broken_file_is_a_broken_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plane").write_bytes(content)
    with Spool() as spool:
        if content:
            with pytest.raises(BundleError):
                read_plane(tmp_path / "plane", organization(), spool)
        else:
            assert read_plane(tmp_path / "plane", organization(), spool).load("any") is not None


def test_a_bundle_of_some_accounts_reads_no_others(tmp_path: Path) -> None:
    (tmp_path / "evidence" / "111111111111").mkdir(parents=True)
    for path in [SAMPLE / "manifest.json", *(SAMPLE / "evidence").glob("org.*")]:
        (tmp_path / path.relative_to(SAMPLE)).write_bytes(path.read_bytes())
    for path in (SAMPLE / "evidence" / "111111111111").iterdir():
        (tmp_path / path.relative_to(SAMPLE)).write_bytes(path.read_bytes())
    bundle = Bundle(tmp_path, ("111111111111",))
    bundle.check()
    assert {shard.account for shard, _ in bundle.scope()} == {"111111111111"}
    assert list(bundle.whole_scope()) == list(Bundle(SAMPLE).scope())

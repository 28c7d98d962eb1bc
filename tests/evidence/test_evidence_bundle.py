import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from scanner.errors import BundleError, EmptyScopeError
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import (
    manifest_bytes,
    manifest_document,
    parse_manifest,
    read_manifest,
    rfc3339,
)
from scanner.evidence.reader import shard_file
from scanner.model.inventory import ShardStatus
from scanner.model.names import AccountId, RegionName, Shard
from tests.fakes.bundles import ACCOUNT, FAR, OTHER, REGION, BundleBuilder, facts_of

FOREIGN: dict[str, Any] = {
    "schema": "backup-audit/manifest/1",
    "evaluated_as_of": "2026-11-22T18:00:00Z",
    "scope": {"accounts": [ACCOUNT], "regions": [REGION]},
    "accounts": [{"id": ACCOUNT}],
}
FILE = f"evidence/{ACCOUNT}/{REGION}.jsonl"


def foreign(folder: Path, **changes: Any) -> Path:
    document = {key: value for key, value in (FOREIGN | changes).items() if value != "left out"}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


def test_a_foreign_manifest_needs_its_required_keys_only(tmp_path: Path) -> None:
    manifest = read_manifest(foreign(tmp_path))
    assert manifest.evaluated_as_of == datetime(2026, 11, 22, 18, tzinfo=UTC)
    assert (manifest.scope.accounts, manifest.scope.regions) == ((ACCOUNT,), (REGION,))
    assert [(account.id, account.status, account.name) for account in manifest.accounts] == [
        (ACCOUNT, None, "")
    ]
    assert (manifest.shards, dict(manifest.files), manifest.scope.excluded) == ((), {}, ())


NULLS = (
    "scan_id tool started_at finished_at caller shards source files signature more".split()  # noqa: SIM905
)


def test_null_says_the_same_as_leaving_out(tmp_path: Path) -> None:
    scope = {**FOREIGN["scope"], "organization_id": None, "management_account": None, "excluded": None}
    nulls = {key: None for key in NULLS}  # noqa: C420 -- reads as the manifest does
    accounts = [{"id": ACCOUNT, "name": None, "status": None, "ou_path": None}]
    told = foreign(tmp_path, scope=scope, accounts=accounts, **nulls)
    assert read_manifest(told) == parse_manifest(FOREIGN, tmp_path)


def test_the_end_of_the_collection_is_the_clock_where_no_other_is_given(tmp_path: Path) -> None:
    told = foreign(tmp_path, evaluated_as_of=None, finished_at="2026-11-22T17:00:00Z")
    assert read_manifest(told).evaluated_as_of == datetime(2026, 11, 22, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "backup-audit/manifest/3"}, "schema"),
        ({"schema": "left out"}, "schema"),
        ({"evaluated_as_of": "left out"}, "evaluated_as_of"),
        ({"evaluated_as_of": "today"}, "evaluated_as_of"),
        ({"scope": "left out"}, "scope.accounts"),
        ({"scope": {"regions": [REGION]}}, "scope.accounts"),
        ({"scope": {"accounts": [ACCOUNT]}}, "scope.regions"),
        ({"scope": {"accounts": [111111111111], "regions": [REGION]}}, "accounts"),
        ({"accounts": [{"name": "x"}]}, "id"),
        ({"shards": [{"account": ACCOUNT}]}, "region"),
        ({"shards": [{"account": ACCOUNT, "region": REGION, "status": "done"}]}, "status"),
        ({"shards": [{"account": ACCOUNT, "region": REGION, "file": "/etc/passwd"}]}, "below evidence/"),
        ({"shards": [{"account": ACCOUNT, "region": REGION, "file": "evidence/../x"}]}, "below evidence/"),
        ({"files": {"a": 1}}, "files"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_where(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=f"manifest.*{message}"):
        read_manifest(foreign(tmp_path, **changes))


@pytest.mark.parametrize(
    "scope", [{"accounts": [], "regions": [REGION]}, {"accounts": [ACCOUNT], "regions": []}]
)
def test_an_empty_scope_is_no_broken_bundle(tmp_path: Path, scope: dict[str, Any]) -> None:
    with pytest.raises(EmptyScopeError, match="nothing to judge"):
        read_manifest(foreign(tmp_path, scope=scope))


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b"\xff", b'{"schema": 5}'])
def test_a_broken_manifest_is_a_broken_bundle(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Bundle(tmp_path)


def test_a_missing_manifest_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Name the folder that contains manifest"):
        Bundle(tmp_path)


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    manifest = parse_manifest(
        {
            **FOREIGN,
            "scan_id": "s",
            "tool": {"name": "t", "version": "1"},
            "started_at": "2026-11-22T17:00:00.123Z",
            "caller": {"arn": "a", "account": ACCOUNT},
            "scope": {
                **FOREIGN["scope"],
                "organization_id": "o-1",
                "management_account": OTHER,
                "excluded": [{"account": OTHER, "reason": "SUSPENDED"}],
            },
            "accounts": [{"id": ACCOUNT, "name": "n", "status": "ACTIVE", "ou_path": "o-1/r-1/"}],
            "shards": [{"account": ACCOUNT, "region": REGION, "status": "partial", "calls": 3, "errors": 1}],
            "files": {"findings.jsonl.gz": "aa"},
            "source": {"manifest_sha256": "bb"},
        },
        tmp_path,
    )
    document = json.loads(manifest_bytes(manifest_document(manifest)))
    assert parse_manifest(document, tmp_path) == manifest


def test_instants_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 11, 22, 20, 0, 0, 123456, tzinfo=east)) == "2026-11-22T18:00:00.123Z"
    assert rfc3339(None) is None


# Shards


def statuses(folder: Path) -> dict[Shard, ShardStatus]:
    return dict(Bundle(folder).scope())


def shard(account: str = ACCOUNT, region: str = REGION) -> Shard:
    return Shard(AccountId(account), RegionName(region))


def put(folder: Path, name: str = FILE, content: bytes = b"") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def test_shards_that_the_manifest_does_not_list_are_inferred_from_files(tmp_path: Path) -> None:
    scope = {"accounts": [OTHER, ACCOUNT], "regions": [REGION, FAR]}
    foreign(tmp_path, scope=scope)
    put(tmp_path)
    put(tmp_path, "evidence/org.jsonl")
    put(tmp_path, f"evidence/{OTHER}/{FAR}.jsonl.gz")
    assert list(statuses(tmp_path).items()) == [
        (shard(ACCOUNT, FAR), ShardStatus.MISSING),
        (shard(), ShardStatus.PARTIAL),
        (shard(OTHER, FAR), ShardStatus.PARTIAL),
        (shard(OTHER), ShardStatus.MISSING),
    ]
    regions = {record.region for record in Bundle(tmp_path).manifest.shards}
    assert regions == {REGION, FAR, "org"}


@pytest.mark.parametrize(
    ("told", "with_file", "expected"),
    [
        ("complete", True, ShardStatus.COMPLETE),
        ("partial", True, ShardStatus.PARTIAL),
        (None, True, ShardStatus.PARTIAL),
        ("complete", False, ShardStatus.MISSING),
        ("failed", False, ShardStatus.FAILED),
        ("failed", True, ShardStatus.FAILED),
        ("skipped", False, ShardStatus.SKIPPED),
    ],
)
def test_a_shard_is_as_complete_as_its_file(
    tmp_path: Path, *, told: str | None, with_file: bool, expected: ShardStatus
) -> None:
    foreign(tmp_path, shards=[{"account": ACCOUNT, "region": REGION, "status": told}])
    if with_file:
        put(tmp_path)
    assert statuses(tmp_path) == {shard(): expected}


def test_a_file_that_the_manifest_names_and_that_is_gone_is_a_corrupt_bundle(tmp_path: Path) -> None:
    foreign(tmp_path, shards=[{"account": ACCOUNT, "region": REGION, "status": "complete", "file": FILE}])
    with pytest.raises(BundleError, match=FILE):
        statuses(tmp_path)


def test_excluded_accounts_have_no_shards(tmp_path: Path) -> None:
    scope = {
        "accounts": [ACCOUNT, OTHER],
        "regions": [REGION],
        "excluded": [{"account": OTHER, "reason": "SUSPENDED"}],
    }
    assert set(statuses(foreign(tmp_path, scope=scope))) == {shard()}


def test_a_shard_without_a_file_has_no_answers(tmp_path: Path) -> None:
    bundle = Bundle(foreign(tmp_path))
    assert bundle.answers(shard()).operations == frozenset()
    assert bundle.account_answers(AccountId(ACCOUNT)).operations == frozenset()
    assert bundle.organization_answers().operations == frozenset()


# Checksums


def test_checksums_are_held_against_the_files_where_they_are_given(tmp_path: Path) -> None:
    put(tmp_path, content=b"\n")
    good = hashlib.sha256(b"\n").hexdigest()
    listed = {"account": ACCOUNT, "region": REGION, "status": "complete", "file": FILE}
    Bundle(foreign(tmp_path, shards=[listed])).check()
    Bundle(foreign(tmp_path, shards=[{**listed, "sha256": good}], files={FILE: good})).check()
    for told in ({"shards": [{**listed, "sha256": "00"}]}, {"files": {FILE: "00"}}):
        with pytest.raises(BundleError, match=FILE):
            Bundle(foreign(tmp_path, **told)).check()
    Bundle(foreign(tmp_path, files={"report.html": "00"})).check()


def test_a_file_with_a_checksum_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=FILE):
        Bundle(foreign(tmp_path, files={FILE: "00"})).check()
    with pytest.raises(BundleError, match="cannot be read"):
        file_sha256(tmp_path / "nothing")


# The same evidence, however it is written


def bundle(folder: Path) -> BundleBuilder:
    built = BundleBuilder(folder)
    built.organization(ACCOUNT)
    built.shard().vault("main").volume("vol-1").volume("vol-2").volume("vol-3")
    return built


def test_compressed_and_plain_evidence_say_the_same(tmp_path: Path) -> None:
    plain = facts_of(bundle(tmp_path / "plain").write())
    packed = facts_of(bundle(tmp_path / "packed").write(suffix=".jsonl.gz"))
    assert {table: set(rows) for table, rows in plain.items()} == {t: set(rows) for t, rows in packed.items()}
    assert [row.evidence[0].file for row in packed["resource"].values()] == [FILE + ".gz"] * 3


def test_a_cut_archive_stops_the_evaluation(tmp_path: Path) -> None:
    folder = bundle(tmp_path).write(suffix=".jsonl.gz")
    path = folder / (FILE + ".gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BundleError, match=FILE):
        facts_of(folder)


def test_a_wrong_type_in_an_answer_stops_the_evaluation_and_is_named(tmp_path: Path) -> None:
    built = bundle(tmp_path)
    built.shard().volume("vol-4", State=5)
    with pytest.raises(BundleError, match=rf"{FILE}: line \d+: ec2:DescribeVolumes\.Volumes\[\d\]\.State"):
        facts_of(built.write())


def test_a_plain_file_under_the_name_of_an_archive_is_damaged(tmp_path: Path) -> None:
    folder = bundle(tmp_path).write(suffix=".jsonl.gz")
    path = folder / (FILE + ".gz")
    path.write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(BundleError, match="truncated or damaged"):
        facts_of(folder)


def test_two_files_of_one_shard_are_no_evidence(tmp_path: Path) -> None:
    folder = tmp_path / "evidence" / "111111111111"
    folder.mkdir(parents=True)
    for name in ("eu-west-1.jsonl", "eu-west-1.jsonl.gz"):
        (folder / name).write_bytes(b"")
    shard = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
    with pytest.raises(BundleError, match="both exist"):
        shard_file(tmp_path, shard)


@pytest.mark.parametrize("name", ["..", "../../elsewhere", "a/b", "a\\b", "", "a" * 5000, "a\0b", "\u00e9"])
def test_no_account_or_region_leads_out_of_the_bundle(tmp_path: Path, name: str) -> None:
    for shard in (Shard(AccountId(name), RegionName(REGION)), Shard(AccountId(ACCOUNT), RegionName(name))):
        with pytest.raises(BundleError, match="neither an account id nor a Region"):
            shard_file(tmp_path, shard)


@pytest.mark.parametrize("name", ["evidence/../../secret", "evidence/\0", "evidence/" + "a" * 5000])
def test_no_file_that_a_manifest_names_lies_outside_the_evidence(tmp_path: Path, name: str) -> None:
    shards = [{"account": ACCOUNT, "region": REGION, "file": name}]
    for changes in ({"files": {name: "0" * 64}}, {"shards": shards}):
        with pytest.raises(BundleError, match="not a file below evidence/"):
            read_manifest(foreign(tmp_path, **changes))


@pytest.mark.parametrize("clock", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_clock_at_the_ends_of_the_calendar_is_refused(tmp_path: Path, clock: str) -> None:
    with pytest.raises(BundleError, match="no scan was made then"):
        read_manifest(foreign(tmp_path, evaluated_as_of=clock))


def test_a_shard_that_is_recorded_twice_is_no_record(tmp_path: Path) -> None:
    record = {"account": ACCOUNT, "region": REGION, "status": "skipped"}
    document = {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": [ACCOUNT], "regions": [REGION]},
        "accounts": [{"id": ACCOUNT}],
        "shards": [record, record],
    }
    with pytest.raises(BundleError, match="twice"):
        parse_manifest(document, tmp_path)


def test_what_was_read_counts_for_more_than_a_record_that_it_was_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "evidence" / ACCOUNT
    folder.mkdir(parents=True)
    (folder / f"{REGION}.jsonl").write_bytes(b"")
    manifest = {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": [ACCOUNT], "regions": [REGION, FAR]},
        "accounts": [{"id": ACCOUNT}],
        "shards": [{"account": ACCOUNT, "region": name, "status": "skipped"} for name in (REGION, FAR)],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = {shard.region: status for shard, status in Bundle(tmp_path).scope()}
    assert found == {REGION: ShardStatus.PARTIAL, FAR: ShardStatus.SKIPPED}

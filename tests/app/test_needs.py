"""What a scan collects follows from its controls, formats, tiers and owners."""

import json
from pathlib import Path

import pytest

from scanner.app.criteria import Judgement, load_judgement
from scanner.app.needs import ALWAYS, left_out, needed_reads, reads_of
from scanner.evaluate.needs import unlisted
from scanner.evidence.manifest import parse_reads, reads_document
from scanner.evidence.shape import Shape
from scanner.model.known import ASSUME_ROLE, EvidenceRef, Gap, GapKind
from scanner.model.manifest import CollectMode
from scanner.model.names import AccountId, RegionName
from scanner.services.catalogue import OPERATIONS
from scanner.settings.settings import Settings, load_settings

POINTS = "backup:ListRecoveryPointsByBackupVault"
DESCRIBED = "backup:DescribeProtectedResource"
LISTED = ("resource-in-backup-plan", "vault-locked", "recovery-point-clean")


def judgement(*words: str, settings: Settings | None = None) -> Judgement:
    return load_judgement(settings or Settings(), words, None)[0]


@pytest.mark.parametrize(
    ("control", "needed", "not_needed"),
    [
        ("resource-in-backup-plan", "backup:GetBackupSelection", POINTS),
        ("resource-backed-up-recently", POINTS, DESCRIBED),
        ("restore-tested", DESCRIBED, POINTS),
        ("vault-locked", "backup:ListBackupVaults", "iam:ListRoles"),
        ("selection-role-usable", "iam:ListRoles", "kms:DescribeKey"),
        ("vault-customer-managed-key", "kms:DescribeKey", "backup:GetBackupVaultNotifications"),
        ("account-backup-policy", "organizations:DescribeEffectivePolicy", "backup:ListBackupPlans"),
        ("recovery-point-clean", "backup:GetPITRMalwareScanResults", "backup:ListBackupPlans"),
    ],
)
def test_a_control_needs_what_its_columns_rest_on(control: str, needed: str, not_needed: str) -> None:
    reads = needed_reads(judgement(control))
    assert reads.has(needed)
    assert not reads.has(not_needed)
    assert reads.controls == (control,)


def test_several_controls_need_what_each_needs() -> None:
    both = needed_reads(judgement("vault-locked", "restore-tested")).operations
    alone = (needed_reads(judgement(name)).operations for name in ("vault-locked", "restore-tested"))
    assert set(both) == set().union(*alone)


def test_the_inventory_as_a_format_needs_recovery_points() -> None:
    assert not needed_reads(judgement("vault-notifications"), ("html", "pdf")).has("backup:GetBackupPlan")
    reads = needed_reads(judgement("vault-notifications"), ("inventory",))
    assert reads.has(POINTS)
    assert reads.has("backup:GetBackupPlan")
    assert reads.formats == ("inventory",)


@pytest.mark.parametrize(
    ("operation", "about", "kind", "expected"),
    [
        ("ec2:DescribeVolumes", "", GapKind.REFUSED, {"resource-in-backup-plan"}),
        ("ec2:DescribeVolumes", "", GapKind.HALF_READ, {"resource-in-backup-plan"}),
        ("ec2:DescribeVolumes", "vol-1", GapKind.REFUSED, set()),
        ("backup:ListBackupVaults", "", GapKind.FAILED, {"vault-locked", "recovery-point-clean"}),
        (POINTS, "gold", GapKind.REFUSED, {"recovery-point-clean"}),
        (POINTS, "gold", GapKind.OUT_OF_SCOPE, set()),
        (POINTS, "gold", GapKind.NOT_REPORTED, set()),
        ("backup:GetBackupVaultAccessPolicy", "gold", GapKind.REFUSED, set()),
        (
            ASSUME_ROLE,
            "",
            GapKind.REFUSED,
            {"resource-in-backup-plan", "vault-locked", "recovery-point-clean"},
        ),
    ],
)
def test_a_list_that_was_not_read_may_hide_subjects(
    operation: str, about: str, kind: GapKind, expected: set[str]
) -> None:
    names = (*LISTED, "account-region-assessed")
    gap = Gap(AccountId("111111111111"), RegionName("eu-west-1"), operation, about, kind)
    assert unlisted(judgement(*names).controls, None, [gap]) == expected


OWNERS = "owners:\n  - tag: team\n"
TIERS = """
tiers:
  - name: gold
    match: {tags: {tier: gold}}
    parameters: {restore-tested: {by: type}}
"""


@pytest.mark.parametrize("yaml", [OWNERS, TIERS])
def test_tags_are_read_where_owners_or_tiers_go_by_them(tmp_path: Path, yaml: str) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(yaml, encoding="utf-8")
    assert not needed_reads(judgement("vault-notifications")).has("s3:GetBucketTagging")
    try:
        settings = load_settings(file)
    except Exception as problem:  # noqa: BLE001 -- shows the mistakes
        pytest.fail(str(getattr(problem, "mistakes", problem)))
    assert needed_reads(judgement("vault-notifications", settings=settings)).has("s3:GetBucketTagging")


@pytest.mark.parametrize(
    ("mode", "words", "is_narrow"),
    [
        (None, (), False),
        (None, ("all",), False),
        (None, ("all", "vault-locked"), False),
        (None, ("vault-locked",), True),
        (CollectMode.ALL, ("vault-locked",), False),
        (CollectMode.NEEDED, (), True),
    ],
)
def test_which_scan_collects_everything(
    mode: CollectMode | None, words: tuple[str, ...], *, is_narrow: bool
) -> None:
    reads = reads_of(mode, words, judgement(*words or ("all",)))
    assert (reads is not None) == is_narrow


def test_what_every_scan_reads_has_a_reason_each() -> None:
    named = [operation for group in ALWAYS.values() for operation in group]
    assert len(named) == len(set(named))
    assert set(named) <= OPERATIONS.keys()
    assert all(reason.endswith(".") for reason in ALWAYS)


def test_the_result_goes_through_json() -> None:
    reads = needed_reads(judgement("vault-locked"), ("json",))
    document = json.loads(json.dumps(reads_document(reads)))
    assert parse_reads(Shape(document, "manifest", EvidenceRef("manifest.json", 1))) == reads
    assert reads_document(None) == {}
    assert set(left_out(reads)) == OPERATIONS.keys() - set(reads.operations)
    assert left_out(None) == ()

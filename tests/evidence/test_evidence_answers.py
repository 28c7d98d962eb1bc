"""Which line counts: responses and errors, later and earlier ones, pages in any order."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import BundleError
from scanner.evidence.answers import Answers, pagination
from scanner.model.known import GapKind, Known, Unread
from tests.fakes.bundles import LISTS, Line, answers_of

VAULTS = "backup:ListBackupVaults"
POLICY = "backup:GetBackupVaultAccessPolicy"


def line(
    name: str = VAULTS,
    response: dict[str, Any] | None = None,
    *,
    error: str = "",
    at: str = "2026-11-22T18:00:00Z",
    **parameters: Any,
) -> Line:
    service, _, operation = name.partition(":")
    told: Line = {"service": service, "operation": operation, "parameters": parameters, "at": at}
    if error:
        return {**told, "error": {"code": error, "message": "no", "status": 400}}
    return {**told, "response": response or {}}


def policy_text(lines: list[Line]) -> str | None:
    answer = answers_of(lines).one(POLICY, BackupVaultName="v")
    assert answer.gap is None
    return answer.pages[0].text("Policy")


def policy_line(text: str, at: str) -> Line:
    return line(POLICY, {"Policy": text}, at=at, BackupVaultName="v")


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-11-22T18:00:00Z", "2026-11-22T18:00:01Z"),
        ("2026-11-22T18:00:00Z", "2026-11-22T18:00:00.500Z"),  # as text, the other way round
        ("2026-11-22T18:00:00.9Z", "2026-11-22T18:00:01Z"),
        ("2026-11-22T18:00:00+02:00", "2026-11-22T17:00:00Z"),
        ("", "2026-11-22T18:00:00Z"),
        ("no instant", "2026-11-22T18:00:00Z"),
    ],
)
def test_of_two_answers_the_later_counts(earlier: str, later: str) -> None:
    old, new = policy_line("old", earlier), policy_line("new", later)
    assert policy_text([old, new]) == policy_text([new, old]) == "new"


def test_two_answers_of_one_instant_count_alike_in_any_order() -> None:
    one, two = (policy_line(text, "2026-11-22T18:00:00Z") for text in ("one", "two"))
    assert policy_text([one, two]) == policy_text([two, one])


@pytest.mark.parametrize("error", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_response_beats_a_later_error(error: str) -> None:
    answered = policy_line("kept", "2026-11-22T18:00:00Z")
    failed = line(POLICY, error=error, at="2026-11-22T19:00:00Z", BackupVaultName="v")
    assert policy_text([answered, failed]) == policy_text([failed, answered]) == "kept"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("backup:GetBackupVaultAccessPolicy", "ResourceNotFoundException"),
        ("backup:GetBackupVaultNotifications", "ResourceNotFoundException"),
        ("backup:GetBackupVaultNotifications", "ERROR_2106"),
        ("backup:DescribeProtectedResource", "ResourceNotFoundException"),
        ("organizations:DescribeEffectivePolicy", "EffectivePolicyNotFoundException"),
        ("s3:GetBucketTagging", "NoSuchTagSet"),
        ("s3:GetBucketEncryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("iam:GetRole", "NoSuchEntity"),
    ],
)
def test_errors_that_are_answers(name: str, code: str) -> None:
    answer = answers_of([line(name, error=code, X="v")]).one(name, X="v")
    assert answer.gap is None
    assert answer.absent
    assert answer.pages == ()
    assert [ref.line for ref in answer.refs] == [1]


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("backup:GetBackupVaultAccessPolicy", "AccessDeniedException", GapKind.REFUSED),
        ("backup:GetBackupVaultAccessPolicy", "ThrottlingException", GapKind.FAILED),
        ("backup:GetBackupVaultAccessPolicy", "NoSuchTagSet", GapKind.FAILED),
        ("backup:GetBackupPlan", "ResourceNotFoundException", GapKind.FAILED),
        ("s3:GetBucketTagging", "NoSuchBucket", GapKind.FAILED),
        ("s3:GetBucketTagging", "AccessDenied", GapKind.REFUSED),
        ("ec2:DescribeVolumes", "UnauthorizedOperation", GapKind.REFUSED),
        ("ec2:DescribeVolumes", "AuthFailure", GapKind.REFUSED),
        ("ec2:DescribeVolumes", "OptInRequired", GapKind.REFUSED),
    ],
)
def test_every_other_error_is_a_gap(name: str, code: str, kind: GapKind) -> None:
    answer = answers_of([line(name, error=code, X="v")]).one(name, X="v")
    assert answer.gap is not None
    assert (answer.gap.kind, answer.gap.code, answer.gap.about) == (kind, code, "v")
    assert answer.gap.ref is not None
    assert not answer.absent


def test_what_no_line_speaks_of_was_never_asked() -> None:
    answer = answers_of([policy_line("other", "")]).one(POLICY, BackupVaultName="w")
    assert answer.gap is not None
    assert (answer.gap.kind, answer.gap.about) == (GapKind.NEVER_ASKED, "w")


@pytest.mark.parametrize(
    "extra",
    [
        {"VersionId": None},
        {"Tags": []},
        {"Filter": {}},
        {"ExpectedBucketOwner": "111111111111"},
        {"GrantTokens": ["t"]},
        {"DryRun": False},
    ],
)
def test_parameters_that_change_nothing_are_no_other_call(extra: dict[str, Any]) -> None:
    told = line("s3:GetBucketTagging", {"TagSet": []}, Bucket="b", **extra)
    assert answers_of([told]).one("s3:GetBucketTagging", Bucket="b").gap is None


def test_another_version_is_another_call() -> None:
    told = line("backup:GetBackupPlan", {"BackupPlan": {}}, BackupPlanId="p", VersionId="old")
    assert answers_of([told]).one("backup:GetBackupPlan", BackupPlanId="p").gap is not None


# Pages


def page(
    names: list[str],
    token: str | None,
    following: str | None,
    at: str = "2026-11-22T18:00:00Z",
    size: int = 1000,
) -> Line:
    asked = {"MaxResults": size} if token is None else {"MaxResults": size, "NextToken": token}
    more = {} if following is None else {"NextToken": following}
    return line(
        VAULTS, {"BackupVaultList": [{"BackupVaultName": name} for name in names], **more}, at=at, **asked
    )


def names_of(answers: Answers) -> list[str]:
    answer = answers.one(VAULTS)
    return [row.need("BackupVaultName") for each in answer.pages for row in each.children("BackupVaultList")]


def gap_of(answers: Answers) -> GapKind | None:
    gap = answers.one(VAULTS).gap
    return None if gap is None else gap.kind


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.randoms(use_true_random=False), st.data())
def test_pages_join_in_any_order_and_a_missing_one_is_a_gap(
    sizes: list[int], shuffler: random.Random, data: st.DataObject
) -> None:
    tokens = [None, *(f"t{number}" for number in range(1, len(sizes)))]
    lines = [
        page([f"v{number}-{index}" for index in range(size)], token, following, size=number + 1)
        for number, (size, token, following) in enumerate(
            zip(sizes, tokens, [*tokens[1:], None], strict=True)
        )
    ]
    expected = [
        name for each in lines for name in (r["BackupVaultName"] for r in each["response"]["BackupVaultList"])
    ]
    shuffled = list(lines)
    shuffler.shuffle(shuffled)
    whole = answers_of(shuffled)
    assert (gap_of(whole), names_of(whole)) == (None, expected)

    lost = data.draw(st.integers(0, len(lines) - 1))
    left = [each for each in shuffled if each is not lines[lost]]
    gone = {row["BackupVaultName"] for row in lines[lost]["response"]["BackupVaultList"]}
    if not left:
        assert gap_of(answers_of(left)) is GapKind.NEVER_ASKED
        return
    assert gap_of(answers_of(left)) is GapKind.HALF_READ
    assert sorted(names_of(answers_of(left))) == sorted(set(expected) - gone)


@given(
    st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=6), st.randoms(use_true_random=False)
)
def test_chains_of_any_tokens_end_and_do_not_depend_on_order(
    following: list[str], shuffler: random.Random
) -> None:
    lines = [
        page([f"v{number}"], token, after or None)
        for number, (token, after) in enumerate(zip([None, "a", "b", "c", "d", "e"], following, strict=False))
    ]
    shuffled = list(lines)
    shuffler.shuffle(shuffled)
    one, other = answers_of(lines), answers_of(shuffled)
    assert (gap_of(one), names_of(one)) == (gap_of(other), names_of(other))
    ends = "" in following
    walked, token = set(), ""
    while token not in walked and token in ["", "a", "b", "c", "d", "e"][: len(lines)]:
        walked.add(token)
        token = following[["", "a", "b", "c", "d", "e"].index(token)]
        if not token:
            break
    assert (gap_of(one) is None) == (ends and not token)


def test_a_token_that_comes_again_is_half_read() -> None:
    assert gap_of(answers_of([page(["a"], None, "t"), page(["b"], "t", "t")])) is GapKind.HALF_READ


def test_a_page_that_failed_is_the_gap() -> None:
    lines = [page(["a"], None, "t"), line(VAULTS, error="AccessDeniedException", NextToken="t")]
    answers = answers_of(lines)
    assert (gap_of(answers), names_of(answers)) == (GapKind.REFUSED, ["a"])


def test_null_and_empty_tokens_mean_the_first_and_the_last_page() -> None:
    told = line(VAULTS, {"BackupVaultList": [{"BackupVaultName": "a"}], "NextToken": ""}, NextToken=None)
    answers = answers_of([told])
    assert (gap_of(answers), names_of(answers)) == (None, ["a"])


def test_a_second_reading_of_a_list_replaces_the_first() -> None:
    first = [
        page(["a"], None, "t1", "2026-11-22T18:00:00Z"),
        page(["gone"], "t1", None, "2026-11-22T18:00:01Z"),
    ]
    second = [
        page(["a"], None, "u1", "2026-11-22T18:01:00Z"),
        page(["b"], "u1", None, "2026-11-22T18:01:01Z"),
    ]
    for lines in ([*first, *second], [*second, *first]):
        assert (gap_of(answers_of(lines)), names_of(answers_of(lines))) == (None, ["a", "b"])


def test_what_is_left_of_a_second_reading_never_hides_what_the_first_saw() -> None:
    first = [page(["a"], None, "t1", "2026-11-22T18:00:00Z"), page(["b"], "t1", None, "2026-11-22T18:00:01Z")]
    second = [page(["a"], None, "u1", "2026-11-22T18:01:00Z")]
    answers = answers_of([*first, *second])
    assert gap_of(answers) is GapKind.HALF_READ
    assert sorted(names_of(answers)) == ["a", "b"]


def test_lists_of_two_parents_are_two_lists() -> None:
    name = "backup:ListBackupSelections"
    lines = [
        line(name, {"BackupSelectionsList": [], "NextToken": "t"}, BackupPlanId="p"),
        line(name, {"BackupSelectionsList": []}, BackupPlanId="q"),
        line(name, {"BackupSelectionsList": []}, BackupPlanId="q", NextToken="t"),
    ]
    answers = answers_of(lines)
    assert isinstance(answers.read(name, BackupPlanId="p"), Unread)
    assert isinstance(answers.read(name, BackupPlanId="q"), Known)


@pytest.mark.parametrize(("truncated", "gap"), [(False, None), (True, GapKind.HALF_READ)])
def test_a_truncated_list_of_aliases_goes_on(truncated: bool, gap: GapKind | None) -> None:  # noqa: FBT001 -- a row
    told = line("kms:ListAliases", {"Aliases": [], "Truncated": truncated, "NextMarker": "m"}, Limit=50)
    answer = answers_of([told]).one("kms:ListAliases")
    assert (answer.gap.kind if answer.gap else None) is gap


@pytest.mark.parametrize("name", [*LISTS, "dynamodb:ListTagsOfResource"])
def test_every_list_that_is_read_is_known_to_page(name: str) -> None:
    entry = pagination()[name]
    if name in LISTS:
        assert (entry.input, entry.output) == LISTS[name][1:]


@given(st.randoms(use_true_random=False))
def test_narrowed_and_whole_lists_come_in_the_order_of_their_making(shuffler: random.Random) -> None:
    lines = [
        line("ec2:DescribeVolumes", {"Volumes": [{"VolumeId": "a"}]}, at="2026-11-22T18:00:00Z"),
        line(
            "ec2:DescribeVolumes",
            {"Volumes": [{"VolumeId": "a", "State": "newer"}]},
            at="2026-11-22T18:05:00Z",
            VolumeIds=["a"],
        ),
    ]
    shuffler.shuffle(lines)
    states = [
        row.text("State")
        for answer in answers_of(lines).every("ec2:DescribeVolumes")
        for each in answer.pages
        for row in each.children("Volumes")
    ]
    assert states == [None, "newer"]


@pytest.mark.parametrize("place", ["parameters", "response"])
def test_what_is_nested_too_deep_to_compare_is_a_corrupt_bundle(place: str) -> None:
    deep: Any = []
    for _ in range(600):
        deep = [deep]
    told = line(X=deep) if place == "parameters" else line("backup:GetBackupPlan", {"X": deep})
    with pytest.raises(BundleError, match="cannot be compared"):
        answers_of([told, told])

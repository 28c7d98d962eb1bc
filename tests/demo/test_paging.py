"""Lists come in small pages; tokens are checked."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from scanner.demo.story.accounts import FRANKFURT, IRELAND, MANAGEMENT, PRODUCTION, VIRGINIA
from scanner.demo.wire.answer import ApiError
from scanner.demo.wire.call import Call
from scanner.demo.wire.paging import PAGES, Pages, cut

_PLAIN = Pages("Things", size=3)


def _call(**parameters: Any) -> Call:
    return Call("111111111111", "arn", "eu-west-1", "backup", "ListThings", parameters)


def _walk(pages: Pages, everything: list[str], **parameters: Any) -> list[list[str]]:
    seen = []
    while True:
        page = cut(_call(**parameters), pages, {"Things": everything})
        seen.append(page["Things"])
        if pages.next_token not in page:
            return seen
        parameters[pages.token] = page[pages.next_token]


@pytest.mark.parametrize(("length", "expected"), [(0, [0]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_pages_hold_everything_once(length: int, expected: list[int]) -> None:
    everything = [f"thing-{number}" for number in range(length)]
    pages = _walk(_PLAIN, everything)
    assert [len(page) for page in pages] == expected
    assert [thing for page in pages for thing in page] == everything


def test_a_smaller_limit_is_kept_and_a_larger_one_is_not() -> None:
    everything = list("abcdef")
    assert len(cut(_call(MaxResults=2), _PLAIN, {"Things": everything})["Things"]) == 2
    assert len(cut(_call(MaxResults=1000), _PLAIN, {"Things": everything})["Things"]) == 3


def test_a_token_by_name_starts_after_the_name() -> None:
    by_name = Pages("Things", "Limit", "Start", "Last", size=2, by_name=True)
    assert _walk(by_name, list("abcde")) == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U=", "W10="])
def test_an_unknown_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="InvalidParameterValueException"):
        cut(_call(NextToken=token), _PLAIN, {"Things": list("abcdef")})


def test_a_token_of_another_call_is_refused() -> None:
    token = cut(_call(), _PLAIN, {"Things": list("abcdef")})["NextToken"]
    other = Call("111111111111", "arn", "eu-west-1", "backup", "ListOthers", {"NextToken": token})
    with pytest.raises(ApiError):
        cut(other, _PLAIN, {"Things": list("abcdef")})


@pytest.mark.parametrize(
    "call",
    [
        (MANAGEMENT, VIRGINIA, "organizations", "ListAccounts"),
        (PRODUCTION, IRELAND, "backup", "ListBackupPlans"),
        (PRODUCTION, IRELAND, "backup", "ListCopyJobs"),
        (PRODUCTION, IRELAND, "backup", "ListRestoreTestingPlans"),
        (PRODUCTION, IRELAND, "backup", "ListRestoreTestingSelections"),
        (PRODUCTION, IRELAND, "backup", "ListLegalHolds"),
        (PRODUCTION, IRELAND, "backup", "ListFrameworks"),
        (PRODUCTION, IRELAND, "backup", "ListReportPlans"),
        (PRODUCTION, IRELAND, "ec2", "DescribeInstances"),
        (PRODUCTION, IRELAND, "ec2", "DescribeVolumes"),
        (PRODUCTION, IRELAND, "rds", "DescribeDBInstances"),
        (PRODUCTION, IRELAND, "rds", "DescribeDBClusters"),
        (PRODUCTION, IRELAND, "efs", "DescribeFileSystems"),
        (PRODUCTION, IRELAND, "kms", "ListAliases"),
        (PRODUCTION, IRELAND, "resourcegroupstaggingapi", "GetResources"),
    ],
)
def test_paging_really_happens(walk: Any, call: tuple[str, str, str, str]) -> None:
    assert len([key for key in walk.answers if key[:4] == call]) >= 2


_TOKENS = [
    ("backup", "ListBackupVaults", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListBackupPlans", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListBackupJobs", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListCopyJobs", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListRestoreJobs", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListProtectedResources", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListFrameworks", "NextToken", "InvalidParameterValueException"),
    ("backup", "ListLegalHolds", "NextToken", "InvalidParameterValueException"),
    ("iam", "ListRoles", "Marker", "ValidationError"),
    ("ec2", "DescribeVolumes", "NextToken", "InvalidNextToken"),
    ("ec2", "DescribeInstances", "NextToken", "InvalidNextToken"),
    ("rds", "DescribeDBInstances", "Marker", "InvalidParameterValue"),
    ("efs", "DescribeFileSystems", "Marker", "BadRequest"),
    ("kms", "ListAliases", "Marker", "InvalidMarkerException"),
    ("s3", "ListBuckets", "ContinuationToken", "InvalidArgument"),
    ("resourcegroupstaggingapi", "GetResources", "PaginationToken", "PaginationTokenExpiredException"),
]


@pytest.mark.parametrize(("service", "operation", "token", "code"), _TOKENS)
def test_every_service_refuses_an_unknown_token_in_its_own_words(
    walker: Any, service: str, operation: str, token: str, code: str
) -> None:
    client = walker.client(PRODUCTION, service, FRANKFURT)
    with pytest.raises(ClientError) as refused:
        client._make_api_call(operation, {token: "nobody-gave-this-out"})
    assert refused.value.response["Error"]["Code"] == code


def test_every_paged_operation_names_members_that_exist(walk: Any) -> None:
    models = {
        (operation.service_model.service_name, operation.name): operation for operation, *_ in walk.bodies
    }
    for name, pages in PAGES.items():
        if name in models:
            assert pages.items in models[name].output_shape.members
            assert pages.next_token in models[name].output_shape.members
            assert pages.token in models[name].input_shape.members

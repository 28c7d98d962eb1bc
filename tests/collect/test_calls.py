import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.collect.clients import UndeclaredOperationError
from scanner.collect.credentials import acting_for
from scanner.collect.retry import Halted
from scanner.model.names import AccountId
from scanner.services.base import Operation
from tests.fakes.aws import CALLER, FakeAws, Reply, error, xml, xml_error

PLANS = "backup:ListBackupPlans"


def page(token: str | None = None, *plans: str) -> dict[str, Any]:
    body: dict[str, Any] = {"BackupPlansList": [{"BackupPlanId": plan} for plan in plans]}
    return body if token is None else body | {"NextToken": token}


def test_an_answer_is_recorded_as_it_came(aws: FakeAws, caller_of: Any) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    caller, notes = caller_of(clock=lambda: now)
    aws.script["backup:DescribeRegionSettings"] = {"ResourceTypeOptInPreference": {"EBS": True}}
    answer = caller.call("backup", "DescribeRegionSettings")
    assert answer["ResourceTypeOptInPreference"] == {"EBS": True}
    (call,) = notes.calls
    assert (call.service, call.operation, call.parameters) == ("backup", "DescribeRegionSettings", {})
    assert (call.at, call.request_id, call.failure) == (now, "request-1", None)
    assert call.response is answer


def test_pages_are_calls_of_their_own_with_page_size_and_token(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    aws.script[PLANS] = [page("A", "p1"), page("B", "p2"), page(None, "p3")]
    found = [
        plan["BackupPlanId"]
        for answer in caller.pages("backup", "ListBackupPlans")
        for plan in answer["BackupPlansList"]
    ]
    assert found == ["p1", "p2", "p3"]
    assert [call.parameters for call in notes.calls] == [
        {"MaxResults": 1000},
        {"MaxResults": 1000, "NextToken": "A"},
        {"MaxResults": 1000, "NextToken": "B"},
    ]
    assert [request.parameters for request in aws.asked(PLANS)][1] == {"maxResults": "1000", "nextToken": "A"}


@pytest.mark.parametrize("tokens", [("A", "A"), ("A", "B", "A")])
def test_a_token_that_comes_again_ends_the_list_as_an_error(
    aws: FakeAws, caller_of: Any, tokens: tuple[str, ...]
) -> None:
    caller, notes = caller_of()
    aws.script[PLANS] = [page(token) for token in tokens]
    assert len(list(caller.pages("backup", "ListBackupPlans"))) == len(tokens)
    last = notes.calls[-1]
    assert last.failure is not None
    assert last.failure.code == "RepeatedPageToken"
    assert last.parameters["NextToken"] == "A"


def test_tokens_without_end_are_given_up(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of(max_pages=5)
    aws.script[PLANS] = lambda request: page(request.parameters.get("nextToken", "") + "x")
    assert len(list(caller.pages("backup", "ListBackupPlans"))) == 6
    assert notes.calls[-1].failure.code == "EndlessPages"


def test_a_page_that_fails_ends_the_list_and_is_on_record(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    aws.script[PLANS] = [page("A", "p1"), error("AccessDeniedException", 403)]
    assert len(list(caller.pages("backup", "ListBackupPlans"))) == 1
    failure = notes.calls[1].failure
    assert (failure.code, failure.status, failure.attempts) == ("AccessDeniedException", 403, 1)
    assert notes.calls[1].parameters == {"MaxResults": 1000, "NextToken": "A"}
    assert caller.failures[PLANS] == failure


def test_a_last_page_may_still_name_a_marker(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    aws.script["kms:ListAliases"] = {"Aliases": [], "Truncated": False, "NextMarker": "A"}
    assert len(list(caller.pages("kms", "ListAliases"))) == 1
    assert len(notes.calls) == 1


@pytest.mark.parametrize(
    "fault",
    [
        error("ThrottlingException"),
        error("TooManyRequestsException", 429),
        error("InternalServerError", 500),
        error("Oops", 503),
        Reply(b'{"BackupPlansList": [', cut=True),
        Reply(b'{"BackupPlansList": [{"BackupPlanId": "p"'),
        Reply(b""),
        Reply(b"<html>proxy</html>"),
        Reply(b"[]"),
    ],
)
def test_what_passes_is_tried_again(aws: FakeAws, caller_of: Any, fault: Reply) -> None:
    caller, notes = caller_of()
    aws.script[PLANS] = [fault, fault, page(None, "p")]
    assert [len(answer["BackupPlansList"]) for answer in caller.pages("backup", "ListBackupPlans")] == [1]
    assert len(aws.asked(PLANS)) == 3
    assert [call.failure for call in notes.calls] == [None]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (error("ThrottlingException"), "ThrottlingException"),
        (Reply(b'{"BackupPlansList": [{'), "BrokenAnswerError"),
        (Reply(b""), "BrokenAnswerError"),
        (Reply(b"{}", cut=True), "BrokenAnswerError"),
    ],
)
def test_what_does_not_pass_is_a_failure_never_an_empty_list(
    aws: FakeAws, caller_of: Any, fault: Reply, code: str
) -> None:
    caller, notes = caller_of()
    aws.script[PLANS] = fault
    assert list(caller.pages("backup", "ListBackupPlans")) == []
    (call,) = notes.calls
    assert call.response is None
    assert (call.failure.code, call.failure.attempts) == (code, 3)


def test_xml_that_is_cut_off_is_a_failure(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    aws.script["rds:DescribeDBInstances"] = xml("<DBInstances/>", "DescribeDBInstances")[:-20]
    assert list(caller.pages("rds", "DescribeDBInstances")) == []
    assert notes.calls[0].failure.code == "ResponseParserError"


def test_a_refusal_is_not_tried_again(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    aws.script["rds:DescribeDBInstances"] = xml_error("AccessDenied", 403, "go away")
    assert list(caller.pages("rds", "DescribeDBInstances")) == []
    assert len(aws.asked("rds:DescribeDBInstances")) == 1
    assert notes.calls[0].failure.message == "go away"


def test_nothing_is_asked_twice(aws: FakeAws, caller_of: Any) -> None:
    caller, notes = caller_of()
    assert caller.call("backup", "GetBackupPlan", BackupPlanId="p") is not None
    assert caller.call("backup", "GetBackupPlan", BackupPlanId="p") is None
    assert caller.call("backup", "GetBackupPlan", BackupPlanId="q") is not None
    assert len(notes.calls) == len(aws.requests) == 2


def test_a_name_that_cannot_be_asked_for_is_a_failure(caller_of: Any) -> None:
    caller, notes = caller_of()
    assert caller.call("dynamodb", "DescribeTable", TableName="") is None
    assert caller.call("backup", "GetBackupPlan", BackupPlanId="\udc80/../x") is None
    assert [call.failure is not None for call in notes.calls] == [True, True]


def test_an_operation_that_nobody_declared_is_never_sent(aws: FakeAws, caller_of: Any) -> None:
    caller, _ = caller_of()
    with pytest.raises(KeyError):
        caller.call("backup", "DeleteBackupPlan", BackupPlanId="p")
    with acting_for(AccountId(CALLER)):
        client = caller._wiring.clients.of("backup", "eu-west-1")
        with pytest.raises(UndeclaredOperationError, match="backup:DeleteBackupPlan"):
            client.delete_backup_plan(BackupPlanId="p")
    assert aws.requests == []


def test_secret_fields_are_taken_out(aws: FakeAws, caller_of: Any) -> None:
    secret = Operation(
        "backup", "ListBackupPlans", "x", secrets=("BackupPlansList[].BackupPlanName", "No.Such")
    )
    caller, notes = caller_of(operations={PLANS: secret})
    aws.script[PLANS] = {"BackupPlansList": [{"BackupPlanName": "canary", "BackupPlanId": "p"}]}
    (answer,) = caller.pages("backup", "ListBackupPlans")
    assert answer["BackupPlansList"] == [{"BackupPlanId": "p"}]
    assert "canary" not in str(notes.calls)


def test_a_halted_caller_asks_nothing_and_waits_for_nothing(aws: FakeAws, caller_of: Any) -> None:
    halt = threading.Event()
    halt.set()
    caller, notes = caller_of(halt=halt)
    with pytest.raises(Halted):
        caller.call("backup", "DescribeRegionSettings")
    assert (aws.requests, notes.calls) == ([], [])


def test_the_order_of_parameters_does_not_make_another_call(aws: FakeAws, caller_of: Any) -> None:
    caller, _ = caller_of()
    which = {"BackupPlanId": "p", "SelectionId": "s"}
    assert caller.call("backup", "GetBackupSelection", **which) is not None
    assert caller.call("backup", "GetBackupSelection", **dict(reversed(which.items()))) is None
    filters = [{"Name": "state", "Values": ["available"]}]
    assert list(caller.pages("ec2", "DescribeVolumes", Filters=filters))
    assert not list(caller.pages("ec2", "DescribeVolumes", Filters=filters))
    assert len(aws.requests) == 2


def test_without_threads_parts_are_read_one_after_the_other(aws: FakeAws, caller_of: Any) -> None:
    assert aws
    caller, notes = caller_of()

    def plan(one: Any, name: str) -> set[str]:
        one.call("backup", "GetBackupPlan", BackupPlanId=name)
        return {name.upper()}

    assert caller.each(["b", "a", "b"], plan) == {"A", "B"}
    assert caller.in_parallel(lambda one: one.each("cd", plan), lambda _: None) == {"C", "D"}
    assert [call.parameters["BackupPlanId"] for call in notes.calls] == ["b", "a", "c", "d"]

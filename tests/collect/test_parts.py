"""The small parts: taking fields out, redaction, tasks in threads, a collector that breaks."""

from typing import Any

import pytest

from scanner.collect import calls
from scanner.collect.response_checks import check_answer
from scanner.collect.retry import BrokenAnswerError, Halted
from scanner.collect.shard_reader import AccountView, guarded
from scanner.errors import OutputError
from scanner.evidence.writer import encode_line
from scanner.model.names import AccountId, RegionName, Shard
from scanner.services.base import objects, text, texts
from scanner.services.kms import _arn, _is_in_region

SHARD = Shard(AccountId("111111111111"), RegionName("eu-west-1"))
ARN = "arn:aws:kms:eu-west-1:111111111111:"


def test_fields_of_any_shape() -> None:
    assert [*objects({"L": [{"a": 1}, 7, None]}, "L")] == [{"a": 1}]
    assert [*objects({"L": "x"}, "L"), *objects(None, "L"), *objects({}, "L")] == []
    assert text({"a": {"b": "c"}}, "a", "b") == "c"
    assert text({"a": {"b": 7}}, "a", "b") == text({"a": 1}, "a", "b") == text({}, "a") == ""
    assert texts([{"L": [{"n": "b"}, {"n": "a"}]}, {"L": [{"n": "b"}, {}]}], "L", "n") == ("b", "a")


def test_redaction_takes_fields_at_any_depth() -> None:
    answer: dict[str, Any] = {"A": [{"B": [{"S": 1, "k": 2}]}, {"B": None}, 7], "S": {"x": {"S": 1}}, "n": 1}
    calls.remove(answer, ("A[].B[].S", "S.x.S", "n.S", "Gone[].S"))
    assert answer == {"A": [{"B": [{"k": 2}]}, {"B": None}, 7], "S": {"x": {}}, "n": 1}


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("k-1", ARN + "key/k-1"),
        (ARN + "key/k-1", ARN + "key/k-1"),
        ("alias/a", ARN + "key/k-2"),
        (ARN + "alias/a", ARN + "key/k-2"),
        ("alias/gone", "alias/gone"),
        (ARN.replace("111111111111", "2") + "key/x", ARN.replace("111111111111", "2") + "key/x"),
    ],
)
def test_a_key_has_one_name(name: str, arn: str) -> None:
    assert _arn(name, {"alias/a": "k-2"}, "aws", SHARD) == arn


def test_whose_keys_are_asked_for_here() -> None:
    assert _is_in_region(ARN + "key/k", SHARD)
    assert _is_in_region("alias/gone", SHARD)
    assert _is_in_region("arn:aws:kms:eu-west-1:333333333333:key/k", SHARD)
    assert _is_in_region("arn:aws:kms:eu-west-1:222222222222:key/k", SHARD)
    assert not _is_in_region("arn:aws:kms:us-east-1:111111111111:key/k", SHARD)


def test_a_region_that_is_not_told_of_is_asked() -> None:
    view = AccountView({RegionName("a"): True, RegionName("b"): False}, {})
    assert [view.has_enabled(RegionName(name)) for name in "abc"] == [True, False, True]
    assert AccountView(None, {}).has_enabled(RegionName("b"))


def break_down() -> None:
    raise KeyError("unexpected")


def test_a_collector_that_breaks_is_on_record_and_does_not_sink_the_others(caller_of: Any) -> None:
    caller, notes = caller_of()
    guarded(caller, "efs", break_down)
    (call,) = notes.calls
    assert b'"service":"efs","operation":"Collect"' in encode_line(call, with_place=False)
    assert call.failure.code == "CollectorFailed"
    assert call.is_gap


@pytest.mark.parametrize("error", [Halted(), OutputError("full")])
def test_what_stops_a_scan_is_not_held_up(caller_of: Any, error: Exception) -> None:
    def stop() -> None:
        raise error

    caller, notes = caller_of()
    with pytest.raises(type(error)):
        guarded(caller, "efs", stop)
    assert notes.calls == []


def test_whole_answers_pass(caller_of: Any) -> None:
    caller, _ = caller_of()
    client = caller._wiring.clients.of("backup", RegionName("eu-west-1"))
    operation = client.meta.service_model.operation_model("ListBackupPlans")

    def answer(body: Any, status: int = 200, **headers: str) -> dict[str, Any]:
        return {
            "status_code": status,
            "body": body,
            "headers": {k.replace("_", "-"): v for k, v in headers.items()},
        }

    check_answer(operation, answer(b"{}", content_length="2"))
    check_answer(operation, answer(b"{}", content_length="99", content_encoding="gzip"))
    check_answer(operation, answer(b'{"BackupPlansList": [{"BackupPlanName": "\\ud800"}]}'))
    check_answer(operation, answer(b"", 500))
    with pytest.raises(BrokenAnswerError, match="cut off after 2 bytes"):
        check_answer(operation, answer(b"{}", content_length="3"))

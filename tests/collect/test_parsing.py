"""Whatever arrives, the session's parsers make of it what botocore's own make of it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from botocore.model import OperationModel
from botocore.parsers import PROTOCOL_PARSERS
from botocore.session import Session
from botocore.utils import parse_timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.collect.parsing.body import document, take
from scanner.collect.parsing.parsers import ParserFactory, install
from scanner.collect.parsing.times import instant
from scanner.evidence.writer import rfc3339
from scanner.services.catalogue import OPERATIONS
from tests.fakes.parsed import HEADERS, botocores, outcome
from tests.fakes.wirebodies import NUMBERS, TIMES, json_body, xml_body

SESSION = Session()
FACTORY = ParserFactory()


@cache
def model(service: str, operation: str) -> OperationModel:
    return SESSION.get_service_model(service).operation_model(operation)


def output_of(operation: OperationModel) -> Any:
    return operation.output_shape


def declared(key: str) -> OperationModel:
    return model(*key.split(":"))


def check(operation: OperationModel, body: bytes, status: int = 200) -> None:
    protocol = operation.service_model.resolved_protocol
    ours = outcome(FACTORY.create_parser(protocol), operation, status, body, HEADERS)
    assert ours == outcome(botocores(protocol), operation, status, body, HEADERS), body


def body_of(operation: OperationModel, seed: int, hostility: float) -> bytes:
    make = json_body if "json" in operation.service_model.resolved_protocol else xml_body
    return make(operation, seed, hostility)


ANSWERING = sorted(key for key in OPERATIONS if declared(key).output_shape is not None)


@pytest.mark.parametrize("key", ANSWERING)
def test_every_operation_in_use_is_read_as_botocore_reads_it(key: str) -> None:
    operation = declared(key)
    for seed in range(12):
        check(operation, body_of(operation, seed, 0))
        check(operation, body_of(operation, seed, 0.02))
        check(operation, body_of(operation, seed, 0.2))


@pytest.mark.parametrize("key", ANSWERING)
def test_none_is_left_to_botocore_unless_something_is_wrong(key: str) -> None:
    """Else the equality above would say nothing."""
    operation = declared(key)
    parser: Any = FACTORY.create_parser(operation.service_model.resolved_protocol)
    convert = parser._outputs.of(operation.output_shape).convert
    body = body_of(operation, 1, 0)
    if "json" in operation.service_model.resolved_protocol:
        assert convert(take({"body": body})) is not None
    elif not output_of(operation).serialization.get("resultWrapper"):
        assert convert(parser._parse_xml_string_to_dom(body)) is not None


SAMPLES = (
    "backup:ListRecoveryPointsByBackupVault",
    "kms:DescribeKey",
    "ec2:DescribeVolumes",
    "rds:DescribeDBInstances",
    "s3:ListBuckets",
    "s3:GetBucketEncryption",
)
UNUSED = (
    ("s3", "GetObjectTagging"),
    ("s3", "GetBucketPolicy"),
    ("s3", "GetBucketAcl"),
    ("s3", "HeadBucket"),
    ("s3", "ListObjectsV2"),
    ("s3", "GetBucketNotificationConfiguration"),
    ("iam", "GetAccountSummary"),
    ("iam", "GetCredentialReport"),
    ("redshift", "DescribeRedshiftIdcApplications"),
    ("mpa", "GetApprovalTeam"),
    ("dynamodb", "GetItem"),
    ("lambda", "Invoke"),
    ("lambda", "InvokeWithResponseStream"),
    ("sqs", "GetQueueAttributes"),
    ("kinesis", "SubscribeToShard"),
    ("bedrock-agent", "GetFlow"),
    ("wafv2", "GetWebACL"),
    ("cloudwatch", "DescribeAlarms"),
    ("ses", "VerifyEmailIdentity"),
)
"""Operations outside the catalogue with shapes that none in it has: unions, documents, streams, maps …"""


@pytest.mark.parametrize("key", SAMPLES)
@given(seed=st.integers(0, 1 << 60), hostility=st.sampled_from((0.0, 0.01, 0.05, 0.3)))
def test_random_bodies(key: str, seed: int, hostility: float) -> None:
    check(declared(key), body_of(declared(key), seed, hostility))


@pytest.mark.parametrize(("service", "name"), UNUSED)
def test_shapes_that_no_operation_in_use_has(service: str, name: str) -> None:
    operation = model(service, name)
    for seed in range(40):
        check(operation, body_of(operation, seed, (seed % 4) / 20))


BROKEN = (
    b"", b" ", b"{", b"null", b"[]", b"5", b'"x"', b"{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\xff{}",
    b'{"RecoveryPoints": [{"CreationDate": 1e400}]}', b'{"NextToken": "a", "NextToken": "b"}',
    b'{"RecoveryPoints": [{"CreationDate": 1}], "RecoveryPoints": null}',
    b'{"NextToken": ' + b"9" * 5000 + b"}",
    b'{"RecoveryPoints": ' + b"[" * 2000 + b"]" * 2000 + b"}", b'{"RecoveryPoints": {"a": 1}}',
    b'{"RecoveryPoints": "text"}', b'{"NextToken": NaN}', b'{"NextToken": -Infinity}',
    b'{"NextToken": "\\ud800"}', b"<", b"<a/>", b"<a>", b"<a></b>", b"<a>\x00</a>",
    b"<html><body/></html>", b"&amp;", b"<a>&x;</a>",
    b"<a><requestId/></a>", b"<a><requestId>1</requestId><requestId>2</requestId></a>",
    b"<a><ResponseMetadata>x</ResponseMetadata></a>", b'<?xml version="1.0" encoding="latin-1"?><a>\xe4</a>',
    b'<!DOCTYPE a [<!ENTITY x "y">]><a><volumeSet><item><volumeId>&x;</volumeId></item></volumeSet></a>',
    b"<a><volumeSet/><volumeSet/></a>", b"<a><volumeSet><item/><other/></volumeSet></a>",
    b"<a><Buckets><Bucket/></Buckets><Buckets/></a>", b"<a><Owner/><Owner/><Buckets>x</Buckets></a>",
    b"<a><DescribeDBInstancesResult/><DescribeDBInstancesResult/></a>",
)  # fmt: skip


@pytest.mark.parametrize("key", SAMPLES)
@pytest.mark.parametrize("status", [200, 204, 300, 301, 400, 403, 500, 503])
def test_bodies_that_are_none(key: str, status: int) -> None:
    whole = body_of(declared(key), 3, 0)
    for body in (*BROKEN, whole, whole[: len(whole) // 2], whole[:-1], whole + b"x"):
        check(declared(key), body, status)


def as_botocore(value: Any) -> object:
    try:
        return rfc3339(parse_timestamp(value))
    except Exception as problem:  # noqa: BLE001 -- the class is what is compared
        return type(problem)


def ours(value: Any) -> object:
    try:
        return instant(value)
    except Exception as problem:  # noqa: BLE001 -- the class is what is compared
        return type(problem)


@pytest.mark.parametrize("value", [*TIMES, *NUMBERS, None, True, [], {}])
def test_times_that_are_hard(value: Any) -> None:
    assert ours(value) == as_botocore(value)


@given(st.floats() | st.floats(0, 3e11) | st.integers() | st.floats(1e9, 2e9).map(lambda at: round(at, 3)))
@example(1763827200.9999997)
@example(0.9999995)
@example(253402300799.9999999)
@example(144115188076.25)
@example(4503599627.3705)
@example(4503599626.9999995)
def test_numbers_as_times(value: float) -> None:
    assert ours(value) == as_botocore(value)


@given(
    st.datetimes(timezones=st.just(UTC)), st.sampled_from(("auto", "milliseconds", "microseconds", "seconds"))
)
def test_texts_as_times(value: datetime, precision: str) -> None:
    text = value.isoformat(timespec=precision)
    for form in (text, text.replace("+00:00", "Z"), text.replace("+00:00", "-11:30"), text[:-6]):
        assert ours(form) == as_botocore(form)


@given(
    st.from_regex(
        r"\A[0-9]{4}-[0-9W]{2}-[0-9]{2}[T ][0-9]{2}:?[0-9]{2}:?[0-9]{2}[.,]?[0-9]{0,7}[Zz+-]?[0-9:]{0,6}\Z"
    )
)
def test_texts_that_are_nearly_times(value: str) -> None:
    assert ours(value) == as_botocore(value)


def test_a_time_is_written_as_the_evidence_writes_it() -> None:
    assert instant(1763827200.1239) == "2025-11-22T16:00:00.123Z"
    assert instant("2026-11-22T18:00:00+02:00") == "2026-11-22T16:00:00.000Z"


def test_a_session_gives_its_clients_these_parsers() -> None:
    session = Session()
    install(session)
    factory = session.get_component("response_parser_factory")
    parsers: dict[str, Any] = {**PROTOCOL_PARSERS}
    for protocol, botocores_own in parsers.items():
        parser: Any = factory.create_parser(protocol)
        assert isinstance(parser, botocores_own)
        assert (type(parser) is botocores_own) == (protocol == "smithy-rpc-v2-cbor")
        assert parser._timestamp_parser(0) == "1970-01-01T00:00:00.000Z"


def test_a_body_is_decoded_once() -> None:
    answer: dict[str, Any] = {"body": b'{"a": []}'}
    assert document(answer) is document(answer)
    taken = take(answer)
    assert taken == {"a": []}
    assert take(answer) is not taken


def test_threads_share_what_was_made_of_a_shape() -> None:
    parser: Any = FACTORY.create_parser("ec2")
    shape = declared("ec2:DescribeVolumes").output_shape
    assert parser._outputs.of(shape) is parser._outputs.of(shape)

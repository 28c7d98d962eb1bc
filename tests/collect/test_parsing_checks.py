"""The check of types that a parser is left: made when it is in doubt of what it reads, and only then."""

from typing import Any

import pytest
from botocore.session import Session

from scanner.collect.parsing.parsers import ParserFactory
from scanner.collect.response_checks import refuse_broken_answer
from scanner.collect.retry import BrokenAnswerError

OPERATION = Session().get_service_model("backup").operation_model("ListRecoveryPointsByBackupVault")
PARSER: Any = ParserFactory().create_parser("rest-json")


def read(body: bytes) -> Any:
    answer = {"status_code": 200, "headers": {}, "body": body, "context": {}}
    refuse_broken_answer(operation_model=OPERATION, response_dict=answer)
    return PARSER.parse(answer, OPERATION.output_shape)


def test_what_is_of_its_types_is_read() -> None:
    parsed = read(
        b'{"RecoveryPoints": [{"IsEncrypted": true, "CreationDate": 1, "Status": null}], "More": 5}'
    )
    assert parsed["RecoveryPoints"] == [{"IsEncrypted": True, "CreationDate": "1970-01-01T00:00:01.000Z"}]


def test_what_botocore_converts_is_no_mistake() -> None:
    (point,) = read(b'{"RecoveryPoints": [{"IsEncrypted": "true", "BackupSizeInBytes": "5"}]}')[
        "RecoveryPoints"
    ]
    assert point == {"IsEncrypted": True, "BackupSizeInBytes": 5}


@pytest.mark.parametrize(
    "body",
    [
        b'{"RecoveryPoints": {}}',
        b'{"RecoveryPoints": [null]}',
        b'{"RecoveryPoints": ["x"]}',
        b'{"RecoveryPoints": [{"Status": 5}]}',
        b'{"RecoveryPoints": [{"Status": {}}]}',
        b'{"RecoveryPoints": [{"IsEncrypted": "perhaps"}]}',
        b'{"RecoveryPoints": [{"IsEncrypted": 1}]}',
        b'{"RecoveryPoints": [{"BackupSizeInBytes": 1.5}]}',
        b'{"RecoveryPoints": [{"BackupSizeInBytes": 100000000000000000000}]}',
        b'{"RecoveryPoints": [{"CreationDate": true}]}',
        b'{"RecoveryPoints": [{"CreationDate": [1]}]}',
        b'{"RecoveryPoints": [{"CreationDate": NaN}]}',
        b'{"NextToken": 5}',
    ],
)
def test_what_is_of_other_types_is_no_answer(body: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"Grants": [{"GrantId": "x"}], "Truncated": false}',
        b'{"Grants": [], "NextMarker": "x", "Truncated": true}',
    ],
)
def test_what_shares_no_more_than_its_paging_is_the_answer_to_another_call(body: bytes) -> None:
    operation = Session().get_service_model("kms").operation_model("ListAliases")
    answer = {"status_code": 200, "headers": {}, "body": body, "context": {}}
    with pytest.raises(BrokenAnswerError, match="the answer to another call"):
        refuse_broken_answer(operation_model=operation, response_dict=answer)

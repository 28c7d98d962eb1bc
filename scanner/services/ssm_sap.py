"""AWS Systems Manager for SAP: HANA databases on Amazon EC2. GetDatabase returns a database's state."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Known
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, rows, texts
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_map

OPERATIONS: Final = (
    Operation(
        "ssm-sap",
        "ListDatabases",
        "ssm-sap:ListDatabases",
        page=50,
        own=("Databases[].Arn",),
        identity=("Databases[].Arn",),
    ),
    # The name of the secret with the database's password is not recorded either.
    Operation(
        "ssm-sap",
        "GetDatabase",
        "ssm-sap:GetDatabase",
        secrets=("Database.Credentials",),
        after=("ssm-sap:ListDatabases",),
        per="SAP HANA database",
        own=("Database.Arn",),
        same=(("DatabaseArn", "Database.Arn"),),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record databases with their descriptions; they name no keys."""
    return caller.each(texts(caller.pages("ssm-sap", "ListDatabases"), "Databases", "Arn"), _describe)


def _describe(caller: Caller, arn: str) -> tuple[str, ...]:
    caller.call("ssm-sap", "GetDatabase", DatabaseArn=arn)
    return ()


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse system and tenant databases. Without GetDatabase, the state is unknown."""
    databases = distinct(rows(sources.answers, "ssm-sap:ListDatabases", "Databases"), "Arn")
    for arn, (row, ref) in sorted(databases.items()):
        answer = _description(sources, row)
        sources.gaps.note(answer.gap)
        yield _database(sources, Arn(arn), (row, ref), answer)


def _description(sources: Sources, row: Shape) -> Answer:
    """Return the description of a database, which was requested by its ARN or by three ids."""
    # Other programs may call GetDatabase with the three ids, which its answer repeats.
    answer = sources.answers.one("ssm-sap:GetDatabase", DatabaseArn=row.need("Arn"))
    if answer.gap is None:
        return answer
    ids = {key: row.text(key) or "" for key in ("ApplicationId", "ComponentId", "DatabaseId")}
    by_ids = sources.answers.one("ssm-sap:GetDatabase", **ids)
    return by_ids if by_ids.gap is None else answer


def _database(sources: Sources, arn: Arn, listed: tuple[Shape, EvidenceRef], answer: Answer) -> Resource:
    row, ref = listed
    described = next((page.need_child("Database") for page in answer.pages), None)
    tags = tag_map(row, "Tags")
    return Resource(
        arn=arn,
        type="SAP HANA on Amazon EC2",
        capability="SAP_HANA",
        account=sources.shard.account,
        region=sources.shard.region,
        name=(described.text("DatabaseName") if described else None) or row.text("DatabaseId") or arn,
        state=described.text("Status") if described else None,
        tags=Known(tags, (ref,)),
        # The data is on volumes of the database's instances, but AWS does not report which ones.
        encryption=Known(Encryption(encrypted=None), (ref,)),
        stack=tags.get(STACK_TAG),
        refs=(ref, *answer.refs),
    )

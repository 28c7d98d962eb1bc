"""SAP HANA databases on Amazon EC2: Systems Manager for SAP's ListDatabases; GetDatabase tells the state."""

from collections.abc import Iterator

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_map
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known


def parse_sap_hana(sources: Sources) -> Iterator[Resource]:
    """Parse databases, of the system and of tenants. One whose GetDatabase is missing is of unknown state."""
    databases = {
        row.need("Arn"): (row, ref)
        for row, ref in rows(sources.answers, "ssm-sap:ListDatabases", "Databases")
    }
    for arn, (row, ref) in sorted(databases.items()):
        answer = _description(sources, row)
        sources.gaps.note(answer.gap)
        yield _database(sources, Arn(arn), (row, ref), answer)


def _description(sources: Sources, row: Shape) -> Answer:
    """Give the description of a database, asked for by its ARN or by its three ids."""
    answer = sources.answers.one("ssm-sap:GetDatabase", DatabaseArn=row.need("Arn"))
    if answer.gap is None:
        return answer
    ids = {key: row.text(key) or "" for key in ("ApplicationId", "ComponentId", "DatabaseId")}
    other = sources.answers.one("ssm-sap:GetDatabase", **ids)
    return other if other.gap is None else answer


def _database(sources: Sources, arn: Arn, listed: tuple[Shape, EvidenceRef], answer: Answer) -> Resource:
    row, ref = listed
    told = next((page.need_child("Database") for page in answer.pages), None)
    tags = tag_map(row, "Tags")
    return Resource(
        arn=arn,
        type="SAP HANA on Amazon EC2",
        capability="SAP_HANA",
        account=sources.shard.account,
        region=sources.shard.region,
        name=(told.text("DatabaseName") if told else None) or row.text("DatabaseId") or arn,
        state=told.text("Status") if told else None,
        tags=Known(tags, (ref,)),
        # It lies on volumes of the instances that it runs on, and AWS does not tell which.
        encryption=Known(Encryption(encrypted=None), (ref,)),
        stack=tags.get(STACK_TAG),
        refs=(ref, *answer.refs),
    )

"""DynamoDB tables: ListTables names them, DescribeTable describes each; tags come from elsewhere."""

from collections.abc import Iterator

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import Gaps
from scanner.inventory.tags import TaggingAnswers, own_tags
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known


def parse_dynamodb(
    answers: Answers, gaps: Gaps, tagging: TaggingAnswers, partition: str
) -> Iterator[Resource]:
    """Parse tables. A table whose DescribeTable is missing is a resource of unknown state and key."""
    names = {
        name: page.ref
        for answer in answers.every("dynamodb:ListTables")
        for page in answer.pages
        for name in page.texts("TableNames")
    }
    for name, ref in sorted(names.items()):
        yield _table(answers, gaps, tagging, (name, partition, ref))


def _table(
    answers: Answers, gaps: Gaps, tagging: TaggingAnswers, named: tuple[str, str, EvidenceRef]
) -> Resource:
    name, partition, ref = named
    shard = answers.shard
    answer = answers.one("dynamodb:DescribeTable", TableName=name)
    table = next((page.need_child("Table") for page in answer.pages), None)
    made_arn = f"arn:{partition}:dynamodb:{shard.region}:{shard.account}:table/{name}"
    arn = (table.text("TableArn") if table else None) or made_arn
    own = answers.one("dynamodb:ListTagsOfResource", ResourceArn=arn)
    tags = own_tags(own, tagging.of(arn, "dynamodb:table"), gaps)
    return Resource(
        arn=Arn(arn),
        type="DynamoDB",
        capability="DynamoDB",  # which of the two rows applies is for the Region settings to say
        account=shard.account,
        region=shard.region,
        name=name,
        state=table.text("TableStatus") if table else None,
        tags=tags,
        encryption=gaps.reading(_encryption(table), answer),
        created_at=table.instant("CreationDateTime") if table else None,
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *answer.refs),
    )


def _encryption(table: Shape | None) -> Encryption:
    """Read a table's encryption: without a description it is under a key that AWS owns."""
    description = table.child("SSEDescription") if table else None
    key = description.text("KMSMasterKeyArn") if description else None
    return Encryption(encrypted=True, keys=(key,) if key else ())

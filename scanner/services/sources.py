"""What the parsers of one shard read: its answers, its gaps, its tags, its lists, its buckets."""

from collections.abc import Mapping
from dataclasses import dataclass

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Tags
from scanner.model.names import Arn, Shard, partition_of
from scanner.model.reading import EvidenceRef, Reading
from scanner.services.base import Gaps
from scanner.services.tagging import TaggingAnswers, own_tags

Bucket = tuple[Shape, EvidenceRef]


@dataclass(frozen=True, slots=True)
class Sources:
    """The answers of one shard. `lists` says of each required list whether it was read to the end.

    `buckets` are the rows of the buckets in the shard's Region: the account lists them, not the shard.
    """

    answers: Answers
    gaps: Gaps
    tagging: TaggingAnswers
    lists: Mapping[str, Reading[None]]
    buckets: tuple[Bucket, ...] = ()

    @property
    def shard(self) -> Shard:
        """The account and the Region."""
        return self.answers.shard

    def arn(self, service: str, resource: str) -> Arn:
        """Build the ARN of a resource of the shard, in the partition of its Region."""
        shard = self.shard
        return Arn(f"arn:{partition_of(shard.region)}:{service}:{shard.region}:{shard.account}:{resource}")

    def tags(self, arn: str, kind: str, own: str, **about: str) -> Reading[Tags]:
        """Return the tags of a resource whose list has none.

        `own` is the operation that returns those of one resource (`eks:ListTagsForResource`), called with the
        parameters `about`; else the tagging API's, whose filter spells the type `kind` (`eks:cluster`).
        """
        return own_tags(self.answers.one(own, arn, **about), self.tagging.of(arn, kind), self.gaps)

"""The input of a service's parser: answers, gaps, tags, list states and buckets of one shard."""

from collections.abc import Mapping
from dataclasses import dataclass

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Tags
from scanner.model.known import EvidenceRef, Reading
from scanner.model.names import Arn, Shard, partition_of
from scanner.services.base import Gaps
from scanner.services.tagging import TaggingAnswers, own_tags

Bucket = tuple[Shape, EvidenceRef]


@dataclass(frozen=True, slots=True)
class Sources:
    """The answers of one shard. `lists` states for each required list whether it was read to the end.

    `buckets` are the rows of the buckets in the shard's Region, from the account's list.
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
        """Return the tags of a resource whose list does not contain them.

        `own` is the operation that returns the tags of one resource (`eks:ListTagsForResource`), with the
        parameters `about`. If it was not called, the tags are those of the tagging API, in whose filter the
        type is `kind` (`eks:cluster`).
        """
        return own_tags(self.answers.one(own, arn, **about), self.tagging.of(arn, kind), self.gaps)

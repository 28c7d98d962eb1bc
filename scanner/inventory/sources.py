"""What the parsers of one shard draw on: its answers, its gaps, its tags, and the names of its lists."""

from collections.abc import Mapping
from dataclasses import dataclass

from scanner.evidence.answers import Answers
from scanner.inventory.gaps import Gaps
from scanner.inventory.tags import TaggingAnswers, own_tags
from scanner.model.inventory import Tags
from scanner.model.names import Arn, Shard, partition_of
from scanner.model.reading import Reading


@dataclass(frozen=True, slots=True)
class Sources:
    """The answers of one shard. `lists` says of each list whether it was read to the end."""

    answers: Answers
    gaps: Gaps
    tagging: TaggingAnswers
    lists: Mapping[str, Reading[None]]

    @property
    def shard(self) -> Shard:
        """The account and the Region."""
        return self.answers.shard

    def arn(self, service: str, resource: str) -> Arn:
        """Make the ARN of a resource of the shard, in the partition of its Region."""
        shard = self.shard
        return Arn(f"arn:{partition_of(shard.region)}:{service}:{shard.region}:{shard.account}:{resource}")

    def tags(self, arn: str, kind: str, own: str, **about: str) -> Reading[Tags]:
        """Give the tags of a resource that no list tells.

        `own` is the operation that tells those of one resource (`eks:ListTagsForResource`), asked with the
        parameters `about`; else the tagging API's, whose filter spells the type `kind` (`eks:cluster`).
        """
        return own_tags(self.answers.one(own, arn, **about), self.tagging.of(arn, kind), self.gaps)

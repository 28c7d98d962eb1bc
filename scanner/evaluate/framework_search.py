"""Frameworks of AWS Backup Audit Manager in a bundle, by name, and the reads that are missing about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scanner.errors import UsageError
from scanner.evaluate.audit_manager import printable, shown
from scanner.evaluate.problem import suggestion
from scanner.evidence.bundle import Bundle
from scanner.inventory.shard import parse_shard
from scanner.model.assurance import Framework
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.names import Shard
from scanner.model.reading import Gap, Unread

LIST_FRAMEWORKS = "backup:ListFrameworks"


@dataclass(frozen=True, slots=True)
class Found:
    """The frameworks of one name, at least one, and the gaps behind which there may be more of it."""

    frameworks: tuple[Framework, ...]
    unlisted: tuple[Gap, ...]

    @property
    def undescribed(self) -> tuple[Gap, ...]:
        """Why some of them could not be described."""
        readings = (framework.details for framework in self.frameworks)
        return tuple(reading.gap for reading in readings if isinstance(reading, Unread))


def find_frameworks(folder: Path, name: str, account: str | None, region: str | None) -> Found:
    """Find the frameworks of a name in a bundle; None: in every account, in every Region.

    Raises:
        UsageError: there is none, as far as the bundle tells: the sentence says how far that is.
        BundleError: the bundle cannot be trusted.
    """
    bundle = Bundle(folder)
    bundle.check()
    frameworks: list[Framework] = []
    unlisted: list[Gap] = []
    for inventory in _inventories(bundle, account, region):
        frameworks += inventory.assurance.frameworks
        listed = inventory.lists.get(LIST_FRAMEWORKS)
        unlisted += [listed.gap] if isinstance(listed, Unread) else []
    named = tuple(framework for framework in frameworks if framework.name == name)
    if not named:
        raise UsageError(_missing(name, frameworks, unlisted))
    return Found(named, tuple(unlisted))


def _inventories(bundle: Bundle, account: str | None, region: str | None) -> Iterator[ShardInventory]:
    for shard, status in bundle.scope():
        if account in (None, shard.account) and region in (None, shard.region):
            yield bundle.parsed(partial(_parsed, bundle, shard, status))


def _parsed(bundle: Bundle, shard: Shard, status: ShardStatus) -> ShardInventory:
    return parse_shard(bundle.answers(shard), bundle.account_answers(shard.account), status)


def _missing(name: str, frameworks: list[Framework], unlisted: list[Gap]) -> str:
    """Say that there is no such framework, which there are, and where none could be listed."""
    known = sorted({framework.name for framework in frameworks})
    sentence = f"No framework {shown(name)} was found ({printable(suggestion(name, known))})."
    if unlisted:
        sentence += f" It may be where frameworks could not be listed: {told(unlisted)}"
    return sentence


def told(gaps: list[Gap] | tuple[Gap, ...]) -> str:
    """Tell gaps in a sentence each, not too many of them."""
    most = 3
    more = f" And {len(gaps) - most} more." if len(gaps) > most else ""
    return printable(" ".join(gap.sentence() for gap in gaps[:most])) + more

"""The account-Regions whose facts can differ between a bundle and one with changes laid over it.

A shard is judged from its own evidence, that of its account and of the organization, from the control plane
(vaults, settings and targets of other shards) and from rows that other shards spill for it. So a shard is
concerned if its own evidence differs, or if it refers to something in another shard that differs. Where a
difference could reach a shard in a way that its evidence does not show, all shards are concerned.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from scanner.evidence.bundle import Bundle
from scanner.graph.control_plane import ShardSummary, summarise
from scanner.graph.cross_shard import existence_key, shard_name, spilled_existing_resources, spilled_rows
from scanner.inventory.reconcile import BucketRegions
from scanner.judging.passes import Scope, inventory_of
from scanner.model.inventory import ShardInventory
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName, Shard, parse_arn

_EXISTING: Final = existence_key("")


class _AllShardsError(Exception):
    """A difference may reach any shard."""


@dataclass(slots=True)
class _Reach:
    """What differs: the shards that are concerned, and the ARNs whose mention concerns others.

    `vaults`: those of the ARNs that are vaults; who mentions one may spill rows about it to a third shard.
    `buckets`: the names of buckets that rows were spilled for; their shards are found by the names.
    """

    shards: set[Shard]
    regions: set[RegionName] = field(default_factory=set)
    arns: set[str] = field(default_factory=set)
    vaults: set[str] = field(default_factory=set)
    buckets: set[str] = field(default_factory=set)


def concerned_shards(before: Bundle, after: Bundle, edited: Collection[Shard]) -> frozenset[Shard] | None:
    """Return the shards whose facts may differ between two bundles; None: any of them.

    `edited`: the shards whose evidence files differ, those of global services included.
    """
    # The organisation's evidence (members, settings, policies) takes part in judging every shard.
    if any(shard.region == ORG for shard in edited):
        return None
    scope = dict(before.scope())
    # Evidence of global services (IAM, S3 buckets) is filed once per account and read by each of its Regions.
    own = {shard for shard in scope if {shard, Shard(shard.account, AWS_GLOBAL)} & {*edited}}
    reach = _Reach(shards=set(own))
    was, now = _Inventories(before), _Inventories(after)
    try:
        for shard in sorted(own):
            scoped = (shard, scope[shard])
            _add_differences(reach, was.inventory(scoped), now.inventory(scoped))
        reach.shards.update(shard for shard in scope if shard.region in reach.regions)
        # Searching the recorded text is much faster than parsing all shards, and errs only towards too many.
        mentioning = {shard for shard in scope if shard not in own and _mentions(before, shard, reach.arns)}
        reach.shards |= mentioning
        if reach.vaults:
            # A shard that names a changed vault may spill rows about it to a third shard, which names
            # neither.
            for shard in sorted(mentioning | own):
                _add_homes(reach, spilled_rows(was.inventory((shard, scope[shard]))))
        reach.shards.update(shard for shard in scope if _mentions(before, shard, reach.buckets))
    except _AllShardsError:
        return None
    # Evidence may mention shards outside the scope, which have no facts.
    return frozenset(reach.shards & scope.keys())


class _Inventories:
    """The inventories of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle, self._buckets = bundle, BucketRegions(bundle)

    def inventory(self, scope: Scope) -> ShardInventory:
        """Parse one account-Region."""
        return inventory_of(self._bundle, scope, self._buckets)


def _add_differences(reach: _Reach, old: ShardInventory, new: ShardInventory) -> None:
    """Add what other shards can see of the differences between two inventories of one shard."""
    was, now = summarise(old), summarise(new)
    # Anything else in a summary reaches others in ways that cannot be followed; caution costs only time.
    if _without_what_is_followed(was) != _without_what_is_followed(now):
        raise _AllShardsError
    if was.settings != now.settings:  # those of the management account decide in the same Region
        reach.regions.add(was.shard.region)
    # Whether a rule targets a vault is a fact of the vault's shard.
    for arn in was.targets ^ now.targets:
        reach.shards.add(_shard_of(arn))
    old_vaults, new_vaults = ({vault.arn: vault for vault in side.vaults} for side in (was, now))
    vaults = {arn for arn in old_vaults | new_vaults if old_vaults.get(arn) != new_vaults.get(arn)}
    reach.vaults |= vaults
    reach.arns |= vaults
    _add_homes(reach, _different(spilled_rows(old), spilled_rows(new)))
    _add_existing(reach, old, new)


def _without_what_is_followed(summary: ShardSummary) -> ShardSummary:
    """Return what other shards may read of a summary in ways that their evidence does not show."""
    return replace(summary, vaults=(), settings=None, targets=frozenset())  # type: ignore[arg-type]  # only compared


def _different(
    old: Iterable[tuple[str, object]], new: Iterable[tuple[str, object]]
) -> Iterator[tuple[str, object]]:
    # Rows are compared as bytes: they contain dicts, which a set cannot hold.
    was, now = ({(name, orjson.dumps(row)) for name, row in rows} for rows in (old, new))
    return ((name, row) for name, row in was ^ now)


def _add_homes(reach: _Reach, rows: Iterable[tuple[str, object]]) -> None:
    """Add the shards that load spilled rows. An ARN without account and Region is loaded by its owner."""
    for name in {name for name, _ in rows}:
        account, _, region = name.partition("/")
        arn = parse_arn(name)
        # ARNs of buckets have neither account nor Region, so the shard is searched by the bucket's name.
        if arn is not None and arn.service == "s3":
            reach.buckets.add(arn.resource)
        elif account.isdecimal() and region:
            reach.shards.add(Shard(AccountId(account), RegionName(region)))
        else:
            raise _AllShardsError


def _add_existing(reach: _Reach, old: ShardInventory, new: ShardInventory) -> None:
    """Add the resources that exist in one of two inventories only: other shards may have backups of them."""
    home = existence_key(shard_name(old.shard))
    arns: list[set[str]] = []
    unread: list[object] = []
    for inventory in (old, new):
        rows = dict(spilled_existing_resources(inventory))
        present, gaps = rows.get(home, ([], {}))
        arns.append({*present, *(name.removeprefix(_EXISTING) for name in rows if name != home)})
        unread.append(gaps)
    # A list that could not be read leaves all resources of its type unknown, whichever they are.
    if unread[0] != unread[1]:
        raise _AllShardsError
    reach.arns |= arns[0] ^ arns[1]


def _shard_of(arn: str) -> Shard:
    parts = parse_arn(arn)
    if parts is None:
        raise _AllShardsError
    return Shard(parts.account, parts.region)


def _mentions(bundle: Bundle, shard: Shard, arns: Collection[str]) -> bool:
    """Check whether the evidence of a shard contains one of these ARNs, in any spelling of JSON."""
    if not arns:
        return False
    texts = {spelling for arn in arns for spelling in _spellings(arn)}
    places = (shard, Shard(shard.account, AWS_GLOBAL))
    return any(text in line for place in places for line in bundle.raw_lines(place) for text in texts)


def _spellings(arn: str) -> tuple[bytes, ...]:
    """Return how writers of JSON spell a text: as it is, or with escapes for what is not ASCII."""
    return (arn.encode(), orjson.dumps(arn)[1:-1], json.dumps(arn)[1:-1].encode())

"""Made-up backup plans of a shard: selections of all kinds, rules that copy to two places."""

from collections.abc import Callable
from itertools import cycle, islice
from typing import Final

from bench.shard_resources import REGIONS, ungranted
from scanner.model.inventory import (
    BackupPlan,
    BackupRule,
    BackupSelection,
    CopyAction,
    Lifecycle,
    SelectionTerms,
    TagCondition,
)
from scanner.model.known import EvidenceRef, Known, Reading, Unread
from scanner.model.names import AccountId, Arn, Shard, vault_arn

CENTRAL: Final = AccountId("999999999999")
_SCHEDULES: Final = ("cron(0 5 ? * * *)", "cron(0 1 ? * 1 *)", "cron(30 2 1 * ? *)")


def plans(
    shard: Shard, number: int, count: int, selections: int, refs: tuple[EvidenceRef, ...]
) -> tuple[BackupPlan, ...]:
    """Make the plans of a shard. In one shard of twenty-five a selection was not read."""
    return tuple(_plan(shard, number, place, selections, refs) for place in range(count))


def _plan(
    shard: Shard, number: int, place: int, selections: int, refs: tuple[EvidenceRef, ...]
) -> BackupPlan:
    name = f"plan-{place}"
    first = place * selections
    selections_ = tuple(
        _selection(shard, number, position, refs) for position in range(first, first + selections)
    )
    return BackupPlan(
        arn=Arn(f"arn:aws:backup:{shard.region}:{shard.account}:backup-plan:{name}"),
        id=name,
        name=name,
        account=shard.account,
        region=shard.region,
        rules=Known(_rules(shard, place), refs),
        selections=Known(selections_, refs),
        refs=refs,
    )


def _selection(shard: Shard, number: int, place: int, refs: tuple[EvidenceRef, ...]) -> BackupSelection:
    name = f"selection-{place}"
    terms: Reading[SelectionTerms] = Known(_TERMS[place % len(_TERMS)](shard, place), refs)
    if place == 1 and number % 25 == 10:  # noqa: PLR2004 -- now and then
        terms = Unread(ungranted(shard, "backup:GetBackupSelection", name))
    return BackupSelection(f"s-{place}", name, terms)


def _terms(
    shard: Shard,
    *,
    resources: tuple[str, ...] = (),
    but: tuple[str, ...] = (),
    tags: tuple[TagCondition, ...] = (),
    conditions: tuple[TagCondition, ...] = (),
) -> SelectionTerms:
    return SelectionTerms(resources, but, tags, conditions, f"arn:aws:iam::{shard.account}:role/backup")


def _tag(key: str, value: str, operator: str = "StringEquals") -> TagCondition:
    return TagCondition(operator, key, value)


def _by_tag(shard: Shard, place: int) -> SelectionTerms:
    return _terms(shard, tags=(_tag("tier", "gold" if place == 0 else f"gold-{place}"),))


def _by_pattern(shard: Shard, place: int) -> SelectionTerms:
    return _terms(
        shard,
        resources=(f"arn:aws:ec2:{shard.region}:*:volume/*",),
        but=(f"arn:aws:ec2:{shard.region}:{shard.account}:volume/vol-{place:017x}",),
        conditions=(_tag("aws:ResourceTag/team", f"team-{place % 17}"),),
    )


def _by_service(shard: Shard, _: int) -> SelectionTerms:
    return _terms(shard, resources=("arn:aws:rds:*:*:db:*", "arn:aws:dynamodb:*:*:table/*"))


def _by_name(shard: Shard, place: int) -> SelectionTerms:
    named = (f"volume/vol-{place:017x}", f"volume/vol-{place + 2:017x}", f"instance/i-{1:017x}")
    return _terms(
        shard, resources=tuple(f"arn:aws:ec2:{shard.region}:{shard.account}:{name}" for name in named)
    )


def _all_but(shard: Shard, place: int) -> SelectionTerms:
    wanted = (
        _tag("aws:ResourceTag/env", "prod"),
        _tag("aws:ResourceTag/backup", f"no-{place}", "StringNotEquals"),
    )
    return _terms(shard, resources=("*",), conditions=wanted)


def _by_tags_alike(shard: Shard, place: int) -> SelectionTerms:
    wanted = (_tag("aws:ResourceTag/Name", f"*-{place % 10}*", "StringLike"),)
    return _terms(shard, tags=(_tag("team", f"team-{place % 17}"), _tag("tier", "silver")), conditions=wanted)


_TERMS: Final[tuple[Callable[[Shard, int], SelectionTerms], ...]] = (
    _by_tag,
    _by_pattern,
    _by_service,
    _by_name,
    _all_but,
    _by_tags_alike,
)
"""Every kind of selection; in a large shard the kinds come again with other tags."""


def _rules(shard: Shard, place: int) -> tuple[BackupRule, ...]:
    """Make one rule, with a copy to another Region; of the first two plans also to the central account."""
    far = next(islice(cycle(REGIONS), REGIONS.index(shard.region) + 1, None))
    copies = [vault_arn("aws", Shard(shard.account, far), "copies")]
    if place % 3 < 2:  # noqa: PLR2004 -- all but the third
        copies.append(vault_arn("aws", Shard(CENTRAL, shard.region), "central"))
    rule = BackupRule(
        id=f"rule-{place}",
        name=f"rule {place}",
        target_vault="daily",
        schedule=_SCHEDULES[place % len(_SCHEDULES)],
        timezone="UTC",
        start_window_minutes=480,
        continuous=place % 3 == 1,
        lifecycle=Lifecycle(35),
        copies=tuple(CopyAction(copy, Lifecycle(90)) for copy in copies),
    )
    return (rule,)

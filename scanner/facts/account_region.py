"""The fact table `account_region`: one row an account-Region in scope, with the reads that are missing."""

from collections.abc import Iterable, Mapping

from scanner.facts.notes import Notes
from scanner.model.facts import AccountRegionFacts, MissingRead
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.names import account_region_subject
from scanner.model.reading import ENTRY, Gap


def account_region_row(
    inventory: ShardInventory, account_name: str, needed: Iterable[Gap], blinds: Mapping[str, tuple[str, ...]]
) -> AccountRegionFacts:
    """Make the row of one shard.

    `needed` are gaps elsewhere that kept something of this shard open (a destination's vaults, the
    organisation's settings); `blinds` names for each operation the selected controls that rest on it:
    a read that none of them needs is not missed.
    """
    gaps = dict.fromkeys((*inventory.gaps, *needed))
    missing = [gap for gap in gaps if gap.operation in blinds]
    notes = Notes()
    notes.evidence("missing_reads", sorted({gap.ref for gap in missing if gap.ref is not None}))
    shard = inventory.shard
    skipped = inventory.status is ShardStatus.SKIPPED
    return AccountRegionFacts(
        subject=account_region_subject(shard),
        subject_type="account_region",
        account=shard.account,
        region=shard.region,
        name=f"{account_name or shard.account} / {shard.region}",
        not_applicable_because="The Region is not enabled for this account." if skipped else "",
        status=inventory.status.value,
        skipped=skipped,
        not_entered=next((gap.not_entered() for gap in missing if gap.operation in ENTRY), ""),
        missing_reads=tuple(_missing(gap, blinds[gap.operation]) for gap in sorted(missing, key=_order)),
        not_known=(),
        evidence=notes.references,
    )


def _missing(gap: Gap, blinds: tuple[str, ...]) -> MissingRead:
    return MissingRead(
        operation=gap.operation,
        about=gap.about,
        kind=gap.kind.value,
        code=gap.code,
        message=gap.message,
        blinds=blinds,
    )


def _order(gap: Gap) -> tuple[str, str, str, str]:
    return (gap.operation, gap.account, gap.region, gap.about)

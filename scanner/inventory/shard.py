"""The inventory of one shard, parsed from its recorded answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from scanner.evidence.answers import Answers
from scanner.inventory.contradicted_lists import doubt_contradicted_lists
from scanner.model.assurance import Assurance
from scanner.model.inventory import BackupPlan, Resource, ShardInventory, ShardStatus, Vault
from scanner.model.known import LEFT_OUT, NOT_ENABLED, Gap, GapKind, Known, Unread
from scanner.model.names import Shard
from scanner.services.backup.assurance import parse_assurance
from scanner.services.backup.jobs import parse_jobs, parse_latest_restores, parse_protected_resources
from scanner.services.backup.plans import parse_plans
from scanner.services.backup.settings import parse_settings
from scanner.services.backup.vaults import parse_recovery_points, parse_vaults
from scanner.services.base import Gaps
from scanner.services.catalogue import ACCOUNT_LISTS, SERVICES, SHARD_LISTS, Lists, read_lists
from scanner.services.iam import entry_refusal, parse_roles
from scanner.services.kms import parse_key_aliases, parse_keys
from scanner.services.s3 import LIST_BUCKETS, buckets_of_region
from scanner.services.sources import Bucket, Sources
from scanner.services.supported import unknown_type_gaps
from scanner.services.tagging import TaggingAnswers


def parse_shard(
    answers: Answers,
    account: Answers,
    status: ShardStatus,
    bucket_regions: Mapping[str, str] = MappingProxyType({}),
) -> ShardInventory:
    """Parse a shard. `account` holds the answers of its account's global services.

    `bucket_regions`: the Regions of buckets that ListBuckets omits (`BucketRegions.of`).
    """
    shard = answers.shard
    if status is ShardStatus.SKIPPED or (status is ShardStatus.MISSING and _not_enabled(account, shard)):
        return _skipped(shard)
    gaps = Gaps()
    if (refusal := entry_refusal(answers, account)) is not None:
        return _refused(shard, status, refusal)
    # First, because parsers have to know whether a resource that is not listed is absent or unread.
    lists, buckets = _lists(answers, account, bucket_regions, gaps)
    tagging = TaggingAnswers(answers)
    resources = _resources(Sources(answers, gaps, tagging, lists, buckets))
    vaults = parse_vaults(answers, gaps)
    # Plans before roles: only roles that selections and restore tests name are parsed.
    plans = parse_plans(answers, gaps)
    keys = parse_keys(answers, gaps, _key_names(resources, vaults))
    protected = parse_protected_resources(answers, gaps)
    assurance = parse_assurance(answers, gaps)
    roles = parse_roles(account, gaps, _role_names(plans, assurance))
    return ShardInventory(
        shard=shard,
        status=_status(status, gaps),
        lists=lists,
        settings=parse_settings(answers),
        resources=resources,
        plans=plans,
        vaults=vaults,
        recovery_points=parse_recovery_points(answers, gaps),
        jobs=parse_jobs(answers),
        keys=keys,
        key_aliases=parse_key_aliases(answers),
        protected_resources=protected,
        latest_restores=parse_latest_restores(answers, gaps, protected),
        assurance=assurance,
        roles=roles,
        tagged=tagging.arns,
        # Gaps of the account's global services concern each of its Regions.
        gaps=tuple(replace(gap, region=shard.region) for gap in gaps.all()),
    )


def _lists(
    answers: Answers, account: Answers, bucket_regions: Mapping[str, str], gaps: Gaps
) -> tuple[Lists, tuple[Bucket, ...]]:
    """Return what is known of each list, and the buckets of the Region."""
    buckets_gap = doubt_contradicted_lists(answers, account)
    lists = {**read_lists(answers, SHARD_LISTS, gaps), **read_lists(account, ACCOUNT_LISTS, gaps)}
    buckets, unplaced = buckets_of_region(account, answers.shard.region, bucket_regions)
    # A bucket of unknown Region may be in any Region, so the list of buckets is incomplete in each.
    for gap in (*unplaced, *((buckets_gap,) if buckets_gap else ())):
        gaps.note(gap)
        lists[LIST_BUCKETS] = Unread(gap)
    for gap in unknown_type_gaps(answers):
        gaps.note(gap)
    return lists, buckets


def _status(recorded: ShardStatus, gaps: Gaps) -> ShardStatus:
    """Return how completely the shard was read; its gaps take precedence over the recorded status."""
    if recorded in (ShardStatus.COMPLETE, ShardStatus.PARTIAL):
        # A call that was left out on purpose (--collect needed) does not make a shard partial.
        is_partial = any(gap.code != LEFT_OUT for gap in gaps.all())
        return ShardStatus.PARTIAL if is_partial else ShardStatus.COMPLETE
    return recorded


def _resources(sources: Sources) -> tuple[Resource, ...]:
    resources = (resource for service in SERVICES if service.parse for resource in service.parse(sources))
    # Sorted, because the order of the answers may differ between two scans of the same state.
    return tuple(sorted(resources, key=lambda resource: resource.arn))


def _key_names(resources: Iterable[Resource], vaults: Iterable[Vault]) -> set[str]:
    named = {vault.key for vault in vaults if vault.key}
    for resource in resources:
        if isinstance(resource.encryption, Known):
            named.update(resource.encryption.value.keys)
    return named


def _role_names(plans: Iterable[BackupPlan], assurance: Assurance) -> Iterator[str]:
    """Yield the ARNs of the roles with which AWS Backup makes and restores backups."""
    for plan in plans:
        for selection in plan.selections.value if isinstance(plan.selections, Known) else ():
            if isinstance(selection.terms, Known) and selection.terms.value.role:
                yield selection.terms.value.role
    for restore_plan in assurance.restore_testing_plans:
        for tested in restore_plan.selections.value if isinstance(restore_plan.selections, Known) else ():
            if tested.role:
                yield tested.role


def _not_enabled(account: Answers, shard: Shard) -> bool:
    """Return whether DescribeRegions says that the account has not enabled the Region."""
    return any(
        row.text("RegionName") == shard.region and row.text("OptInStatus") == NOT_ENABLED
        for answer in account.every("ec2:DescribeRegions")
        for page in answer.pages
        for row in page.children("Regions")
    )


def _refused(shard: Shard, status: ShardStatus, refusal: Gap) -> ShardInventory:
    """Build the inventory of a shard to which access was refused: every list has the same gap."""
    gap = replace(refusal, region=shard.region)
    return ShardInventory(
        shard=shard,
        status=status,
        lists=dict.fromkeys((*SHARD_LISTS, *ACCOUNT_LISTS), Unread(gap)),
        settings=Unread(gap),
        gaps=(gap,),
    )


def _skipped(shard: Shard) -> ShardInventory:
    gap = Gap(shard.account, shard.region, "ec2:DescribeRegions", "", GapKind.NEVER_ASKED, NOT_ENABLED)
    return ShardInventory(shard=shard, status=ShardStatus.SKIPPED, lists={}, settings=Unread(gap))

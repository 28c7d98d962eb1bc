"""What a scan collects: everything, or what its controls and formats need.

A pure derivation: controls -> columns -> reads -> operations, and the operations that must precede them. A
distributed scan computes it once, and passes the result to its workers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from scanner.app.criteria import Judgement
from scanner.evaluate.needs import reads_needed
from scanner.model.control import ALL
from scanner.model.manifest import CollectedReads, CollectMode
from scanner.model.resource_types import RESOURCE_LISTS
from scanner.services.catalogue import OPERATIONS, with_parents
from scanner.services.organizations import TREE
from scanner.services.supported import SUPPORTED

ALWAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "The caller, the role of each account, and the Regions that are enabled: the scope of the scan.": (
        "sts:GetCallerIdentity",
        "sts:AssumeRole",
        "ec2:DescribeRegions",
    ),
    "The organization, its accounts, and their units: the scope, names in reports, tiers and owners.": (
        "organizations:DescribeOrganization",
        "organizations:ListAccounts",
        *TREE,
    ),
    "What AWS Backup supports in a Region: which services there are, and which types this version misses.": (
        SUPPORTED,
    ),
    "The lists that name resources: the population of the reports. Details are read where they are needed.": (
        *RESOURCE_LISTS,
        "s3:GetBucketLocation",
    ),
    "Second sources of resources, which the inventory is compared with.": (
        "backup:ListProtectedResources",
        "resourcegroupstaggingapi:GetResources",
    ),
}
"""The operations that every scan calls, by the reason for them."""


def reads_of(
    mode: CollectMode | None, words: Sequence[str], judgement: Judgement, formats: Iterable[str] = ()
) -> CollectedReads | None:
    """Return what a scan collects; None: everything.

    `mode` None: what is needed, where the words (`--controls`, or those of audit.yaml) select controls; else
    everything.
    """
    # A narrowed scan only where the user named controls: "everything" must never become less by itself.
    is_narrowed = bool(words) and ALL not in words if mode is None else mode is CollectMode.NEEDED
    return needed_reads(judgement, formats) if is_narrowed else None


def needed_reads(judgement: Judgement, formats: Iterable[str] = ()) -> CollectedReads:
    """Return what a scan collects for a judgement and formats, and nothing else."""
    depends_on_tags = bool(judgement.tiers or judgement.owners or judgement.scopes)
    always = (operation for group in ALWAYS.values() for operation in group)
    needed = reads_needed(judgement.controls, formats, by_tags=depends_on_tags)
    return CollectedReads(
        controls=tuple(control.id for control in judgement.controls),
        formats=tuple(sorted(set(formats))),
        # Parents, such as ListBackupPlans for GetBackupPlan: a detail is read by ids from its list.
        operations=tuple(sorted(with_parents((*always, *needed)))),
    )


def left_out(reads: CollectedReads | None) -> tuple[str, ...]:
    """Return the operations that a scan leaves out, sorted."""
    return () if reads is None else tuple(sorted(OPERATIONS.keys() - set(reads.operations)))

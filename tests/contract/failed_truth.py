"""Account-Regions whose reading the manifest records as failed, although their files hold answers."""

from typing import Final

from tests.contract.world import EXISTS, FAIL, IN_PLAN, PASS, UNKNOWN, Truth
from tests.fakes.bundles import FAR, BundleBuilder, copy_to, rule, vault_arn, volume_arn

WITHIN_LOCK: Final = "rule-retention-within-vault-lock"
CROSS_REGION: Final = "resource-cross-region-copy"
NOT_ORPHANED: Final = "recovery-point-not-orphaned"


def shards(bundle: BundleBuilder) -> Truth:
    """A whole shard copies into one that failed: no list of that is whole, a vault's lock counts."""
    near = bundle.shard().volume("v1").volume("v2").vault("main")
    listed, absent = vault_arn("listed", region=FAR), vault_arn("absent", region=FAR)
    rules = [rule(CopyActions=[copy_to(listed, 35), copy_to(absent, 35)])]
    near.plan("p", rules=rules, selections=[{"Resources": [volume_arn("v1")]}])
    near.point("main", volume_arn("gone", region=FAR), arn="point-of-gone")
    near.point("main", volume_arn("far", region=FAR), arn="point-of-far")
    near.point("main", volume_arn("gone-here"), arn="point-of-gone-here")
    far = bundle.shard(region=FAR).volume("far").vault("listed", Locked=True, MaxRetentionDays=7)
    far.plan("q", rules=[rule(vault="listed")], selections=[{"Resources": [volume_arn("x", region=FAR)]}])
    bundle.record(**{FAR: "failed"})
    action = "arn:aws:backup:eu-west-1:111111111111:backup-plan:p#rule-daily->"
    return {
        (EXISTS, action + listed): UNKNOWN,
        (EXISTS, action + absent): UNKNOWN,
        (WITHIN_LOCK, action + listed): FAIL,
        (WITHIN_LOCK, action + absent): UNKNOWN,
        (CROSS_REGION, volume_arn("v1")): UNKNOWN,
        (IN_PLAN, volume_arn("v1")): PASS,
        (IN_PLAN, volume_arn("v2")): FAIL,
        (IN_PLAN, volume_arn("far", region=FAR)): UNKNOWN,
        (NOT_ORPHANED, "point-of-gone"): UNKNOWN,
        (NOT_ORPHANED, "point-of-far"): UNKNOWN,
        (NOT_ORPHANED, "point-of-gone-here"): FAIL,
        ("account-region-assessed", f"aws:account-region:111111111111/{FAR}"): FAIL,
    }

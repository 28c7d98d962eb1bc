"""The cases of other tools' own tests, asked of this one: the same estate, the verdict that AWS gives.

From Prowler's tests of its checks `ec2_ebs_volume_protected_by_backup_plan`,
`rds_instance_protected_by_backup_plan`, `rds_cluster_protected_by_backup_plan` and
`dynamodb_table_protected_by_backup_plan`, which hold a resource's ARN against the strings in `Resources`
of all selections. Where their answer is not AWS's, the case says so. The last cases are what such a
comparison of strings cannot see.
"""

from typing import Any, Final

from tests.contract.selections import condition, everything, tagged
from tests.contract.world import FAIL, IN_PLAN, PASS, Truth
from tests.fakes.bundles import BundleBuilder, rule

Selections = list[dict[str, Any]]

NO_PLAN: Final = None
OTHERS_DATABASE: Final = "arn:aws:rds:eu-west-1:210000000099:db:db-master-2"

# Case, selections, what is protected of: vt and vn volumes, db database, au cluster, tb table.
CASES: Final[tuple[tuple[str, Selections | None, str], ...]] = (
    ("no backup plan", NO_PLAN, ""),
    ("a plan that selects nothing", [], ""),
    ("a volume by its ARN", [{"Resources": ["{vt}"]}], "vt"),
    ("a database by its ARN", [{"Resources": ["{db}"]}], "db"),
    ("a cluster by its ARN", [{"Resources": ["{au}"]}], "au"),
    ("a table by its ARN", [{"Resources": ["{tb}"]}], "tb"),
    ("another database's ARN", [{"Resources": [OTHERS_DATABASE]}], ""),
    ("all volumes", [{"Resources": ["arn:aws:ec2:*:*:volume/*"]}], "vt vn"),
    ("all tables", [{"Resources": ["arn:aws:dynamodb:*:*:table/*"]}], "tb"),
    ("all clusters", [{"Resources": ["arn:aws:rds:*:*:cluster:*"]}], "au"),
    ("everything", [{"Resources": ["*"]}], "vt vn db au tb"),
    # They say that this protects databases; the ARN of a database says `db`, and nothing matches.
    ("all `instances` of RDS", [{"Resources": ["arn:aws:rds:*:*:instance:*"]}], ""),
    # They say that a selection by tags protects nothing.
    ("by tags alone", [{"ListOfTags": [tagged("backup", "yes")]}], "vt db"),
    # They say that everything is protected wherever a selection names everything.
    (
        "everything, on a condition",
        [{"Resources": ["*"], "Conditions": {"StringEquals": [condition("stage", "prod")]}}],
        "vt",
    ),
    ("everything but volumes", [{"Resources": ["*"], "NotResources": ["arn:aws:ec2:*"]}], "db au tb"),
    (
        "two selections add up, exclusions do not",
        [{"Resources": ["*"], "NotResources": ["{vt}"]}, {"Resources": ["{vt}"]}],
        "vt vn db au tb",
    ),
)


def build(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    for number, (_, selections, protected) in enumerate(CASES):
        script = bundle.shard(f"{220000000000 + number}")
        arns = everything(script)
        if selections is not None:
            script.plan("p", rules=[rule()], selections=[_named(one, arns) for one in selections])
        for name, arn in arns.items():
            truth[IN_PLAN, arn] = PASS if name in protected.split() else FAIL
    return truth


def _named(terms: dict[str, Any], arns: dict[str, str]) -> dict[str, Any]:
    """Put ARNs in the place of short names."""
    return {
        key: [arns.get(str(one).strip("{}"), one) for one in entry] if isinstance(entry, list) else entry
        for key, entry in terms.items()
    }

"""Facts 3.1 and 3.3: every form of a backup selection, with the opt-in on, off and unreadable."""

from typing import Any, Final

from tests.contract.world import FAIL, IN_PLAN, PASS, UNKNOWN, Truth
from tests.fakes.bundles import REGION, BundleBuilder, ShardScript, rule

Terms = dict[str, Any]

OFF: Final = {"EBS": False, "RDS": False, "Aurora": False}
UNREAD: Final = None
VOLUMES, DATABASES = "arn:aws:ec2:*:*:volume/*", "arn:aws:rds:*:*:db:*"


def tagged(key: str, value: str) -> Terms:
    return {"ConditionType": "STRINGEQUALS", "ConditionKey": key, "ConditionValue": value}


def condition(key: str, value: str) -> Terms:
    return {"ConditionKey": f"aws:ResourceTag/{key}", "ConditionValue": value}


BACKUP = tagged("backup", "yes")
PROD = condition("stage", "prod")

# What is selected of: vt volume {backup: yes, stage: prod}, vn volume without tags, db database
# {backup: yes}, au Aurora cluster {stage: test}, tb table {backup: Yes}. `?` after a name: unknown.
CELLS: Final[tuple[tuple[str, Terms, dict[str, bool] | None, str], ...]] = (
    ("an empty selection takes everything", {}, {}, "vt vn db au tb"),
    ("… that is opted in", {}, OFF, "tb"),
    ("* takes everything opted in", {"Resources": ["*"]}, OFF, "tb"),
    ("an exact ARN needs no opt-in", {"Resources": ["{vt}", "{db}"]}, OFF, "vt db"),
    ("an exact cluster ARN does", {"Resources": ["{au}"]}, OFF, ""),
    ("… and is selected with it", {"Resources": ["{au}"]}, {}, "au"),
    ("a cluster pattern needs it, too", {"Resources": ["arn:aws:rds:*:*:cluster:*"]}, OFF, ""),
    ("a type pattern needs none, and takes no cluster", {"Resources": [DATABASES]}, OFF, "db"),
    ("a service wildcard needs it by type", {"Resources": ["arn:aws:rds:*"]}, OFF, ""),
    ("a service wildcard takes all its types", {"Resources": ["arn:aws:rds:*"]}, {}, "db au"),
    ("tags are case sensitive", {"ListOfTags": [BACKUP]}, {}, "vt db"),
    ("tags need the opt-in", {"ListOfTags": [BACKUP]}, OFF, ""),
    ("tags are ORed", {"ListOfTags": [BACKUP, tagged("backup", "Yes")]}, {}, "vt db tb"),
    ("a key may carry its prefix", {"ListOfTags": [tagged("aws:ResourceTag/backup", "yes")]}, {}, "vt db"),
    ("resources and tags are a union", {"Resources": ["{vn}"], "ListOfTags": [BACKUP]}, {}, "vt vn db"),
    ("tags beside * restrict nothing", {"Resources": ["*"], "ListOfTags": [BACKUP]}, {}, "vt vn db au tb"),
    (
        "conditions narrow",
        {"Resources": ["{vn}"], "ListOfTags": [BACKUP], "Conditions": {"StringEquals": [PROD]}},
        {},
        "vt",
    ),
    (
        "a negative condition keeps the untagged",
        {"Conditions": {"StringNotEquals": [condition("stage", "test")]}},
        {},
        "vt vn db tb",
    ),
    (
        "conditions are ANDed over operators",
        {
            "Resources": ["*"],
            "Conditions": {
                "StringLike": [condition("backup", "y*")],
                "StringNotLike": [condition("stage", "p*")],
            },
        },
        {},
        "db",
    ),
    ("only NotResources: all but", {"NotResources": ["{vt}", "arn:aws:rds:*"]}, {}, "vn tb"),
    ("NotResources wins", {"Resources": ["*"], "NotResources": [VOLUMES]}, {}, "db au tb"),
    (
        "empty lists are absent ones",
        {"Resources": [], "ListOfTags": [], "Conditions": {}},
        {},
        "vt vn db au tb",
    ),
    ("ARNs are case sensitive", {"Resources": ["arn:aws:ec2:*:*:volume/VT"]}, {}, ""),
    ("another account's ARNs", {"Resources": ["arn:aws:ec2:*:210000000099:volume/*"]}, {}, ""),
    ("opt-in unreadable, and needed", {"Resources": ["*"]}, UNREAD, "vt? vn? db? au? tb?"),
    ("opt-in unreadable, tags", {"ListOfTags": [BACKUP]}, UNREAD, "vt? db?"),
    ("opt-in unreadable, partly needed", {"Resources": [DATABASES, "{au}"]}, UNREAD, "db au?"),
    ("opt-in unreadable, and excluded", {"NotResources": ["{vt}", "{tb}"]}, UNREAD, "vn? db? au?"),
)


def everything(script: ShardScript) -> dict[str, str]:
    """Put one of each kind into a shard; give the ARNs by short name."""
    rds = f"arn:aws:rds:{REGION}:{script.account}"
    script.vault("main").volume("vt", {"backup": "yes", "stage": "prod"}).volume("vn")
    script.listed(
        "rds:DescribeDBInstances",
        {
            "DBInstanceIdentifier": "db",
            "DBInstanceArn": f"{rds}:db:db",
            "DBInstanceStatus": "available",
            "Engine": "postgres",
            "TagList": [{"Key": "backup", "Value": "yes"}],
        },
    )
    script.listed(
        "rds:DescribeDBClusters",
        {
            "DBClusterIdentifier": "au",
            "DBClusterArn": f"{rds}:cluster:au",
            "Status": "available",
            "Engine": "aurora-postgresql",
            "TagList": [{"Key": "stage", "Value": "test"}],
        },
    )
    script.table("tb", {"backup": "Yes"})
    volume, table = (f"arn:aws:{kind}" for kind in ("ec2", "dynamodb"))
    place = f"{REGION}:{script.account}"
    return {
        "vt": f"{volume}:{place}:volume/vt",
        "vn": f"{volume}:{place}:volume/vn",
        "db": f"{rds}:db:db",
        "au": f"{rds}:cluster:au",
        "tb": f"{table}:{place}:table/tb",
    }


def build(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    for number, (_, terms, opt_in, selected) in enumerate(CELLS):
        script = bundle.shard(f"{210000000000 + number}")
        arns = everything(script)
        if opt_in is None:
            script.call("backup:DescribeRegionSettings", error="AccessDeniedException")
        else:
            script.settings(**opt_in)
        filled = {key: _filled(entry, arns) for key, entry in terms.items()}
        script.plan("p", rules=[rule()], selections=[filled])
        names = selected.split()
        for name, arn in arns.items():
            truth[IN_PLAN, arn] = PASS if name in names else UNKNOWN if f"{name}?" in names else FAIL
    return truth


def _filled(entry: object, arns: dict[str, str]) -> object:
    if not isinstance(entry, list):
        return entry
    return [arns.get(one.strip("{}"), one) if isinstance(one, str) else one for one in entry]

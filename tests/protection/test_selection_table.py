"""The tables of facts 3.1 and 3.3 row by row, each named after its row."""

from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from scanner.model.inventory import RegionSettings, Resource, SelectionTerms, TagCondition
from scanner.model.known import Known, Ternary, Unread
from scanner.protection.selection import OptIn, clause_results, selects
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, table_arn, volume_arn
from tests.fakes.models import UNREAD, condition, resource, terms

LISTED: Final = volume_arn("listed")
PROD: Final = condition("StringEquals", "aws:ResourceTag/stage", "prod")


def opted(*, on: bool) -> OptIn:
    names = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "FSx", "Neptune", "RDS", "S3")
    return OptIn(Known(RegionSettings(dict.fromkeys(names, on), {})), "account 1")


ON, OFF, UNTOLD = opted(on=True), opted(on=False), OptIn(UNREAD, "account 1")

# listed and tagged prod; listed and tagged dev; listed only; tagged prod only; tagged dev only; neither
CORNERS: Final = tuple(
    resource(arn, tags=tags)
    for arn, tags in (
        (LISTED, {"backup": "yes", "stage": "prod"}),
        (LISTED, {"backup": "yes", "stage": "dev"}),
        (LISTED, {}),
        (volume_arn("other"), {"backup": "yes", "stage": "prod"}),
        (volume_arn("other"), {"backup": "yes", "stage": "dev"}),
        (volume_arn("other"), {}),
    )
)
TAGS: Final = {"backup": "yes"}

# Facts 3.1: Resources | ListOfTags | Conditions | NotResources, and which corners they select
ROWS: Final[dict[str, tuple[SelectionTerms, str]]] = {
    "- | - | - | -: everything supported and opted in": (terms(), "yyyyyy"),
    "* | - | - | -: all": (terms(("*",)), "yyyyyy"),
    "list | - | - | -: ARNs matching any": (terms((table_arn("t"), LISTED)), "yyynnn"),
    "- | tags | - | -: resources with any of the tags": (terms(tags=TAGS), "yynyyn"),
    "list | tags | - | -: union": (terms((LISTED,), TAGS), "yyyyyn"),
    "* | tags | - | -: everything, the tags restrict nothing": (terms(("*",), TAGS), "yyyyyy"),
    "list | - | conds | -: listed and all conditions": (terms((LISTED,), conditions=(PROD,)), "ynnnnn"),
    "list | tags | conds | -: (listed or tagged) and all conditions": (
        terms((LISTED,), TAGS, (PROD,)),
        "ynnynn",
    ),
    "- | - | conds | -: all supported meeting all conditions": (terms(conditions=(PROD,)), "ynnynn"),
    "- | - | - | list: all supported except listed": (terms(excluded=(LISTED,)), "nnnyyy"),
    "list | tags | conds | list: minus the listed": (
        terms((LISTED,), TAGS, (PROD,), (LISTED,)),
        "nnnynn",
    ),
    "* | tags | - | list: minus the listed": (terms(("*",), TAGS, (), (LISTED,)), "nnnyyy"),
    "list | - | - | list: minus the listed": (terms((LISTED,), excluded=("arn:aws:ec2:*",)), "nnnnnn"),
}


@pytest.mark.parametrize("row", ROWS)
def test_selection_table(row: str) -> None:
    wanted, corners = ROWS[row]
    assert "".join("y" if selects(wanted, one, ON).value else "n" for one in CORNERS) == corners
    assert all(selects(wanted, one, ON).because for one in CORNERS)


RDS: Final = f"arn:aws:rds:{REGION}:{ACCOUNT}"
VOLUME: Final = resource(volume_arn("vol-1"), "EBS", TAGS)
INSTANCE: Final = resource(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1", "EC2", TAGS)
DATABASE: Final = resource(f"{RDS}:db:d", "RDS", TAGS)
BUCKET: Final = resource("arn:aws:s3:::logs", "S3", TAGS)
CLUSTERS: Final = tuple(
    resource(f"{RDS}:cluster:c", kind, TAGS) for kind in ("Aurora", "Neptune", "DocumentDB")
)
MULTI_AZ: Final = resource(f"{RDS}:cluster:c", "RDS", TAGS, capability="RDS_MULTI_AZ_CLUSTER")
FSX: Final = tuple(
    resource(f"arn:aws:fsx:{REGION}:{ACCOUNT}:{name}", "FSx", TAGS, capability=row)
    for name, row in (
        ("file-system/fs-1", "FSx_LUSTRE"),
        ("file-system/fs-2", "FSx_OPENZFS"),
        ("volume/fs-1/fsvol-1", "FSx_ONTAP"),
    )
)
HOLDS: Final = (condition("StringEquals", "aws:ResourceTag/backup", "yes"),)


@dataclass(frozen=True, slots=True)
class Form:
    """A form of assignment, and what it is asked of."""

    wanted: SelectionTerms
    asked: tuple[Resource, ...] = field(default=(VOLUME,))


DECIDES: Final[dict[str, Ternary]] = {"yes": True, "no": False, "not documented": None}

# Facts 3.3, row by row: does the opt-in decide?
FORMS: Final[dict[str, Form]] = {
    "tags only: yes": Form(terms(tags=TAGS), (VOLUME, INSTANCE, DATABASE, BUCKET, *CLUSTERS, *FSX)),
    "*: yes": Form(terms(("*",)), (VOLUME, INSTANCE, DATABASE, BUCKET, *CLUSTERS, *FSX)),
    "nothing: yes": Form(terms(), (VOLUME, INSTANCE, DATABASE, BUCKET, *CLUSTERS, *FSX)),
    "service wildcard arn:aws:ec2:*: yes": Form(terms(("arn:aws:ec2:*",)), (VOLUME, INSTANCE)),
    "service wildcard in six fields: yes": Form(terms(("arn:aws:ec2:*:*:*",)), (VOLUME, INSTANCE)),
    "service wildcard of one Region: yes": Form(terms((f"arn:aws:ec2:{REGION}:*",))),
    "service wildcard arn:aws:rds:*: yes": Form(terms(("arn:aws:rds:*",)), (DATABASE, *CLUSTERS)),
    "service wildcard arn:aws:s3:*: yes": Form(terms(("arn:aws:s3:*",)), (BUCKET,)),
    "type pattern: no": Form(terms(("arn:aws:ec2:*:*:instance/*",)), (INSTANCE,)),
    "type pattern of databases: no": Form(terms(("arn:aws:rds:*:*:db:*",)), (DATABASE,)),
    "type pattern of buckets: no": Form(terms(("arn:aws:s3:::*",)), (BUCKET,)),
    "type pattern of every partition: no": Form(terms(("arn:*:ec2:*:*:volume/*",))),
    "exact ARN: no": Form(terms((VOLUME.arn, BUCKET.arn)), (VOLUME, BUCKET)),
    "exact ARN beside tags: no": Form(terms((VOLUME.arn,), TAGS)),
    "exact ARN beside *: no": Form(terms(("*", VOLUME.arn))),
    "type and conditions: no": Form(terms(("arn:aws:ec2:*:*:volume/*",), conditions=HOLDS)),
    "cluster pattern: yes": Form(terms(("arn:aws:rds:*:*:cluster:*",)), CLUSTERS),
    "exact cluster ARN: yes": Form(terms((f"{RDS}:cluster:c",)), CLUSTERS),
    "FSx by pattern: yes": Form(terms(("arn:aws:fsx:*:*:file-system/*",)), FSX[:2]),
    "FSx by exact ARN: yes": Form(terms(tuple(one.arn for one in FSX)), FSX),
    "Multi-AZ DB cluster by exact ARN: not documented": Form(terms((MULTI_AZ.arn,)), (MULTI_AZ,)),
    "Multi-AZ DB cluster by *: yes": Form(terms(("*",)), (MULTI_AZ,)),
    "half a type: not documented": Form(terms(("arn:aws:ec2:*:*:vol*",))),
    "type behind a wildcard: not documented": Form(terms(("arn:aws:ec2:*volume/vol-1",))),
    "type of any service: not documented": Form(terms(("arn:aws:*:*:*:volume/*",))),
    "bucket behind a Region: not documented": Form(terms(("arn:aws:s3:*:*:*",)), (BUCKET,)),
    "end of a name: yes": Form(terms(("arn:aws:ec2:*:*:*-1",))),
}


@pytest.mark.parametrize("row", FORMS)
def test_opt_in_by_form_of_assignment(row: str) -> None:
    form, decides = FORMS[row], DECIDES[row.rpartition(": ")[2]]
    for one in form.asked:
        reach = clause_results(form.wanted, one, ON)
        assert reach is not None
        assert reach.opt_in_decides is decides
        assert selects(form.wanted, one, ON).value is True
        assert selects(form.wanted, one, OFF).value is {True: False, False: True, None: None}[decides]
        assert selects(form.wanted, one, UNTOLD).value is {True: None, False: True, None: None}[decides]


def entries(arn: str) -> tuple[str, ...]:
    return (arn, f"{arn[:-1]}*")


@pytest.mark.parametrize(
    "entry",
    [
        *entries(volume_arn("vol-1", OTHER)),
        *entries(volume_arn("vol-1", region="us-east-1")),
        *entries(volume_arn("vol-1").replace("arn:aws:", "arn:aws-cn:")),
        f"arn:aws:ec2:*:{OTHER}:*",
        "arn:aws:ec2:us-east-1:*:volume/*",
        "arn:aws-us-gov:ec2:*",
        "VOL-1",
        "arn:aws:ec2:*:*:volume/VOL-1",
        "vol-1",
        "",
    ],
)
def test_an_entry_of_another_account_region_or_partition_selects_nothing_here(entry: str) -> None:
    assert selects(terms((entry,)), VOLUME, ON).value is False
    assert selects(terms((entry,)), VOLUME, UNTOLD).because == "neither Resources nor ListOfTags matches it"
    assert selects(terms(("*",), excluded=(entry,)), VOLUME, ON).value is True


def test_a_bucket_is_named_without_region_and_account() -> None:
    assert selects(terms(("arn:aws:s3:::logs",)), BUCKET, OFF).value is True
    assert selects(terms((f"arn:aws:s3:{REGION}:{ACCOUNT}:logs",)), BUCKET, OFF).value is False


@pytest.mark.parametrize(
    ("key", "operator", "tags", "expected"),
    [
        ("stage", "StringEquals", {"stage": "prod"}, None),
        ("stage", "StringEquals", {"stage": "dev"}, False),
        ("stage", "StringLike", {}, False),
        ("stage", "StringNotEquals", {"stage": "prod"}, None),
        ("stage", "StringNotEquals", {"stage": "dev"}, True),
        ("stage", "StringNotLike", {}, True),
        ("aws:PrincipalOrgID", "StringNotEquals", {}, None),
        ("aws:resourcetag/stage", "StringEquals", {"stage": "prod"}, None),
        ("aws:ResourceTag/stage", "stringequals", {"stage": "prod"}, None),
        ("aws:ResourceTag/Stage", "StringEquals", {"stage": "prod"}, False),
    ],
)
def test_a_condition_that_aws_does_not_document_decides_only_where_every_reading_agrees(
    key: str, operator: str, tags: dict[str, str], *, expected: Ternary
) -> None:
    wanted = terms(conditions=(condition(operator, key, "prod"),))
    assert selects(wanted, resource(tags=tags), ON).value is expected


def test_list_of_tags_knows_equality_alone() -> None:
    wanted = SelectionTerms((), (), (TagCondition("StringLike", "stage", "prod*"),), (), None)
    assert selects(wanted, resource(tags={"stage": "production"}), ON).value is None
    system = terms(tags={"aws:cloudformation:stack-name": "web"})
    assert selects(system, resource(tags={"aws:cloudformation:stack-name": "web"}), ON).value is True
    assert selects(system, resource(tags={}), ON).value is False


# Each answer says what decided it.


@pytest.mark.parametrize(
    ("wanted", "opt_in", "said"),
    [
        (terms(), ON, "it selects everything, account 1 is opted in to EBS in this Region"),
        (
            terms((VOLUME.arn,)),
            OFF,
            f"Resources contains {VOLUME.arn}, which names its type, so the opt-in has no effect",
        ),
        (
            terms(tags=TAGS, conditions=HOLDS),
            ON,
            (
                "ListOfTags contains backup=yes, its conditions are met, "
                "account 1 is opted in to EBS in this Region"
            ),
        ),
        (terms(tags=TAGS), OFF, "account 1 is not opted in to EBS in this Region"),
        (terms(tags=TAGS), UNTOLD, "the opt-in settings of account 1 were not read"),
        (terms(tags={"backup": "no"}), ON, "neither Resources nor ListOfTags matches it"),
        (terms(excluded=("arn:aws:ec2:*",)), ON, "NotResources contains arn:aws:ec2:*"),
        (
            terms(conditions=(PROD,)),
            ON,
            "the condition StringEquals aws:ResourceTag/stage=prod is not met",
        ),
        (
            terms(("arn:aws:ec2:*:*:vol*",)),
            OFF,
            (
                "AWS does not document whether the opt-in applies to such an entry of Resources, "
                "and account 1 is not opted in to EBS in this Region"
            ),
        ),
    ],
)
def test_the_reason_names_the_clause(wanted: SelectionTerms, opt_in: OptIn, said: str) -> None:
    assert selects(wanted, VOLUME, opt_in).because == said


def test_a_leftover_of_a_restore_test_is_not_selected_and_says_so() -> None:
    left_over = resource(tags={"awsbackup-restore-test": "job"})
    assert (
        selects(terms(), left_over, ON).because
        == "ordinary backup plans ignore resources that a restore test created"
    )


@pytest.mark.parametrize(
    ("wanted", "tags", "missing"),
    [
        (terms(tags=TAGS), None, "tags"),
        (terms((VOLUME.arn,), conditions=HOLDS), None, "tags"),
        (terms(), None, "settings"),
        (terms(tags=TAGS), TAGS, "settings"),
        (terms(("arn:aws:ec2:*:*:vol*",)), TAGS, "settings"),
    ],
)
def test_the_read_that_is_missing_is_named(
    wanted: SelectionTerms, tags: dict[str, str] | None, missing: str
) -> None:
    untold = OptIn(Unread(replace(UNREAD.gap, operation="settings")), "account 1")
    one = resource(tags=tags)
    one = replace(one, tags=Unread(replace(UNREAD.gap, operation="tags"))) if tags is None else one
    reach = clause_results(wanted, one, untold)
    assert reach is not None
    gap = reach.gap(one, untold)
    assert gap is not None
    assert gap.operation == missing

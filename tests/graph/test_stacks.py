"""What the backup of a CloudFormation stack covers: what is in it, and in the stacks nested in it."""

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bundles import (
    ACCOUNT,
    REGION,
    BundleBuilder,
    Facts,
    ShardScript,
    copy_to,
    facts_of,
    refuse,
    rule,
    vault_arn,
    volume_arn,
)


def stack_arn(name: str) -> str:
    return f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/4f2c6d10-0000-11f0-8de9-0242ac120002"


ROOT, NESTED, DEEP, GONE = (stack_arn(name) for name in ("root", "root-Network-1A", "root-Deep-2B", "gone"))
LIST = "cloudformation:DescribeStacks"


def stacks(script: ShardScript) -> ShardScript:
    for arn, parent in ((ROOT, None), (NESTED, ROOT), (DEEP, NESTED)):
        fields = {
            "StackId": arn,
            "StackName": arn.split("/")[1],
            "StackStatus": "UPDATE_COMPLETE",
            "Tags": [],
        }
        script.listed(LIST, {**fields, **({"ParentId": parent, "RootId": ROOT} if parent else {})})
    return script


def volumes(script: ShardScript) -> ShardScript:
    script.instance("i-1", {"aws:cloudformation:stack-id": NESTED})
    script.volume("on-instance", Attachments=[{"InstanceId": "i-1", "State": "attached"}])
    for name, arn in (("in-root", ROOT), ("in-nested", NESTED), ("in-deep", DEEP), ("left", GONE)):
        script.volume(name, {"aws:cloudformation:stack-id": arn})
    return script


@pytest.fixture
def builder(tmp_path: Path) -> BundleBuilder:
    return BundleBuilder(tmp_path)


def covered(facts: Facts) -> dict[str, Any]:
    result = {arn.rpartition("/")[2]: row.covered for arn, row in facts["resource"].items()}  # type: ignore[attr-defined]
    return {name: result[name] for name in ("on-instance", "in-root", "in-nested", "in-deep", "left")}


def of_plan(builder: BundleBuilder, *selections: dict[str, Any]) -> BundleBuilder:
    volumes(stacks(builder.shard()))
    builder.shard().settings(CloudFormation=True).plan("p", rules=[rule()], selections=list(selections))
    return builder


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({"Resources": [ROOT]}, {"on-instance": True, "in-root": True, "in-nested": True, "in-deep": True}),
        ({"Resources": [NESTED]}, {"on-instance": True, "in-nested": True, "in-deep": True}),
        ({"Resources": ["arn:aws:cloudformation:*:*:stack/root-Deep*"]}, {"in-deep": True}),
        ({"Resources": [GONE]}, {}),
        (
            {"Resources": [ROOT], "NotResources": [volume_arn("in-nested")]},
            {"on-instance": True, "in-root": True, "in-deep": True},
        ),
        ({"Resources": [ROOT], "NotResources": [NESTED]}, {"in-root": True}),
        (
            {"Resources": [ROOT], "NotResources": ["arn:aws:ec2:*:*:instance/*"]},
            {"in-root": True, "in-nested": True, "in-deep": True},
        ),
        ({"Resources": [volume_arn("left")]}, {"left": True}),
    ],
)
def test_a_stack_covers_what_is_in_it(
    builder: BundleBuilder, selection: dict[str, Any], expected: dict[str, bool]
) -> None:
    names = ("on-instance", "in-root", "in-nested", "in-deep", "left")
    wanted = dict.fromkeys(names, False) | expected
    assert covered(facts_of(of_plan(builder, selection).write())) == wanted


def test_coverage_names_the_stack(builder: BundleBuilder) -> None:
    facts = facts_of(of_plan(builder, {"Resources": [ROOT]}).write())
    (way,) = facts["resource"][volume_arn("in-deep")].covered_by  # type: ignore[attr-defined]
    assert (way.via, way.parent) == ("stack", ROOT)
    assert facts["resource"][DEEP].covered is True  # type: ignore[attr-defined]


def test_nothing_is_inherited_where_it_does_not_count(builder: BundleBuilder) -> None:
    facts = facts_of(of_plan(builder, {"Resources": [ROOT]}).write(), inherit=False)
    assert set(covered(facts).values()) == {False}


def test_stacks_that_were_not_listed_leave_it_open(builder: BundleBuilder) -> None:
    lines = refuse(of_plan(builder, {"Resources": [ROOT, GONE]}).lines(), LIST)
    result = covered(facts_of(builder.write(lines)))
    assert result["in-root"] is None
    assert result["left"] is None


def test_a_stack_whose_opt_in_is_not_told_is_open(builder: BundleBuilder) -> None:
    """What selects by tag obeys the opt-in: the stack itself is in doubt, and so is what is in it."""
    volumes(stacks(builder.shard()))
    tags = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}
    builder.shard().listed(
        LIST,
        {
            "StackId": GONE,
            "StackName": "gone",
            "StackStatus": "CREATE_COMPLETE",
            "Tags": [{"Key": "backup", "Value": "yes"}],
        },
    )
    opt_in = {"ResourceTypeOptInPreference": {"EBS": True}, "ResourceTypeManagementPreference": {}}
    builder.shard().call("backup:DescribeRegionSettings", opt_in)
    builder.shard().plan("p", rules=[rule()], selections=[{"ListOfTags": [tags]}])
    facts = facts_of(builder.write())
    row = facts["resource"][volume_arn("left")]
    assert row.covered is None  # type: ignore[attr-defined]
    assert any("opt-in for CloudFormation" in note.reason for note in row.not_known)


def untold(builder: BundleBuilder) -> str:
    """A table whose tags, and with them its stack, are told by the tagging API alone; it is refused."""
    builder.shard().table("t", {"aws:cloudformation:stack-id": ROOT})
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"


@pytest.mark.parametrize("refused", [(), (LIST,)])
def test_without_tags_any_stack_may_hold_it(builder: BundleBuilder, refused: tuple[str, ...]) -> None:
    table = untold(builder)
    builder.shard().vault("main").point("main", ROOT)
    lines = of_plan(builder, {"Resources": [ROOT]}).lines()
    for name in ("resourcegroupstaggingapi:GetResources", *refused):
        lines = refuse(lines, name)
    row: Any = facts_of(builder.write(lines))["resource"][table]
    assert row.covered is None
    assert row.newest_recovery_points == (None,)


def test_with_tags_it_is_in_its_stack_and_in_no_other(builder: BundleBuilder) -> None:
    table = untold(builder)
    builder.shard().vault("main").point("main", NESTED)
    row: Any = facts_of(of_plan(builder, {"Resources": [NESTED]}).write())["resource"][table]
    assert row.covered is False
    assert row.newest_recovery_points == ()


# Copies of what is part of a stack


def copied(builder: BundleBuilder, far: str) -> dict[str, Any]:
    shard = builder.shard().settings(CloudFormation=True, managed=False)
    shard.table("basic", {"aws:cloudformation:stack-id": ROOT})
    terms = rule(CopyActions=[copy_to(vault_arn("far", ACCOUNT, far))])
    volumes(stacks(shard)).plan("p", rules=[terms], selections=[{"Resources": [ROOT]}])
    builder.shard(ACCOUNT, far).vault("far")
    rows = facts_of(builder.write())["resource"]
    return {
        arn.rpartition("/")[2]: [copy and copy.effective for copy in row.copies]  # type: ignore[attr-defined]
        for arn, row in rows.items()
    }


def test_what_is_part_of_a_stack_is_copied_as_its_own_type_is(builder: BundleBuilder) -> None:
    """Rulings 3 and 4: a table without advanced features is copied nowhere, not within a stack either."""
    found = copied(builder, "eu-central-1")
    assert found["in-root"] == [True]
    assert found["basic"] == [False]


def test_what_is_part_of_a_stack_is_among_what_a_rule_copies(builder: BundleBuilder) -> None:
    copied(builder, "eu-central-1")
    (action,) = facts_of(builder.write())["copy_action"].values()
    supported = {each.resource: each.supported for each in action.supported if each}  # type: ignore[attr-defined]
    assert supported[ROOT] is True
    assert supported[volume_arn("in-root")] is True
    assert [holds for arn, holds in supported.items() if arn.endswith("table/basic")] == [False]


def test_a_nested_stack_whose_parent_is_on_a_page_that_was_not_read_is_open(builder: BundleBuilder) -> None:
    """The instances were not read either: what a nested stack names is no instance."""
    result = {
        "StackId": NESTED,
        "StackName": "n",
        "StackStatus": "UPDATE_COMPLETE",
        "ParentId": ROOT,
        "Tags": [],
    }
    builder.shard().settings(CloudFormation=True).listed(LIST, result)
    builder.shard().volume("in-nested", {"aws:cloudformation:stack-id": NESTED})
    builder.shard().plan("p", rules=[rule()], selections=[{"Resources": [ROOT]}])
    lines = refuse(builder.lines(), "ec2:DescribeInstances")
    half_read = {
        stem: [
            {**line, "response": {**line["response"], "NextToken": "lost"}}
            if line["operation"] == "DescribeStacks"
            else line
            for line in of_file
        ]
        for stem, of_file in lines.items()
    }
    rows: Any = facts_of(builder.write(half_read))["resource"]
    assert (rows[NESTED].covered, rows[volume_arn("in-nested")].covered) == (None, None)
    assert any("names but which was not listed" in note.reason for note in rows[NESTED].not_known)


@pytest.mark.parametrize(("entry", "expected"), [(ROOT, None), (GONE, None), (volume_arn("other"), False)])
def test_a_stack_that_was_not_listed_may_be_nested_in_one_that_is_named(
    builder: BundleBuilder, entry: str, *, expected: bool | None
) -> None:
    lines = refuse(of_plan(builder, {"Resources": [entry]}).lines(), LIST)
    assert covered(facts_of(builder.write(lines)))["in-nested"] is expected


@pytest.mark.parametrize(
    ("selections", "expected"),
    [(({"Resources": [ROOT]},), None), (({"Resources": [GONE]},), False), ((), False)],
)
def test_an_instance_that_was_not_listed_may_be_part_of_a_stack(
    builder: BundleBuilder, selections: tuple[dict[str, Any], ...], *, expected: bool | None
) -> None:
    lines = refuse(of_plan(builder, *selections).lines(), "ec2:DescribeInstances")
    assert covered(facts_of(builder.write(lines)))["on-instance"] is expected
    result = covered(facts_of(builder.folder, inherit=False))
    assert result["on-instance"] is False

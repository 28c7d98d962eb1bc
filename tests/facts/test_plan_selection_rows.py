"""How much the selections of a plan select together."""

from pathlib import Path
from typing import Any

import pytest

from scanner.facts.copy_action import RuleReach
from scanner.facts.plan import plan_row
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import PlanFacts, SelectionFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    AS_OF,
    BundleBuilder,
    facts_of,
    inventories_of,
    plan_arn,
    plane_of,
    refuse,
    rule,
    volume_arn,
)

FIRST, SECOND = {"Resources": [volume_arn("vol-1")]}, {"Resources": ["arn:aws:ec2:*:*:volume/*"]}
GONE = {"Resources": [volume_arn("gone")]}


def facts(tmp_path: Path, *selections: dict[str, Any], refused: str = "") -> dict[str, dict[str, Any]]:
    builder = BundleBuilder(tmp_path)
    builder.account()
    shard = builder.shard().volume("vol-1").volume("vol-2").volume("deleting", State="deleting")
    shard.volume("unknown", State=None) if refused == "state" else None
    shard.plan("p", rules=[rule()], selections=selections)
    lines = refuse(builder.lines(), refused) if ":" in refused else builder.lines()
    return facts_of(builder.write(lines))


@pytest.mark.parametrize(
    ("selections", "refused", "expected"),
    [
        ((), "", (0, False, 0)),
        ((GONE,), "", (1, False, 0)),
        ((FIRST,), "", (1, True, 1)),
        ((FIRST, SECOND, GONE), "", (3, True, 2)),
        ((FIRST,), "ec2:DescribeVolumes", (1, None, None)),
        ((FIRST,), "backup:GetBackupSelection", (1, None, None)),
        ((FIRST,), "backup:ListBackupSelections", (None, None, None)),
        ((FIRST,), "backup:GetBackupPlan", (1, None, 1)),
        ((), "backup:GetBackupPlan", (0, None, 0)),
        ((SECOND,), "state", (1, True, None)),
    ],
)
def test_how_much_is_selected(
    tmp_path: Path,
    selections: tuple[dict[str, Any], ...],
    refused: str,
    expected: tuple[int | None, Ternary, int | None],
) -> None:
    row = facts(tmp_path, *selections, refused=refused)["plan"][plan_arn("p")]
    assert isinstance(row, PlanFacts)
    assert (row.selections, row.selects_resources, row.selected_count) == expected
    about = {note.about for note in row.not_known}
    columns = ("selections", "selects_resources", "selected_count")
    assert {name for name, value in zip(columns, expected, strict=True) if value is None} <= about


def test_what_is_skipped_in_its_state_is_not_selected(tmp_path: Path) -> None:
    """Ruling 5: a volume that is being deleted is nobody's success."""
    row = facts(tmp_path, {"Resources": [volume_arn("deleting")]})["selection"][f"{plan_arn('p')}#s1"]
    assert isinstance(row, SelectionFacts)
    assert (row.selects_resources, row.selected) == (False, ())


def test_a_plan_tells_which_reads_its_row_misses(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    builder.account()
    builder.shard().plan("p", rules=[rule()], selections=[FIRST])
    bundle = builder.write(refuse(builder.lines(), "backup:GetBackupPlan"))
    inventory = next(each for each in inventories_of(bundle) if each.plans)
    graph = ShardGraph(inventory, plane_of(bundle))
    (plan,) = inventory.plans
    _, notes = plan_row(graph, plan, RuleReach((), None), AS_OF)
    assert [gap.operation for gap in notes.needed] == ["backup:GetBackupPlan"]

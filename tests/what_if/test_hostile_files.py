"""Files that no tool writes: each is refused in a sentence or read as far as it goes, and nothing breaks."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from scanner.errors import VaultproofError
from scanner.evidence.bundle import Bundle
from scanner.what_if.changes import Defaults
from scanner.what_if.overlay import write_overlay
from scanner.what_if.read import read_changes
from scanner.yamlfile import read_yaml
from tests.fakes.bundles import BundleBuilder, rule
from tests.what_if.terraform_plans import change, lifecycle, plan
from tests.what_if.terraform_plans import rule as block
from tests.what_if.test_cloudformation import TEMPLATE
from tests.what_if.test_terraform import created

ACCOUNT, REGION = "333333333333", "eu-west-1"
ODD: tuple[Any, ...] = (
    None,
    True,
    7,
    -1.5,
    "x",
    "",
    [],
    [None],
    ["x"],
    {},
    {"a": 1},
    {"Ref": 1},
    [[]],
    [{"": []}],
)


def documents() -> dict[str, Any]:
    before = {"arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:daily", "id": "daily", "name": "daily"}
    copies = [{"destination_vault_arn": "arn:x", "lifecycle": lifecycle(7)}]
    after = {**before, "rule": [block(lifecycle=lifecycle(9), copy_action=copies)]}
    lock = {"backup_vault_name": "main", "min_retention_days": 1, "changeable_for_days": 3}
    existing = plan(
        change("aws_backup_plan.daily", ["update"], before=before, after=after),
        change("aws_backup_vault_lock_configuration.main", ["create"], after=lock),
        change(
            "aws_backup_region_settings.r",
            ["update"],
            after={"resource_type_opt_in_preference": {"EBS": True}},
        ),
    )
    template, _ = read_yaml(TEMPLATE, "t", short_forms=True)
    assert template is not None
    rules = {"RuleName": "daily", "TargetBackupVaultName": "main", "Lifecycle": {"DeleteAfterDays": 1}}
    own = [
        {"BackupPlanId": "daily", "BackupPlan": {"BackupPlanName": "daily", "Rules": [rules]}},
        {
            "BackupPlanId": "daily",
            "BackupSelection": {"SelectionName": "s", "IamRoleArn": "r", "Resources": ["*"]},
        },
        {"BackupVaultName": "main", "Policy": {"Statement": []}},
        {"BackupVaultName": "main", "MinRetentionDays": 1, "ChangeableForDays": 3},
        {"ResourceARN": "arn:aws:ec2:eu-west-1:333333333333:volume/vol-1", "Tags": {"a": "b"}},
        {"account": ACCOUNT, "region": REGION, "action": "remove", "change": {"BackupPlanId": "other"}},
    ]
    return {"created": created(), "existing": existing, "template": template.data, "own": own}


def paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in (
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    ):
        yield from paths(value, (*path, key))


def mutated(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["created", "existing", "template", "own"])
def test_odd_values_in_every_place(tmp_path: Path, name: str) -> None:
    builder = BundleBuilder(tmp_path / "scan")
    builder.shard(ACCOUNT).vault("main").plan("daily", rules=[rule()]).plan("other").volume(
        "vol-1"
    ).settings()
    bundle = Bundle(builder.write())
    document, sentences = documents()[name], list[str]()
    file = tmp_path / "change.json"
    for number, path in enumerate(paths(document)):
        value = ODD[number % len(ODD)]
        for odd in (value, ODD[(number * 5 + 3) % len(ODD)]):
            file.write_bytes(orjson.dumps(mutated(document, path, odd)))
            try:
                changes = read_changes([file], Defaults(ACCOUNT, REGION))
                write_overlay(bundle, changes.changes, tmp_path / "what-if")
            except VaultproofError as problem:
                sentences.append(str(problem))
            except Exception as problem:
                raise AssertionError(f"{path} = {odd!r}") from problem
    assert all("\n" not in sentence for sentence in sentences)

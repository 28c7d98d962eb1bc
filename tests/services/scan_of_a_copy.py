"""Scans a fake AWS with the `scanner` that comes first on the path, and prints what became of it as JSON.

    python -m tests.services.scan_of_a_copy FOLDER [OPERATION ...]

Each OPERATION is refused. `test_new_services.py` runs it with a copy of the source to which it has added a
service: the tables by operation are built when the package is imported, so a new process is needed.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from scanner.app.collection import collect
from scanner.collect.request import CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.evidence.bundle import Bundle
from scanner.model.facts import PlanFacts
from scanner.model.known import Unread
from scripts import pagination
from tests.fakes.aws import CALLER, FakeAws, error, serve
from tests.fakes.bundles import facts_of, inventories_of
from tests.fakes.reads import operations_read

PLAN = {"BackupPlanId": "plan-1", "BackupPlanName": "everything"}
RULE = {"RuleId": "rule-1", "RuleName": "daily", "TargetBackupVaultName": "main"}
SELECTION = {"SelectionId": "selection-1", "SelectionName": "all"}
SCRIPT: dict[str, Any] = {
    # Without Timestream: the fake names no endpoint to call for it.
    "backup:GetSupportedResourceTypes": {"ResourceTypes": ["EBS", "EC2", "EFS"]},
    "backup:ListBackupPlans": {"BackupPlansList": [PLAN]},
    "backup:GetBackupPlan": {
        "BackupPlanId": "plan-1",
        "BackupPlan": {"BackupPlanName": "x", "Rules": [RULE]},
    },
    "backup:ListBackupSelections": {"BackupSelectionsList": [SELECTION]},
    "backup:GetBackupSelection": {
        "SelectionId": "selection-1",
        "BackupPlanId": "plan-1",
        "BackupSelection": {"SelectionName": "all", "IamRoleArn": "arn:r", "Resources": ["*"]},
    },
}


def main(folder: Path, refused: list[str]) -> dict[str, Any]:
    """Scan, and return what the inventory and the facts say."""
    pagination.FILE.write_bytes(pagination.content())  # `make generated`
    with serve() as (fake, url):
        _lead_to(url)
        _script(fake, refused)
        collect(CollectRequest(regions=("eu-west-1",), retries=RetryPolicy(1)), folder)
    (shard,) = [one for one in inventories_of(folder) if one.shard.region == "eu-west-1"]
    (plan,) = facts_of(folder)["plan"].values()
    assert isinstance(plan, PlanFacts)
    return {
        "called": sorted({request.key for request in fake.requests}),
        "status": shard.status.value,
        "gaps": sorted({gap.operation for gap in shard.gaps}),
        "unread": sorted(name for name, reading in shard.lists.items() if isinstance(reading, Unread)),
        "resources": sorted(f"{resource.type} {resource.name}" for resource in shard.resources),
        "covers_resources": plan.covers_resources,
        "parsed": sorted(operations_read([Bundle(folder)])),
    }


def _lead_to(url: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": f"AKIA{CALLER}BASE",
        "AWS_SECRET_ACCESS_KEY": "base-secret",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _script(fake: FakeAws, refused: list[str]) -> None:
    fake.script |= SCRIPT
    fake.script |= dict.fromkeys(refused, error("AccessDeniedException"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2:])))

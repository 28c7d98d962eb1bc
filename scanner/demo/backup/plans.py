"""Plans and their selections."""

from typing import Any

from moto.backup.exceptions import ResourceNotFoundException
from moto.backup.models import Plan

from scanner.demo.backup.backend import Selection
from scanner.demo.backup.base import Operations, answer


def _ids(selection: Selection) -> dict[str, Any]:
    return {
        "SelectionId": selection.selection_id,
        "BackupPlanId": selection.plan_id,
        "CreationDate": selection.created,
    }


def _summary(selection: Selection) -> dict[str, Any]:
    named = {key: selection.body[key] for key in ("SelectionName", "IamRoleArn")}
    return {**_ids(selection), **named, "CreatorRequestId": selection.creator_request_id}


class PlanOperations(Operations):
    """The plan and selection calls."""

    def list_backup_plans(self) -> str:
        """ListBackupPlans; deleted plans only with IncludeDeleted."""
        plans = self.backend.list_backup_plans(include_deleted=self._get_param("IncludeDeleted"))
        return answer({"BackupPlansList": [plan.to_list_dict() for plan in plans]})

    def get_backup_plan(self) -> str:
        """GetBackupPlan; the id of an organisation's plan has a slash in it."""
        plan = self.backend.get_backup_plan(self._get_param("BackupPlanId"), self._get_param("VersionId"))
        return answer(plan.to_get_dict())

    def update_backup_plan(self) -> str:
        """UpdateBackupPlan: replaces the document. Rules keep their ids by their names."""
        plan = self.backend.plan(self._get_param("BackupPlanId"))
        ids = {rule["RuleName"]: rule["RuleId"] for rule in plan.backup_plan["Rules"]}
        # Moto fills in AWS's defaults, and gives new ids, where it makes a plan.
        renewed = Plan(self._get_param("BackupPlan"), plan.creator_request_id, self.backend)
        for rule in renewed.backup_plan["Rules"]:
            rule["RuleId"] = ids.get(rule["RuleName"], rule["RuleId"])
        plan.backup_plan, plan.version_id = renewed.backup_plan, renewed.version_id
        plan.advanced_backup_settings = renewed.advanced_backup_settings
        return answer(plan.to_dict())

    def create_backup_selection(self) -> str:
        """CreateBackupSelection."""
        selection = self.backend.create_selection(
            self._get_param("BackupPlanId"),
            self._get_param("BackupSelection"),
            self._get_param("CreatorRequestId"),
        )
        return answer(_ids(selection))

    def get_backup_selection(self) -> str:
        """GetBackupSelection."""
        selection = self._selection()
        return answer(
            {
                **_ids(selection),
                "CreatorRequestId": selection.creator_request_id,
                "BackupSelection": selection.body,
            }
        )

    def list_backup_selections(self) -> str:
        """ListBackupSelections of one plan."""
        plan_id = self._get_param("BackupPlanId")
        # An empty list would read as a plan without selections.
        if plan_id not in self.backend.plans:
            raise ResourceNotFoundException(msg=f"Backup plan {plan_id} does not exist")
        selections = self.backend.selections.get(plan_id, {}).values()
        return answer({"BackupSelectionsList": [_summary(selection) for selection in selections]})

    def delete_backup_selection(self) -> str:
        """DeleteBackupSelection."""
        selection = self._selection()
        del self.backend.selections[selection.plan_id][selection.selection_id]
        return answer({})

    def _selection(self) -> Selection:
        return self.backend.selection(self._get_param("BackupPlanId"), self._get_param("SelectionId"))

"""Plans and their selections."""

from typing import Any

from moto.backup.exceptions import ResourceNotFoundException
from moto.core.responses import ActionResult, EmptyResult

from scanner.demo.backup.backend import Selection
from scanner.demo.backup.base import Operations


def _summary(selection: Selection) -> dict[str, Any]:
    return {
        "SelectionId": selection.selection_id,
        "SelectionName": selection.body["SelectionName"],
        "BackupPlanId": selection.plan_id,
        "CreationDate": selection.created,
        "CreatorRequestId": selection.creator_request_id,
        "IamRoleArn": selection.body["IamRoleArn"],
    }


class PlanOperations(Operations):
    """The plan and selection calls."""

    def list_backup_plans(self) -> ActionResult:  # type: ignore[override]  # moto gives JSON text here
        """ListBackupPlans; deleted plans only with IncludeDeleted."""
        plans = self.backend.list_backup_plans(include_deleted=self._get_param("IncludeDeleted"))
        return ActionResult({"BackupPlansList": [plan.to_list_dict() for plan in plans]})

    def get_backup_plan(self) -> ActionResult:  # type: ignore[override]  # moto gives JSON text here
        """GetBackupPlan; the id of an organisation's plan has a slash in it."""
        plan = self.backend.get_backup_plan(self._get_param("BackupPlanId"), self._get_param("VersionId"))
        return ActionResult(plan.to_get_dict())

    def create_backup_selection(self) -> ActionResult:
        """CreateBackupSelection."""
        selection = self.backend.create_selection(
            self._get_param("BackupPlanId"),
            self._get_param("BackupSelection"),
            self._get_param("CreatorRequestId"),
        )
        return ActionResult(_summary(selection))

    def get_backup_selection(self) -> ActionResult:
        """GetBackupSelection."""
        selection = self._selection()
        return ActionResult({**_summary(selection), "BackupSelection": selection.body})

    def list_backup_selections(self) -> ActionResult:
        """ListBackupSelections of one plan."""
        plan_id = self._get_param("BackupPlanId")
        if plan_id not in self.backend.plans:
            raise ResourceNotFoundException(msg=f"Backup plan {plan_id} does not exist")
        selections = self.backend.selections.get(plan_id, {}).values()
        return ActionResult({"BackupSelectionsList": [_summary(selection) for selection in selections]})

    def delete_backup_selection(self) -> EmptyResult:
        """DeleteBackupSelection."""
        selection = self._selection()
        del self.backend.selections[selection.plan_id][selection.selection_id]
        return EmptyResult()

    def _selection(self) -> Selection:
        return self.backend.selection(self._get_param("BackupPlanId"), self._get_param("SelectionId"))

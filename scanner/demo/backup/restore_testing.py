"""Restore testing plans and their selections."""

from typing import Final

from moto.backup.exceptions import AlreadyExistsException, InvalidParameterValueException
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

from scanner.demo.backup.backend import Document
from scanner.demo.backup.base import Operations, answer, check_name

_PLAN: Final = "restore testing plan"
_NAME: Final = r"[A-Za-z0-9_]{1,50}"  # API reference, "RestoreTestingPlanForCreate"
_REQUIRED: Final = ("Algorithm", "IncludeVaults", "RecoveryPointTypes")
_LISTED: Final = (
    "CreationTime",
    "LastExecutionTime",
    "RestoreTestingPlanArn",
    "RestoreTestingPlanName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartWindowHours",
)
_LISTED_SELECTION: Final = (
    "CreationTime",
    "IamRoleArn",
    "ProtectedResourceType",
    "RestoreTestingPlanName",
    "RestoreTestingSelectionName",
    "ValidationWindowHours",
)


class RestoreTestingOperations(Operations):
    """The calls about restore testing."""

    def create_restore_testing_plan(self) -> str:
        """CreateRestoreTestingPlan; algorithm, vaults and kinds of recovery points are required."""
        body: Document = self._get_param("RestoreTestingPlan")
        name = check_name(body["RestoreTestingPlanName"], _NAME)
        chosen = body["RecoveryPointSelection"]
        if missing := [key for key in _REQUIRED if not chosen.get(key)]:
            raise InvalidParameterValueException(msg=f"RecoveryPointSelection lacks {', '.join(missing)}")
        plan = {
            "ScheduleExpressionTimezone": "Etc/UTC",
            "StartWindowHours": 24,
            **body,
            "RecoveryPointSelection": {"SelectionWindowDays": 30, "ExcludeVaults": [], **chosen},
            "RestoreTestingPlanArn": self.backend.arn(f"restore-testing-plan:{name}-{mock_random.uuid4()}"),
            "CreationTime": unix_time(),
        }
        self.backend.keep(_PLAN, name, plan)
        return answer(_only(plan, ("CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")))

    def get_restore_testing_plan(self) -> str:
        """GetRestoreTestingPlan."""
        return answer({"RestoreTestingPlan": self.backend.find(_PLAN, self._plan_name)})

    def list_restore_testing_plans(self) -> str:
        """ListRestoreTestingPlans: without what they select."""
        plans = self.backend.kept[_PLAN].values()
        return answer({"RestoreTestingPlans": [_only(plan, _LISTED) for plan in plans]})

    def create_restore_testing_selection(self) -> str:
        """CreateRestoreTestingSelection; its name is unique within the plan."""
        plan = self.backend.find(_PLAN, self._plan_name)
        body: Document = self._get_param("RestoreTestingSelection")
        name = check_name(body["RestoreTestingSelectionName"], _NAME)
        if name in self._selections:
            raise AlreadyExistsException(msg=f"A selection {name} already exists")
        made = {"RestoreTestingPlanName": self._plan_name, "CreationTime": unix_time()}
        self._selections[name] = {**body, **made}
        arn = {"RestoreTestingPlanArn": plan["RestoreTestingPlanArn"]}
        return answer({**made, **arn, "RestoreTestingSelectionName": name})

    def get_restore_testing_selection(self) -> str:
        """GetRestoreTestingSelection."""
        self.backend.find(_PLAN, self._plan_name)
        name = self._get_param("RestoreTestingSelectionName")
        return answer({"RestoreTestingSelection": self.backend.find(self._kind, name)})

    def list_restore_testing_selections(self) -> str:
        """ListRestoreTestingSelections of one plan: without resources and conditions."""
        self.backend.find(_PLAN, self._plan_name)
        found = [_only(selection, _LISTED_SELECTION) for selection in self._selections.values()]
        return answer({"RestoreTestingSelections": found})

    @property
    def _plan_name(self) -> str:
        return str(self._get_param("RestoreTestingPlanName"))

    @property
    def _kind(self) -> str:
        return f"restore testing selection of {self._plan_name}"

    @property
    def _selections(self) -> dict[str, Document]:
        return self.backend.kept[self._kind]


def _only(document: Document, keys: tuple[str, ...]) -> Document:
    return {key: document[key] for key in keys if key in document}

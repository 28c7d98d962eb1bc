"""Restore testing plans with their selections, legal holds, frameworks and reports of Audit Manager."""

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
_KIND: Final = "legal hold"
_ACTIVE: Final = "ACTIVE"

_HOLD_DETAILS: Final = ("RecoveryPointSelection", "CancelDescription", "RetainRecordUntil")
"""Members that only GetLegalHold returns."""
_FRAMEWORK: Final = "framework"
_REPORT_PLAN: Final = "report plan"
_FRAMEWORK_NAME: Final = r"[a-zA-Z][_a-zA-Z0-9]{0,255}"  # API reference, "CreateFramework"

CONTROLS: Final = frozenset(
    {
        "BACKUP_LAST_RECOVERY_POINT_CREATED",
        "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK",
        "BACKUP_RECOVERY_POINT_ENCRYPTED",
        "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED",
        "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN",
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK",
        "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT",
        "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION",
        "RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT",
        "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET",
    }
)
"""All controls that there are (AWS Backup, "Audit Manager controls and remediation")."""

_FRAMEWORK_DETAILS: Final = ("FrameworkControls", "FrameworkStatus", "IdempotencyToken")
"""Members that only DescribeFramework returns."""


class RestoreTestingOperations(Operations):
    """The calls about restore testing."""

    def create_restore_testing_plan(self) -> str:
        """CreateRestoreTestingPlan; algorithm, vaults and kinds of recovery points are required."""
        body: Document = self._get_param("RestoreTestingPlan")
        name = check_name(body["RestoreTestingPlanName"], _NAME)
        chosen = body["RecoveryPointSelection"]
        # botocore's model has them as optional; AWS Backup refuses a plan without them.
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
        created = {"RestoreTestingPlanName": self._plan_name, "CreationTime": unix_time()}
        self._selections[name] = {**body, **created}
        arn = {"RestoreTestingPlanArn": plan["RestoreTestingPlanArn"]}
        return answer({**created, **arn, "RestoreTestingSelectionName": name})

    def get_restore_testing_selection(self) -> str:
        """GetRestoreTestingSelection."""
        self.backend.find(_PLAN, self._plan_name)
        name = self._get_param("RestoreTestingSelectionName")
        return answer({"RestoreTestingSelection": self.backend.find(self._kind, name)})

    def list_restore_testing_selections(self) -> str:
        """ListRestoreTestingSelections of one plan: without resources and conditions."""
        self.backend.find(_PLAN, self._plan_name)
        selections = [_only(selection, _LISTED_SELECTION) for selection in self._selections.values()]
        return answer({"RestoreTestingSelections": selections})

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


class LegalHoldOperations(Operations):
    """The calls about legal holds."""

    def create_legal_hold(self) -> str:
        """CreateLegalHold."""
        identity = str(mock_random.uuid4())
        hold = {
            "Title": self._get_param("Title"),
            "Status": _ACTIVE,
            "Description": self._get_param("Description"),
            "LegalHoldId": identity,
            "LegalHoldArn": self.backend.arn(f"legal-hold:{identity}"),
            "CreationDate": unix_time(),
            "RecoveryPointSelection": self._get_param("RecoveryPointSelection"),
        }
        return answer(self.backend.keep(_KIND, identity, hold))

    def cancel_legal_hold(self) -> str:
        """CancelLegalHold: it stays in the list."""
        hold = self.backend.find(_KIND, self._get_param("LegalHoldId"))
        if hold["Status"] != _ACTIVE:
            raise InvalidParameterValueException(msg="The legal hold is not active")
        why = self._get_param("CancelDescription")
        # Canceled holds stay in ListLegalHolds, so a scanner has to read the status.
        hold |= {"Status": "CANCELED", "CancelDescription": why, "CancellationDate": unix_time()}
        return answer({})

    def get_legal_hold(self) -> str:
        """GetLegalHold."""
        return answer(self.backend.find(_KIND, self._get_param("LegalHoldId")))

    def list_legal_holds(self) -> str:
        """ListLegalHolds: canceled ones, too, and of none what it holds."""
        holds = self.backend.kept[_KIND].values()
        return answer({"LegalHolds": [_listed(hold) for hold in holds]})

    def list_recovery_points_by_legal_hold(self) -> str:
        """ListRecoveryPointsByLegalHold: those in its vaults, or of its resources."""
        hold = self.backend.find(_KIND, self._get_param("LegalHoldId"))
        chosen = hold.get("RecoveryPointSelection") or {}
        keys = ("RecoveryPointArn", "ResourceArn", "ResourceType", "BackupVaultName")
        held = [point for point in self.backend.recovery_points() if _is_held(point, chosen)]
        return answer({"RecoveryPoints": [{key: point[key] for key in keys} for point in held]})


def _listed(hold: Document) -> Document:
    return {key: value for key, value in hold.items() if key not in _HOLD_DETAILS}


def _is_held(point: Document, chosen: Document) -> bool:
    return point["BackupVaultName"] in chosen.get("VaultNames", ()) or point["ResourceArn"] in chosen.get(
        "ResourceIdentifiers", ()
    )


class AuditManagerOperations(Operations):
    """The calls about frameworks and report plans."""

    def create_framework(self) -> str:
        """CreateFramework; only controls that there are."""
        name = check_name(self._get_param("FrameworkName"), _FRAMEWORK_NAME)
        controls: list[Document] = self._get_param("FrameworkControls")
        if strangers := sorted({control["ControlName"] for control in controls} - CONTROLS):
            raise InvalidParameterValueException(msg=f"There is no control {', '.join(strangers)}")
        framework = {
            "FrameworkName": name,
            "FrameworkArn": self.backend.arn(f"framework:{name}-{mock_random.uuid4()}"),
            "FrameworkDescription": self._get_param("FrameworkDescription"),
            "FrameworkControls": controls,
            "CreationTime": unix_time(),
            "DeploymentStatus": "COMPLETED",
            "FrameworkStatus": "ACTIVE",
        }
        self.backend.keep(_FRAMEWORK, name, framework)
        return answer({key: framework[key] for key in ("FrameworkName", "FrameworkArn")})

    def describe_framework(self) -> str:
        """DescribeFramework."""
        return answer(self.backend.find(_FRAMEWORK, self._get_param("FrameworkName")))

    def list_frameworks(self) -> str:
        """ListFrameworks: how many controls, but not which."""
        frameworks = self.backend.kept[_FRAMEWORK].values()
        return answer({"Frameworks": [_listed_framework(framework) for framework in frameworks]})

    def create_report_plan(self) -> str:  # type: ignore[override]  # moto's gives an object of its own
        """CreateReportPlan."""
        name = check_name(self._get_param("ReportPlanName"), _FRAMEWORK_NAME)
        plan = {
            "ReportPlanName": name,
            "ReportPlanArn": self.backend.arn(f"report-plan:{name}-{mock_random.uuid4()}"),
            "ReportPlanDescription": self._get_param("ReportPlanDescription"),
            "ReportSetting": self._get_param("ReportSetting"),
            "ReportDeliveryChannel": self._get_param("ReportDeliveryChannel"),
            "DeploymentStatus": "COMPLETED",
            "CreationTime": unix_time(),
        }
        self.backend.keep(_REPORT_PLAN, name, plan)
        return answer({key: plan[key] for key in ("ReportPlanName", "ReportPlanArn", "CreationTime")})

    def describe_report_plan(self) -> str:  # type: ignore[override]  # moto's gives an object of its own
        """DescribeReportPlan."""
        return answer({"ReportPlan": self.backend.find(_REPORT_PLAN, self._get_param("ReportPlanName"))})

    def list_report_plans(self) -> str:  # type: ignore[override]  # moto's gives an object of its own
        """ListReportPlans: the plans as they are described."""
        return answer({"ReportPlans": list(self.backend.kept[_REPORT_PLAN].values())})


def _listed_framework(framework: Document) -> Document:
    listed = {key: value for key, value in framework.items() if key not in _FRAMEWORK_DETAILS}
    # The list has their number only, so a scan must call DescribeFramework too.
    return {**listed, "NumberOfControls": len(framework["FrameworkControls"])}

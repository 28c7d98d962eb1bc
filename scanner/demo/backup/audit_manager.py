"""AWS Backup Audit Manager: frameworks and report plans."""

from typing import Final

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.utils import unix_time
from moto.moto_api._internal import mock_random

from scanner.demo.backup.backend import Document
from scanner.demo.backup.base import Operations, answer, check_name

_FRAMEWORK: Final = "framework"
_REPORT_PLAN: Final = "report plan"
_NAME: Final = r"[a-zA-Z][_a-zA-Z0-9]{0,255}"  # API reference, "CreateFramework"
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
"""All controls that there are (facts 8.1)."""
_DETAILS: Final = ("FrameworkControls", "FrameworkStatus", "IdempotencyToken")
"""What DescribeFramework alone tells."""


class AuditManagerOperations(Operations):
    """The calls about frameworks and report plans."""

    def create_framework(self) -> str:
        """CreateFramework; only controls that there are."""
        name = check_name(self._get_param("FrameworkName"), _NAME)
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
        return answer({"Frameworks": [_listed(framework) for framework in frameworks]})

    def create_report_plan(self) -> str:  # type: ignore[override]  # moto's gives an object of its own
        """CreateReportPlan."""
        name = check_name(self._get_param("ReportPlanName"), _NAME)
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


def _listed(framework: Document) -> Document:
    kept = {key: value for key, value in framework.items() if key not in _DETAILS}
    return {**kept, "NumberOfControls": len(framework["FrameworkControls"])}

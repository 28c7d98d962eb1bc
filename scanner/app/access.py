"""`audit check`: what a scan could read, before the first one, and the JSON document that says so."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from scanner.collect.access import check_access
from scanner.collect.request import CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.model.access import AccessReport, AccessResult, AccessRow

SCHEMA: Final = "backup-audit/access/1"

_RETRIES: Final = RetryPolicy(attempts=4, cap=3.0, budget=30.0)
"""A person is waiting for the result: at most half a minute of retries for each account."""


def check(request: CollectRequest, progress: Callable[[int, int], None]) -> AccessReport:
    """Check what a scan of `request` could read. Raises what `collect.access.check_access` raises."""
    # Only the retries differ from those of a scan: what is checked is exactly what a scan would call.
    return check_access(replace(request, retries=_RETRIES), progress)


def access_document(report: AccessReport) -> dict[str, Any]:
    """Return the JSON document of a report (docs/schema/access.schema.json)."""
    return {
        "schema": SCHEMA,
        "complete": report.is_complete,
        "caller": {"arn": report.caller_arn, "account": report.caller_account},
        "role": report.role_name,
        "accounts": list(report.accounts),
        "regions": list(report.regions),
        "excluded": [{"account": account, "reason": reason} for account, reason in report.excluded],
        "counts": {result.value: report.number(result) for result in AccessResult},
        "checks": [_row(row) for row in report.rows],
    }


def _row(row: AccessRow) -> dict[str, str]:
    return {
        "step": row.step.value,
        "account": row.account,
        "region": row.region,
        "operation": row.operation,
        "result": row.result.value,
        "code": row.code,
        "message": row.message,
        "fix": row.fix,
        "statement": row.statement,
    }

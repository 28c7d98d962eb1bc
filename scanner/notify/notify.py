"""Sends the notifications of a scan to all targets."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from scanner.errors import VaultproofError
from scanner.model.notification import Call, Delivery, DeliveryStatus, ScanSummary, Targets
from scanner.notify.event import event_call
from scanner.notify.sending import SECURITY_HUB, Sender, deliver
from scanner.notify.topic import TARGET as SNS
from scanner.notify.topic import topic_call


def notify(
    summary: ScanSummary, targets: Targets, batches: Iterable[bytes] = (), sender: Sender | None = None
) -> tuple[Delivery, ...]:
    """Send to every target, and return the result of each. Errors of AWS are results, too: none is raised.

    `batches`: findings for Security Hub, each a JSON array for one call of one account and Region.
    """
    sender = sender or Sender(security_hub=targets.security_hub)
    results: list[Delivery] = []
    for planned in planned_calls(summary, targets):
        results += [planned] if isinstance(planned, Delivery) else deliver([planned], sender)
    if targets.security_hub is not None:
        results += _import_findings(batches, sender)
    return tuple(results)


def _import_findings(batches: Iterable[bytes], sender: Sender) -> tuple[Delivery, ...]:
    """Import findings into Security Hub. A scan file that cannot be read is a result, and no error."""
    try:
        imported = deliver(import_calls(batches), sender)
    except VaultproofError as problem:
        return (Delivery(SECURITY_HUB, DeliveryStatus.FAILED, str(problem).rstrip(".")),)
    return imported or (Delivery(SECURITY_HUB, DeliveryStatus.SKIPPED, "no findings to import"),)


def planned_calls(summary: ScanSummary, targets: Targets) -> Iterator[Call | Delivery]:
    """Yield the requests for the event and the message, or the reason why a target gets nothing."""
    if targets.event_bus:
        yield event_call(summary, targets.event_bus)
    if targets.topic:
        call = topic_call(summary, targets)
        yield Delivery(SNS, DeliveryStatus.SKIPPED, call) if isinstance(call, str) else call


def import_calls(batches: Iterable[bytes]) -> Iterator[Call]:
    """Yield one BatchImportFindings request for each batch."""
    for batch in batches:
        findings: list[dict[str, Any]] = orjson.loads(batch)
        yield Call(
            target=SECURITY_HUB,
            service="securityhub",
            operation="BatchImportFindings",
            parameters={"Findings": findings},
            region=findings[0]["ProductArn"].split(":")[3],
            account=findings[0]["AwsAccountId"],
        )

"""Telling all targets of a scan."""

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
    """Send to every target; return the result of each. No error of AWS is raised.

    `batches`: findings for Security Hub, each a JSON array for one call of one account and Region.
    """
    sender = sender or Sender(security_hub=targets.security_hub)
    results: list[Delivery] = []
    for planned in planned_calls(summary, targets):
        results += [planned] if isinstance(planned, Delivery) else deliver([planned], sender)
    if targets.security_hub is not None:
        results += _imported(batches, sender)
    return tuple(results)


def _imported(batches: Iterable[bytes], sender: Sender) -> tuple[Delivery, ...]:
    """Import findings. A broken file of the scan is a result, too: it must not hold up other targets."""
    try:
        imported = deliver(import_calls(batches), sender)
    except VaultproofError as problem:
        return (Delivery(SECURITY_HUB, DeliveryStatus.FAILED, str(problem).rstrip(".")),)
    return imported or (Delivery(SECURITY_HUB, DeliveryStatus.SKIPPED, "no findings to import"),)


def planned_calls(summary: ScanSummary, targets: Targets) -> Iterator[Call | Delivery]:
    """Build the event and the message; a Delivery says why nothing is sent to a target."""
    if targets.event_bus:
        yield event_call(summary, targets.event_bus)
    if targets.topic:
        call = topic_call(summary, targets)
        yield Delivery(SNS, DeliveryStatus.SKIPPED, call) if isinstance(call, str) else call


def import_calls(batches: Iterable[bytes]) -> Iterator[Call]:
    """Build the BatchImportFindings requests."""
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

"""Rows of facts and controls to judge them by."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.evaluate.controls.cases import built
from scanner.model.control import Control
from scanner.model.facts import ResourceFacts
from scanner.model.finding import Severity

AS_OF = datetime(2026, 11, 22, 18, tzinfo=UTC)

MakeResource = Callable[..., ResourceFacts]
MakeControl = Callable[..., Control]


@pytest.fixture
def as_of() -> datetime:
    return AS_OF


@pytest.fixture
def resource() -> MakeResource:
    def make(
        subject: str = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-0a", **given: Any
    ) -> ResourceFacts:
        row = {"subject": subject, "subject_type": "EBS", "account": "111111111111", "region": "eu-west-1"}
        made = built(ResourceFacts, {**row, "assessable": True, **given}, ("row",))
        assert isinstance(made, ResourceFacts)
        return made

    return make


@pytest.fixture
def control() -> MakeControl:
    def make(require: str = "covered", **given: Any) -> Control:
        values: dict[str, Any] = {
            "id": "a-control",
            "title": "A control",
            "severity": Severity.HIGH,
            "subject": "resource",
            "population": "assessable",
            "reason": "It is not so.",
        }
        return Control(**{**values, "require": require, **given})

    return make

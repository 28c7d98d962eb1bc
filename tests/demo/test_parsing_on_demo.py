"""A whole scan of the simulation, every answer of it read twice: as a scan reads it, and as botocore does."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.history import BaseHistoryHandler, get_global_history_recorder
from botocore.session import Session

from scanner.collect.parsing.parsers import ParserFactory
from scanner.collect.request import CollectRequest
from scanner.collect.runner import collect
from scanner.demo.serve import Demo
from tests.fakes.parsed import botocores, outcome


@dataclass
class Answers(BaseHistoryHandler):
    """Every answer as it came: service, operation, and botocore's response_dict."""

    found: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    _asked: dict[int, tuple[str, str]] = field(default_factory=dict)

    def emit(self, event_type: str, payload: Any, source: str) -> None:
        del source
        thread = threading.get_ident()
        if event_type == "API_CALL":
            self._asked[thread] = payload["service"], payload["operation"]
        elif event_type == "HTTP_RESPONSE":
            self.found.append((*self._asked[thread], payload))


@pytest.fixture
def answers(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in demo.environment().items():
        monkeypatch.setenv(name, value)
    history: Any = get_global_history_recorder()
    noted = Answers()
    history.add_handler(noted)
    history.enable()
    yield noted
    history.disable()
    history._handlers.remove(noted)


@pytest.mark.slow
def test_every_answer_of_a_scan_is_read_as_botocore_reads_it(
    demo: Demo, answers: Answers, tmp_path: Path
) -> None:
    collect(CollectRequest(organization=True, regions=demo.regions, role_name=demo.role_name), tmp_path)
    session, ours = Session(), ParserFactory()
    models = {
        (service, name): session.get_service_model(service).operation_model(name)
        for service, name, _ in answers.found
    }
    for service, name, answer in answers.found:
        operation = models[service, name]
        protocol = operation.service_model.resolved_protocol
        given = operation, answer["status_code"], answer["body"], answer["headers"]
        assert outcome(ours.create_parser(protocol), *given) == outcome(botocores(protocol), *given)
    assert len(answers.found) > 500
    assert {operation.service_model.resolved_protocol for operation in models.values()} == {
        "ec2", "json", "query", "rest-json", "rest-xml"
    }  # fmt: skip

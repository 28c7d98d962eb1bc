"""A scan of a recorded organisation through the proxy that injects faults."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scanner.app.criteria import Judgement
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.collect.clients import Timeouts
from scanner.collect.request import CollectRequest
from scanner.collect.retry import RetryPolicy
from scanner.errors import VaultproofError
from scanner.model.finding import Finding
from scanner.services.catalogue import OPERATIONS
from tests.contract.variants import findings_of
from tests.faults.faults import PATIENCE
from tests.faults.oracle import Evidence, check_evidence, check_findings, guarded, recorded
from tests.faults.proxy import Proxy, Rule, proxy_before
from tests.faults.replay import Replay

AS_OF = datetime(2026, 11, 20, 6, tzinfo=UTC)
ATTEMPTS = 3
REQUEST = CollectRequest(
    organization=True,
    accounts=("333333333333",),
    regions=("eu-west-1",),
    retries=RetryPolicy(attempts=ATTEMPTS, base=0.001),
    timeouts=Timeouts(connect=PATIENCE * 10, read=PATIENCE, body=PATIENCE * 3),
)
MAX_CALLS = 3000
"""No fault makes a scan ask more often than this: the longest list is given up long before."""


@dataclass(repr=False)
class Laboratory:
    """Scans through the proxy, and the truth that they are held against."""

    proxy: Proxy
    judgement: Judgement
    folders: Iterator[Path]
    _findings: dict[object, tuple[Finding, ...]] = field(default_factory=dict)
    _truths: dict[CollectRequest, Evidence] = field(default_factory=dict)

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation that a scan may call."""
        return tuple(OPERATIONS)

    def scan(self, *rules: Rule, request: CollectRequest = REQUEST) -> Evidence | VaultproofError:
        """Collect while the rules hold."""
        self.proxy.start_over(*rules)
        outcome = recorded(request, next(self.folders))
        assert len(self.proxy.asked) <= MAX_CALLS
        return outcome

    def truth(self, request: CollectRequest = REQUEST) -> Evidence:
        """The undisturbed scan."""
        if request not in self._truths:
            # Nothing is in a hurry: the models of all services are read meanwhile.
            found = self.scan(request=replace(request, timeouts=Timeouts()))
            assert isinstance(found, Evidence)
            assert not found.failed
            self._truths[request] = found
        return self._truths[request]

    def findings(self, evidence: Evidence) -> tuple[Finding, ...]:
        """Judge what was recorded; what is recorded alike is judged once."""
        same = (frozenset(evidence.answers.items()), frozenset(evidence.failed))
        if same not in self._findings:
            self._findings[same] = guarded(lambda: findings_of(evidence.folder, self.judgement))
        return self._findings[same]

    def check(self, *rules: Rule, request: CollectRequest = REQUEST) -> Evidence | VaultproofError:
        """Collect and judge while the rules hold, and hold the outcome against the truth."""
        truth = self.truth(request)
        outcome = self.scan(*rules, request=request)
        if isinstance(outcome, Evidence):
            check_evidence(truth, outcome, {key for rule in rules for key in rule.applied})
            check_findings(self.findings(truth), self.findings(outcome), gaps=bool(outcome.failed))
        return outcome

    def check_passing(self, *rules: Rule, request: CollectRequest = REQUEST) -> None:
        """The same, where the outcome must be the undisturbed one."""
        truth = self.truth(request)
        outcome = self.scan(*rules, request=request)
        assert isinstance(outcome, Evidence), outcome
        assert not outcome.failed.keys() - truth.failed.keys(), outcome.failed
        check_evidence(truth, outcome, ())
        assert outcome.answers.keys() == truth.answers.keys()


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A laboratory whose environment leads to the proxy, and to nothing else."""
    root = tmp_path_factory.mktemp("scans")
    folders = (root / str(number) for number in itertools.count())
    judgement = judgement_of(settings_of(None), None, AS_OF)
    with pytest.MonkeyPatch.context() as patch, proxy_before(Replay()) as proxy:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in environment(proxy.endpoint).items():
            patch.setenv(name, value)
        yield Laboratory(proxy, judgement, folders)


def environment(endpoint: str) -> dict[str, str]:
    """The variables that lead a scan to an address."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


Scanning = Callable[..., Evidence]

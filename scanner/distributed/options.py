"""The context of a step: what a scan collects and judges, from an event and audit.yaml.

Options of the event take precedence.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.app.criteria import Judgement, load_judgement
from scanner.app.needs import reads_of
from scanner.collect.request import DEFAULT_ROLE, CollectRequest
from scanner.collect.retry import Deadline
from scanner.distributed.environment import Environment
from scanner.distributed.events import LONGEST_SESSION, ScanOptions
from scanner.distributed.workspace import Workspace
from scanner.errors import UsageError
from scanner.model.collected import CollectedReads
from scanner.model.formats import DEFAULT_FORMATS
from scanner.model.manifest import Excluded
from scanner.model.names import AccountId
from scanner.report.write import known_formats
from scanner.settings.settings import Settings, load_settings
from scanner.storage.place import Place

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """The request for a scan, from its event, audit.yaml and the deployment."""

    options: ScanOptions
    settings: Settings
    environment: Environment

    def collecting(self, deadline: Deadline | None = None, *, whole: bool = False) -> CollectRequest:
        """Return the scope and how it is read. `whole`: the default scope is the own account, not all.

        UsageError: the sessions of roles would be longer than AWS allows.
        """
        options, scope = self.options, self.settings.scope
        accounts = options.accounts or scope.accounts
        organization = options.organization if options.organization is not None else scope.organization
        seconds = options.session_seconds or scope.session_seconds or LONGEST_SESSION
        if seconds > LONGEST_SESSION:
            raise UsageError(
                f"scope.session_seconds of audit.yaml is {seconds}: in AWS Lambda roles are assumed by a "
                f"role, and AWS ends such sessions after one hour. Set it to {LONGEST_SESSION} or less."
            )
        return CollectRequest(
            organization=(not whole and not accounts) if organization is None else organization,
            accounts=tuple(accounts),
            organizational_units=tuple(options.organizational_units or scope.organizational_units),
            regions=tuple(options.regions or scope.regions or self.environment.regions),
            excluded=tuple(Excluded(AccountId(entry.account), entry.reason) for entry in scope.exclude),
            role_name=options.role_name or scope.role_name or self.environment.role_name or DEFAULT_ROLE,
            external_id=options.external_id or scope.external_id or self.environment.external_id,
            session_name=options.session_name or scope.session_name or "vaultproof",
            duration_seconds=seconds,
            concurrency=options.concurrency,
            deadline=deadline,
            keeps_clients=True,
        )

    def judging(self) -> Judgement:
        """Return what the evidence is judged against. ConfigurationError: a mistake in audit.yaml."""
        judgement, _ = load_judgement(self.settings, self.options.controls, self.options.as_of)
        return judgement

    def reads(self) -> CollectedReads | None:
        """Return what is collected; None: everything. Raises what `judging` and `formats` raise."""
        words = self.options.controls or self.settings.controls
        return reads_of(self.options.collect, words, self.judging(), self.formats())

    def formats(self) -> tuple[str, ...]:
        """Return the reports to write. UsageError: there is no such format."""
        return known_formats(self.options.formats or self.settings.outputs.formats or DEFAULT_FORMATS)


def scan_request(options: ScanOptions, environment: Environment, s3: Any, folder: Path) -> ScanRequest:  # noqa: ANN401 -- a client
    """Load audit.yaml, if the deployment names one, into `folder`. ConfigurationError: it has mistakes."""
    if environment.config is None:
        return ScanRequest(options, Settings(), environment)
    path = folder / "audit.yaml"
    where, _, name = environment.config.prefix.rpartition("/")
    place = Place(environment.config.bucket, where)
    if not name or not Workspace(s3, place, environment.means).fetch(name, path):
        raise UsageError(f"VAULTPROOF_CONFIG names {environment.config}, and there is no such object.")
    return ScanRequest(options, load_settings(path), environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A step of a scan. `folder`: for its files. `ends_at`: the deadline, in `time.monotonic`."""

    scan_id: str
    request: ScanRequest
    evidence: Workspace
    work: Workspace
    folder: Path
    ends_at: float

    @property
    def seconds(self) -> float:
        """The remaining time."""
        return max(0.0, self.ends_at - time.monotonic())

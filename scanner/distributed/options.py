"""The context of a step: what a scan collects and judges, from an event, audit.yaml and the deployment.

Options of the event take precedence.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner.app.criteria import Judgement, load_judgement
from scanner.app.needs import reads_of
from scanner.collect.request import DEFAULT_ROLE, CollectRequest
from scanner.collect.retry import Deadline
from scanner.distributed.events import LONGEST_SESSION, ScanOptions
from scanner.distributed.workspace import Workspace
from scanner.errors import UsageError
from scanner.model.control import BASELINE
from scanner.model.formats import DEFAULT_FORMATS
from scanner.model.manifest import CollectedReads, Excluded
from scanner.model.names import AccountId
from scanner.report.write import known_formats
from scanner.settings.settings import Settings, load_settings
from scanner.storage.place import Place, place_of
from scanner.storage.s3 import S3Options

EVIDENCE: Final = "VAULTPROOF_EVIDENCE_BUCKET"
WORK: Final = "VAULTPROOF_WORK_BUCKET"
OWNER: Final = "VAULTPROOF_BUCKET_OWNER"

BATCH_BYTES: Final = 8 << 20
"""The most compressed evidence in a batch, in bytes, unless one account alone has more."""
_ACCOUNT: Final = re.compile("[0-9]{12}")
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings of the deployment. `config`: the place of audit.yaml; None: there is none.

    `signing_key`: the ARN of a KMS key; empty: scans are not signed. `timestamp_url`: empty: no time stamps.

    `regions` are scanned when neither the event nor audit.yaml names any.
    """

    evidence_bucket: str
    work_bucket: str
    bucket_owner: str
    kms_key: str = ""
    config: Place | None = None
    role_name: str | None = None
    external_id: str | None = None
    batch_bytes: int = BATCH_BYTES
    regions: tuple[str, ...] = ()
    signing_key: str = ""
    timestamp_url: str = ""

    @property
    def means(self) -> S3Options:
        """How the buckets are accessed."""
        return S3Options(kms_key=self.kms_key, bucket_owner=self.bucket_owner)

    @property
    def scans(self) -> Place:
        """The place of all scans."""
        return Place(self.evidence_bucket, "scans")

    def evidence(self, scan_id: str) -> Place:
        """Return the place of a scan in the evidence bucket."""
        return Place(self.evidence_bucket, f"scans/{scan_id}")

    def work(self, scan_id: str) -> Place:
        """Return the place in the work bucket for files that the steps of a scan hand on."""
        return Place(self.work_bucket, f"work/{scan_id}")


def environment_of(variables: Mapping[str, str]) -> Environment:
    """Parse the environment variables. UsageError: one is missing or malformed."""
    missing = [name for name in (EVIDENCE, WORK, OWNER) if not variables.get(name)]
    if missing:
        raise UsageError(f"The function has no environment variable {', '.join(missing)}: deploy it again.")
    owner = variables[OWNER]
    if not _ACCOUNT.fullmatch(owner):
        raise UsageError(f"{OWNER} is {owner[:40]!r}: set it to the id of the account that owns the buckets.")
    config = variables.get("VAULTPROOF_CONFIG", "")
    return Environment(
        evidence_bucket=_bucket(variables, EVIDENCE),
        work_bucket=_bucket(variables, WORK),
        bucket_owner=owner,
        kms_key=variables.get("VAULTPROOF_KMS_KEY", ""),
        config=place_of(config) if config else None,
        role_name=variables.get("VAULTPROOF_ROLE_NAME") or None,
        batch_bytes=_bytes(variables.get("VAULTPROOF_BATCH_BYTES", "")),
        external_id=variables.get("VAULTPROOF_EXTERNAL_ID") or None,
        signing_key=variables.get("VAULTPROOF_SIGNING_KEY", ""),
        timestamp_url=variables.get("VAULTPROOF_TIMESTAMP_URL", ""),
        regions=tuple(
            name.strip() for name in variables.get("VAULTPROOF_REGIONS", "").split(",") if name.strip()
        ),
    )


def _bytes(text: str) -> int:
    # `isdecimal` also accepts digits of other scripts.
    if text and not (text.isascii() and text.isdecimal() and int(text)):
        raise UsageError(
            f"VAULTPROOF_BATCH_BYTES is {text[:40]!r}: set it to a number of bytes, or remove it."
        )
    return int(text) if text else BATCH_BYTES


def _bucket(variables: Mapping[str, str], name: str) -> str:
    place = place_of(f"s3://{variables[name]}")
    if place.prefix:
        raise UsageError(
            f"{name} is {variables[name][:80]!r}: set it to the name of a bucket, without a prefix."
        )
    return place.bucket


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
            # A deployed scanner reads the whole organization, unless accounts are named.
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
            # The next invocation may run in the same process.
            keeps_clients=True,
        )

    def judging(self) -> Judgement:
        """Return what the evidence is judged against. ConfigurationError: a mistake in audit.yaml."""
        judgement, _ = load_judgement(
            self.settings, self.options.controls, self.options.as_of, default=BASELINE
        )
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
    # Here the last part of the place is the name of a file.
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

"""The environment of the Lambda function: its buckets, their owner, and defaults of a scan."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scanner.errors import UsageError
from scanner.storage.place import Place, place_of
from scanner.storage.s3 import S3Options

EVIDENCE: Final = "VAULTPROOF_EVIDENCE_BUCKET"
WORK: Final = "VAULTPROOF_WORK_BUCKET"
OWNER: Final = "VAULTPROOF_BUCKET_OWNER"

BATCH_BYTES: Final = 8 << 20
"""The most compressed evidence in a batch, in bytes, unless one account alone has more."""

_ACCOUNT: Final = re.compile("[0-9]{12}")


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

"""Options that several commands share, and their validation."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from scanner.errors import UsageError
from scanner.model.finding import Severity
from scanner.model.formats import DEFAULT_FORMATS, FORMATS
from scanner.model.manifest import CollectMode
from scanner.model.report_details import Annex, BaselineChoice, Period, ReportDetails

SCOPE: Final = "Scope"
JUDGEMENT: Final = "Judgement"
OUTPUT: Final = "Output"
SIGNATURE: Final = "Signature"


def split_list(values: list[str] | None) -> list[str] | None:
    """Return the values of an option that may be repeated, or hold several separated by commas."""
    # Empty words come from trailing commas.
    words = (word.strip() for value in values or () for word in value.split(","))
    # None instead of an empty list: the option was not given, so audit.yaml decides.
    return [word for word in words if word] or None


def _file_or_stdout(file: Path | None) -> Path | None:
    """Return the file of `--out`; None for `-`, which means standard output."""
    return None if file == Path("-") else file


OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The file to write to; - is standard output \\[-].",
        callback=_file_or_stdout,
    ),
]
EvaluatedScan = Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.")]

Organization = Annotated[
    bool,
    typer.Option("--org", help="All accounts of the organisation.", rich_help_panel=SCOPE),
]
Accounts = Annotated[
    list[str] | None,
    typer.Option(
        "--account",
        metavar="ID",
        help="Limit to these accounts (repeatable, or separated by commas).",
        callback=split_list,
        rich_help_panel=SCOPE,
    ),
]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--ou",
        metavar="ID",
        help="Limit to accounts in these OUs and their child OUs (repeatable, or separated by commas).",
        callback=split_list,
        rich_help_panel=SCOPE,
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="NAME",
        help="Limit to these Regions (repeatable, or separated by commas).",
        callback=split_list,
        rich_help_panel=SCOPE,
    ),
]
RoleName = Annotated[
    str | None,
    typer.Option(
        "--role-name",
        metavar="NAME",
        help="The role to assume in each account [VaultproofReadOnly].",
        rich_help_panel=SCOPE,
    ),
]
# Against the confused deputy problem (IAM user guide, "The confused deputy problem").
ExternalId = Annotated[
    str | None,
    typer.Option(
        "--external-id", metavar="ID", help="The external id that the role requires.", rich_help_panel=SCOPE
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="The AWS profile to use.", rich_help_panel=SCOPE),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency",
        min=1,
        max=64,
        help="Number of account-Regions to read in parallel.",
        rich_help_panel=SCOPE,
    ),
]
# Rich would take [baseline] for markup, hence the backslash.
Controls = Annotated[
    list[str] | None,
    typer.Option(
        "--controls",
        metavar="ID|PACK|DIR",
        help="A control, a pack, a folder of controls, or all (repeatable) \\[baseline].",
        rich_help_panel=JUDGEMENT,
    ),
]
# A bundle of others is judged by all controls: its author may rely on that.
EvaluatedControls = Annotated[
    list[str] | None,
    typer.Option(
        "--controls",
        metavar="ID|PACK|DIR",
        help="A control, a pack, a folder of controls, or all (repeatable) "
        "\\[those that the bundle stores, else all].",
        rich_help_panel=JUDGEMENT,
    ),
]
# `audit collect` evaluates nothing: there, the same option limits what is read.
NeededControls = Annotated[
    list[str] | None,
    typer.Option(
        "--controls",
        metavar="ID|PACK|DIR",
        help="Only for what these controls need: a control, a pack or a folder of controls (repeatable).",
        rich_help_panel=SCOPE,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The settings file (audit.yaml). It is not searched for.",
        rich_help_panel=JUDGEMENT,
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="The time of the evaluation (RFC 3339).", rich_help_panel=JUDGEMENT
    ),
]
FailOn = Annotated[
    Severity | None,
    typer.Option(
        "--fail-on", help="Exit 10 if a finding has this severity or higher.", rich_help_panel=JUDGEMENT
    ),
]
RequireComplete = Annotated[
    bool,
    typer.Option("--require-complete", help="Exit 4 if a read is missing.", rich_help_panel=JUDGEMENT),
]
AllowPartial = Annotated[
    bool,
    typer.Option(
        "--allow-partial",
        help="Do not exit 4 if an account in scope could not be read at all.",
        rich_help_panel=JUDGEMENT,
    ),
]
AllowInconsistent = Annotated[
    bool,
    typer.Option(
        "--allow-inconsistent",
        help="Evaluate a bundle whose manifest contradicts its evidence, and print the contradictions.",
        rich_help_panel=JUDGEMENT,
    ),
]
FailOnUnknown = Annotated[
    bool,
    typer.Option(
        "--fail-on-unknown",
        help="Exit 4 if a result is unknown. JUnit then has unknown results as errors, not as skipped.",
        rich_help_panel=JUDGEMENT,
    ),
]
UnknownAsErrors = Annotated[
    bool,
    typer.Option(
        "--fail-on-unknown",
        help="In JUnit, report unknown results as errors, not as skipped.",
        rich_help_panel=JUDGEMENT,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        max=64,
        metavar="N",
        help="Number of evaluation processes [1 for little evidence, else one per core].",
        rich_help_panel=JUDGEMENT,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="The folder to write to, or s3://BUCKET/PREFIX; {date} and {time} are filled in.",
        rich_help_panel=OUTPUT,
    ),
]
Redact = Annotated[
    bool,
    typer.Option(
        "--redact",
        help="Also write reports for sharing, with pseudonyms for all names, to the folder `redacted`.",
        rich_help_panel=OUTPUT,
    ),
]
RedactKey = Annotated[
    Path | None,
    typer.Option(
        "--redact-key",
        metavar="FILE",
        help="A secret of at least 16 bytes, to get the same pseudonyms each time \\[a new one].",
        rich_help_panel=OUTPUT,
    ),
]
Since = Annotated[
    list[str] | None,
    typer.Option(
        "--since",
        metavar="SCAN_DIR",
        help="An earlier evaluated scan to compare with: a folder, s3://BUCKET/PREFIX, or `latest`; "
        "for a trend, several (repeatable), or a folder or prefix of scans.",
        rich_help_panel=OUTPUT,
    ),
]
Before = Annotated[
    list[Path] | None,
    typer.Option(
        "--before",
        metavar="SCAN_DIR",
        help="A scan older than --since, to distinguish reopened from new findings (repeatable).",
        rich_help_panel=OUTPUT,
    ),
]
AnnexOption = Annotated[
    Annex | None,
    typer.Option(
        "--annex",
        help="Exceptions that the annex of the PDF lists: all, critical and high ones, or none \\[high].",
        rich_help_panel=OUTPUT,
    ),
]
NistBaseline = Annotated[
    BaselineChoice | None,
    typer.Option(
        "--nist-baseline",
        help="Show requirements of NIST SP 800-53 that this baseline does not select as outside it \\[none].",
        rich_help_panel=OUTPUT,
    ),
]
OrganizationName = Annotated[
    str | None,
    typer.Option(
        "--organization-name",
        metavar="NAME",
        help="The name of the organisation on the cover \\[that of audit.yaml, else its id].",
        rich_help_panel=OUTPUT,
    ),
]
PreparedBy = Annotated[
    str | None,
    typer.Option(
        "--prepared-by",
        metavar="NAME",
        help="Who prepared the report \\[that of audit.yaml].",
        rich_help_panel=OUTPUT,
    ),
]
PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--period",
        metavar="START/END",
        help="The period of the audit, as two days: 2026-10-01/2026-12-31 \\[that of audit.yaml].",
        rich_help_panel=OUTPUT,
    ),
]
KmsKey = Annotated[
    str | None,
    typer.Option(
        "--sse-kms-key",
        metavar="ID",
        help="The KMS key that encrypts files in S3 [S3's own].",
        rich_help_panel=OUTPUT,
    ),
]
# Names of deleted buckets can be taken by others (S3 user guide, "Verifying bucket ownership").
BucketOwner = Annotated[
    str | None,
    typer.Option(
        "--bucket-owner",
        metavar="ACCOUNT",
        help="The account that must own the bucket; default: that of the credentials.",
        rich_help_panel=OUTPUT,
    ),
]
SignKey = Annotated[
    Path | None,
    typer.Option(
        "--sign-key",
        metavar="FILE",
        help="Sign the scan with this private key: PEM; EC P-256, RSA or Ed25519.",
        rich_help_panel=SIGNATURE,
    ),
]
SignKms = Annotated[
    str | None,
    typer.Option(
        "--sign-kms", metavar="ARN", help="Sign the scan with this KMS key.", rich_help_panel=SIGNATURE
    ),
]
TimestampUrl = Annotated[
    str | None,
    typer.Option(
        "--timestamp-url",
        metavar="URL",
        help="Add a time stamp of this authority (RFC 3161) to the signature.",
        rich_help_panel=SIGNATURE,
    ),
]
Previous = Annotated[
    str | None,
    typer.Option(
        "--previous",
        metavar="SCAN_DIR",
        help="The scan before this one, whose manifest the signature names \\[that of --since].",
        rich_help_panel=SIGNATURE,
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="SCAN_DIR",
        help="Resume this scan; finished account-Regions are not read again.",
        rich_help_panel=OUTPUT,
    ),
]
Collect = Annotated[
    CollectMode | None,
    typer.Option(
        "--collect",
        help="Collect everything, or what the selected controls need \\[needed with --controls, else all].",
        rich_help_panel=SCOPE,
    ),
]
Distributed = Annotated[
    str | None,
    typer.Option(
        "--distributed",
        metavar="STACK",
        help="Run the scan in AWS, by the scanner that this CloudFormation stack deployed.",
        rich_help_panel=SCOPE,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace an earlier evaluation in the same folder or at the same location in S3.",
        rich_help_panel=OUTPUT,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Show which calls would be made and how long they may take. Writes nothing.",
        rich_help_panel=OUTPUT,
    ),
]
Formats = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="LIST",
        help=f"The formats, separated by commas: {', '.join(FORMATS)} \\[{','.join(DEFAULT_FORMATS)}].",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Show no progress, and one line as summary.", rich_help_panel=OUTPUT),
]


Bundle = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE", help="The folder with manifest.json and evidence/, or s3://BUCKET/PREFIX."
    ),
]
ScanDir = Annotated[
    str, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan, or s3://BUCKET/PREFIX.")
]


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """The scope of a scan, and how to access it."""

    organization: bool
    accounts: list[str] | None
    units: list[str] | None
    regions: list[str] | None
    role_name: str | None
    external_id: str | None
    profile: str | None
    concurrency: int
    collect: CollectMode | None = None


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """The signature of a scan: a key file or the ARN of a KMS key, a time stamp, and the former scan."""

    key: Path | None = None
    kms_key: str | None = None
    timestamp_url: str | None = None
    previous: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The options that are set."""
        values = {
            "--sign-key": self.key,
            "--sign-kms": self.kms_key,
            "--timestamp-url": self.timestamp_url,
            "--previous": self.previous,
        }
        return tuple(name for name, value in values.items() if value)


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a scan: a new folder, or (`resume`) that of an unfinished scan.

    `out` is a folder or `s3://bucket/prefix`, `redact_key` a file; `since` and `before` are earlier scans.
    `details`: what options set of the section `report` of audit.yaml.
    """

    out: str | None
    resume: Path | None = None
    redact: bool = False
    redact_key: Path | None = None
    kms_key: str | None = None
    bucket_owner: str | None = None
    since: tuple[str, ...] = ()
    before: tuple[Path, ...] = ()
    signing: SigningOptions = SigningOptions()
    force: bool = False
    details: ReportDetails = field(default_factory=ReportDetails)


@dataclass(frozen=True, slots=True)
class JudgementOptions:
    """Controls, settings and time of an evaluation, its processes, and conditions of exit codes."""

    controls: list[str] | None
    config: Path | None
    as_of: str | None
    fail_on: Severity | None
    require_complete: bool
    fail_on_unknown: bool
    jobs: int | None = None
    allow_partial: bool = False
    allow_inconsistent: bool = False


def formats_of(text: str | None, configured: tuple[str, ...]) -> tuple[str, ...]:
    """Parse `html,pdf`; without it, return the formats of audit.yaml or the default ones."""
    if text is None:
        return configured or DEFAULT_FORMATS
    # A dict keeps the order and drops repetitions.
    formats = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    unknown = [word for word in formats if word not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"--format {text}: choose from {', '.join(FORMATS)}, separated by commas.")
    return formats


LONGEST_NAME: Final = 200
"""Maximum length in characters of a name on the cover, as in audit.yaml."""


def details_of(
    organization: str | None,
    prepared_by: str | None,
    period: str | None,
    annex: Annex | None,
    baseline: BaselineChoice | None,
) -> ReportDetails:
    """Return the details of reports that options set. UsageError: one of them is malformed."""
    for option, name in (("--organization-name", organization), ("--prepared-by", prepared_by)):
        if name is not None and not 0 < len(name.strip()) <= LONGEST_NAME:
            raise UsageError(f"{option}: use a name of 1 to {LONGEST_NAME} characters.")
    return ReportDetails(
        organization=(organization or "").strip(),
        prepared_by=(prepared_by or "").strip(),
        period=_period_of(period),
        annex=annex,
        nist_baseline=baseline,
    )


def _period_of(text: str | None) -> Period | None:
    if text is None:
        return None
    try:
        start, end = map(date.fromisoformat, text.split("/"))
    except ValueError as problem:
        raise UsageError(f"--period {text}: use two days such as 2026-10-01/2026-12-31.") from problem
    if end < start:
        raise UsageError(f"--period {text}: it ends before it starts.")
    return Period(start, end)


def instant_of(text: str | None) -> datetime | None:
    """Parse `--as-of` (RFC 3339). A date means midnight; without an offset, the time is in UTC."""
    if text is None:
        return None
    from scanner.evidence.manifest import CLOCK_YEARS  # noqa: PLC0415 -- reads JSON, which --help need not

    try:
        instant = datetime.fromisoformat(text)
    except ValueError as problem:
        raise UsageError(f"--as-of {text}: use a time such as 2026-11-22T18:00:00Z.") from problem
    if instant.year not in CLOCK_YEARS:
        raise UsageError(f"--as-of {text}: the year must be from {CLOCK_YEARS[0]} to {CLOCK_YEARS[-1]}.")
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)

"""`audit policy`: the permissions that a scan needs, to be given to whoever hands them out."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scanner.cli.console import echo_lines
from scanner.cli.exits import guarded
from scanner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scanner.services.base import Operation

DEFAULT_ROLE: Final = "VaultproofReadOnly"
# As IAM and STS accept them (API references, CreateRole and AssumeRole).
_ROLE_NAME: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_EXTERNAL_ID: Final = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_ORGANIZATION_ID: Final = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_PRINCIPAL: Final = re.compile(r"\d{12}|arn:[a-z-]+:(iam|sts)::\d{12}:(root|[\w+=,.@/-]+)", re.ASCII)


class PolicyFormat(StrEnum):
    """How it is written."""

    JSON = "json"
    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"


class PolicyPart(StrEnum):
    """Whose permissions they are."""

    MEMBER = "member"
    TRUST = "trust"
    CALLER = "caller"


class Partition(StrEnum):
    """The world of AWS that the accounts belong to."""

    AWS = "aws"
    CHINA = "aws-cn"
    GOVCLOUD = "aws-us-gov"


FormatOption = Annotated[PolicyFormat, typer.Option("--format", help="The output format.")]
PartOption = Annotated[
    PolicyPart,
    typer.Option(
        "--part",
        help="The policy of the role in each account (member), its trust policy (trust; the templates "
        "contain both), or the policy of the principal that starts the scan (caller).",
    ),
]
RoleNameOption = Annotated[
    str | None, typer.Option("--role-name", metavar="NAME", help="The name of the role [VaultproofReadOnly].")
]
PrincipalOption = Annotated[
    str | None,
    typer.Option(
        "--trusted-principal", metavar="ID|ARN", help="The account, role or user that starts the scan."
    ),
]
ExternalIdOption = Annotated[
    str | None, typer.Option("--external-id", metavar="ID", help="The external id that the role requires.")
]
TrustedRoleOption = Annotated[
    str | None,
    typer.Option(
        "--trusted-role",
        metavar="NAME",
        help="With an account as --trusted-principal: the name of its only role that may assume the role.",
    ),
]
OrganizationOption = Annotated[
    str | None,
    typer.Option(
        "--organization-id", metavar="ID", help="Let the caller assume the role only in this organization."
    ),
]
ControlsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--controls",
        metavar="ID|PACK|DIR",
        help="Only what these controls need: a control, a pack or a folder of controls (repeatable).",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="With --controls: the settings file (audit.yaml) of the scan."
    ),
]
PartitionOption = Annotated[
    Partition,
    typer.Option(
        "--partition", help="The partition of the ARNs in JSON; the templates determine it themselves."
    ),
]


@dataclass(frozen=True, slots=True)
class _PolicyOptions:
    """The options of `audit policy`."""

    part: PolicyPart
    role_name: str | None
    principal: str | None
    trusted_role: str | None
    external_id: str | None
    organization_id: str | None
    partition: Partition
    controls: tuple[str, ...]
    config: Path | None

    @property
    def concerns_trust(self) -> bool:
        """Whether an option of the trust policy was named."""
        return bool(self.principal or self.trusted_role or self.external_id)


def policy(  # noqa: PLR0913 -- one parameter an option
    *,
    format_: FormatOption = PolicyFormat.JSON,
    part: PartOption = PolicyPart.MEMBER,
    role_name: RoleNameOption = None,
    trusted_principal: PrincipalOption = None,
    trusted_role: TrustedRoleOption = None,
    external_id: ExternalIdOption = None,
    organization_id: OrganizationOption = None,
    partition: PartitionOption = Partition.AWS,
    controls: ControlsOption = None,
    config: ConfigOption = None,
) -> None:
    """Print the least-privilege IAM policy for a scan, generated from the calls that the scanner can make.

    No action in it reads data or changes anything. sts:GetCallerIdentity needs no permission: it is left out.
    With --controls, it is the policy for a scan that collects only what these controls need.
    """
    options = _PolicyOptions(
        part,
        role_name,
        trusted_principal,
        trusted_role,
        external_id,
        organization_id,
        partition,
        tuple(controls or ()),
        config,
    )
    raise typer.Exit(guarded(lambda: _print(format_, options)))


def _print(format_: PolicyFormat, options: _PolicyOptions) -> int:
    _check_words(options)
    _check_combination(options)
    text = _json(options) if format_ is PolicyFormat.JSON else _template(format_, options)
    echo_lines(text.removesuffix("\n"))
    return 0


def _check_words(options: _PolicyOptions) -> None:
    """Raise UsageError for names that IAM does not allow, which could also break a template."""
    for option, value, form in (
        ("--role-name", options.role_name, _ROLE_NAME),
        ("--trusted-principal", options.principal, _PRINCIPAL),
        ("--trusted-role", options.trusted_role, _ROLE_NAME),
        ("--external-id", options.external_id, _EXTERNAL_ID),
        ("--organization-id", options.organization_id, _ORGANIZATION_ID),
    ):
        if value is not None and not form.fullmatch(value):
            raise UsageError(f"{option} {value}: not a valid IAM name.")


def _check_combination(options: _PolicyOptions) -> None:
    # An ARN names its principal already; only a whole account can be narrowed to one role.
    if options.trusted_role and options.principal and options.principal.startswith("arn:"):
        raise UsageError("--trusted-role requires an account id as --trusted-principal, not an ARN.")
    # The other policies are within an account, where the organization makes no difference.
    if options.organization_id and options.part is not PolicyPart.CALLER:
        raise UsageError("--organization-id is valid only for --part caller.")
    if options.controls and options.part is PolicyPart.TRUST:
        raise UsageError("--controls is valid only for --part member and --part caller.")
    if options.config is not None and not options.controls:
        raise UsageError("--config requires --controls: without it, the policy is for a scan of everything.")


def _operations(options: _PolicyOptions) -> "Iterable[Operation]":
    """Return the operations of a scan: all, or those that the controls need."""
    # Imported late: the catalogue of operations loads all services.
    operations: Mapping[str, Operation] = import_module("scanner.services.catalogue").OPERATIONS
    if not options.controls:
        return operations.values()
    settings = import_module("scanner.cli.scan.requests").settings_of(options.config, options.controls)
    reads = import_module("scanner.cli.collect_actions").reads_for(
        settings, None, options.controls, settings.outputs.formats
    )
    # None: the controls need every read.
    return [operation for key, operation in operations.items() if reads is None or reads.has(key)]


def _json(options: _PolicyOptions) -> str:
    permissions = import_module("scanner.collect.permissions")  # loads the AWS client, which --help need not
    if options.part is PolicyPart.TRUST:
        if options.principal is None:
            raise UsageError(
                "--part trust requires --trusted-principal (the account or role that the role trusts)."
            )
        document = permissions.trust_document(options.principal, options.external_id, options.trusted_role)
    else:
        # Refused rather than ignored: the user would believe that the policy has it.
        if options.concerns_trust:
            raise UsageError("The trusted principal and the external id are valid only for --part trust.")
        role = permissions.role_arn(options.role_name or DEFAULT_ROLE, options.partition.value)
        granted = permissions.statements(
            permissions.Part(options.part),
            role,
            _operations(options),
            organization_id=options.organization_id,
        )
        document = permissions.policy_document(granted)
    return json.dumps(document, indent=2) + "\n"


def _template(format_: PolicyFormat, options: _PolicyOptions) -> str:
    formats = import_module("scanner.collect.permissions")
    # A template creates the role, so its two policies are always together.
    if options.part is PolicyPart.TRUST:
        raise UsageError(
            "--part trust requires --format json; the template of --part member contains the trust policy."
        )
    if options.part is PolicyPart.CALLER and options.concerns_trust:
        raise UsageError("The trusted principal and the external id are valid only for --part member.")
    wanted = formats.Wanted(
        formats.Part(options.part),
        options.role_name or DEFAULT_ROLE,
        options.principal,
        options.external_id,
        options.trusted_role,
        options.organization_id,
        tuple(_operations(options)),
    )
    write = formats.cloudformation if format_ is PolicyFormat.CLOUDFORMATION else formats.terraform
    text: str = write(wanted)
    return text

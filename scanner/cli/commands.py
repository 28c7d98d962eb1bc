"""The commands of `audit`. Each is a module `scanner/cli/COMMAND.py`, which is imported when it is called.

`run`, `collect`, `evaluate` and `report` share most of their options and are defined here; their code is in
`..._actions`.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points, version
from types import ModuleType
from typing import Annotated, Any, Final

import typer
from typer.main import get_command_from_info
from typer.models import CommandInfo

from scanner.cli import options
from scanner.cli.common import PREFIX, with_common_options
from scanner.cli.controls import controls as controls_commands
from scanner.cli.exits import check_text, flush_at_exit, guarded, handle_termination, open_missing_streams
from scanner.cli.help.terminal import Command, Group
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions, ScopeOptions, SigningOptions, Target
from scanner.cli.settings import config as config_commands
from scanner.model.report_details import ReportDetails
from scanner.report.wording import visible
from scanner.storage.files import keep_files_private

PLUGINS: Final = "vaultproof.commands"
DEFAULT_CONCURRENCY: Final = 16

NEW_OBJECTS: Final = 10_000
"""New objects after which Python looks for reference cycles to free.

With Python's default (700), a run takes 10 % more processor time and no less memory: hardly any object of the
models, tables and findings is in a cycle.
"""


# Commands that are imported when they are called (click documentation, "Lazily Loading Subcommands").
#
# Their modules import AWS clients, DuckDB and Arrow, which the list of commands does not need: it is printed
# from this table.
class CommandGroup(Group):
    """The registered commands, and those of `COMMANDS`, which are imported when they are called."""

    def __init__(self, *, commands: Any = None, **options: Any) -> None:  # noqa: ANN401 -- Typer's
        listed = {
            name: Command(name, help=command.help, rich_markup_mode="rich")
            for name, command in COMMANDS.items()
        }
        # The registered commands first, then the others, in the order that `--help` lists them.
        first = {name: command for name, command in commands.items() if name in FIRST}
        super().__init__(commands={**first, **listed, **commands}, **options)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 -- Typer's own copy of click
        """Import the called command, and resolve it."""
        if args and args[0] in COMMANDS:
            # Replaced just before use, so that only the called command pays for its imports.
            self.commands[args[0]] = loaded_command(args[0])
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 -- Typer's
        """Parse the options before the command."""
        with _visible_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 -- Typer's
        """Parse the options of the command, and run it."""
        with _visible_errors():
            return super().invoke(ctx)


@contextmanager
def _visible_errors() -> Iterator[None]:
    """Make direction characters of the command line visible in usage errors, which Typer prints."""
    try:
        yield
    except typer.TyperException as problem:
        if isinstance(message := getattr(problem, "message", None), str):
            problem.message = visible(message)
        raise


audit = typer.Typer(
    name="audit",
    cls=CommandGroup,
    no_args_is_help=True,
    # Typer's own tracebacks print local variables, which may hold credentials.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"auto_envvar_prefix": PREFIX, "help_option_names": ["--help", "-h"]},
    help="Proof that an organisation's AWS backups would be there when needed.",
    epilog="Example: [bold]audit run --org --format html,pdf[/]",
)


def main() -> None:
    """Run the command `audit`, and exit with its code."""
    # Streams first: without them nothing below could report an error.
    open_missing_streams()
    handle_termination()
    keep_files_private()
    gc.set_threshold(NEW_OBJECTS)
    add_plugins()
    try:
        code = guarded(_invoke)
    except SystemExit as end:
        # Typer exits by itself after a usage error or `--help`; the output has to be flushed then as well.
        flush_at_exit()
        raise end from None
    flush_at_exit()
    sys.exit(code)


def add_plugins() -> None:
    """Add the commands of the entry points."""
    # Sorted, as entry points have no order of their own.
    for entry in sorted(entry_points(group=PLUGINS), key=lambda entry: entry.name):
        try:
            audit.command(entry.name, cls=Command)(entry.load())
        # A broken plug-in must not take the other commands with it.
        except ImportError as problem:
            say(f"warning: the command {entry.name} cannot be loaded: {problem}")


def _invoke() -> int:
    """Run the called command. Typer exits with its exit code, or with 2 on a usage error."""
    # Checked here and not in each command: every option may name a file.
    check_text(sys.argv[1:], os.environ)
    audit()
    return 0


def _actions(of: str) -> ModuleType:
    """Import the module with a command's actions: `--help` needs neither AWS clients nor DuckDB."""
    return import_module(f"scanner.cli.{of}_actions")


def _version(wanted: bool) -> None:  # noqa: FBT001 -- typer's callback
    if wanted:
        typer.echo(f"vaultproof {version('vaultproof')}")
        raise typer.Exit


@audit.callback()
def about(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Proof that an organisation's AWS backups would be there when needed."""


@audit.command(
    cls=Command, epilog="Example: [bold]audit run --org --region eu-west-1 --out scan --fail-on high[/]"
)
@with_common_options
def run(  # noqa: PLR0913 -- the options of the contract
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = DEFAULT_CONCURRENCY,
    collect: options.Collect = None,
    distributed: options.Distributed = None,
    controls: options.Controls = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    fail_on: options.FailOn = None,
    require_complete: options.RequireComplete = False,
    allow_partial: options.AllowPartial = False,
    fail_on_unknown: options.FailOnUnknown = False,
    jobs: options.Jobs = None,
    out: options.Out = None,
    resume: options.Resume = None,
    dry_run: options.DryRun = False,
    formats: options.Formats = None,
    annex: options.AnnexOption = None,
    nist_baseline: options.NistBaseline = None,
    since: options.Since = None,
    before: options.Before = None,
    redact: options.Redact = False,
    redact_key: options.RedactKey = None,
    sign_key: options.SignKey = None,
    sign_kms: options.SignKms = None,
    timestamp_url: options.TimestampUrl = None,
    previous: options.Previous = None,
    sse_kms_key: options.KmsKey = None,
    bucket_owner: options.BucketOwner = None,
    quiet: options.Quiet = False,
) -> None:
    """Collect evidence, evaluate the controls and write reports."""
    scope = ScopeOptions(org, account, ou, region, role_name, external_id, profile, concurrency, collect)
    judged = JudgementOptions(
        controls, config, as_of, fail_on, require_complete, fail_on_unknown, jobs, allow_partial
    )
    signing = SigningOptions(sign_key, sign_kms, timestamp_url, previous)
    target = Target(
        out,
        resume,
        redact,
        redact_key,
        sse_kms_key,
        bucket_owner,
        tuple(since or ()),
        tuple(before or ()),
        signing,
    )
    target = replace(target, details=ReportDetails(annex=annex, nist_baseline=nist_baseline))
    # A dry run is the same wherever the scan would run.
    if distributed is not None and not dry_run:
        actions = _actions("distributed")
        request = actions.Distributed(distributed, scope, judged, target, formats)
        raise typer.Exit(guarded(lambda: actions.run(request, quiet=quiet)))
    if dry_run:
        rehearse = _actions("collect").rehearse
        raise typer.Exit(guarded(lambda: rehearse(scope, judged, target, formats, quiet=quiet)))
    raise typer.Exit(guarded(lambda: _actions("run").run(scope, judged, target, formats, quiet=quiet)))


@audit.command(cls=Command, epilog="Example: [bold]audit collect --org --out bundle[/]")
@with_common_options
def collect(  # noqa: PLR0913 -- the options of the contract
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = DEFAULT_CONCURRENCY,
    collect_: options.Collect = None,
    controls: options.NeededControls = None,
    config: options.Config = None,
    allow_partial: options.AllowPartial = False,
    out: options.Out = None,
    resume: options.Resume = None,
    sse_kms_key: options.KmsKey = None,
    bucket_owner: options.BucketOwner = None,
    quiet: options.Quiet = False,
) -> None:
    """Collect evidence into a bundle without evaluating it."""
    scope = ScopeOptions(org, account, ou, region, role_name, external_id, profile, concurrency, collect_)
    judged = JudgementOptions(
        controls,
        config,
        as_of=None,
        fail_on=None,
        require_complete=False,
        fail_on_unknown=False,
        allow_partial=allow_partial,
    )
    target = Target(out, resume, kms_key=sse_kms_key, bucket_owner=bucket_owner)
    collect_scan = _actions("collect").collect
    raise typer.Exit(guarded(lambda: collect_scan(scope, judged, target, quiet=quiet)))


@audit.command(cls=Command, epilog="Example: [bold]audit evaluate bundle --out judged --format html[/]")
@with_common_options
def evaluate(  # noqa: PLR0913 -- the options of the contract
    bundle: options.Bundle,
    *,
    controls: options.EvaluatedControls = None,
    config: options.Config = None,
    as_of: options.AsOf = None,
    fail_on: options.FailOn = None,
    require_complete: options.RequireComplete = False,
    fail_on_unknown: options.FailOnUnknown = False,
    allow_inconsistent: options.AllowInconsistent = False,
    jobs: options.Jobs = None,
    out: options.Out = None,
    force: options.Force = False,
    formats: options.Formats = None,
    annex: options.AnnexOption = None,
    nist_baseline: options.NistBaseline = None,
    since: options.Since = None,
    before: options.Before = None,
    redact: options.Redact = False,
    redact_key: options.RedactKey = None,
    sign_key: options.SignKey = None,
    sign_kms: options.SignKms = None,
    timestamp_url: options.TimestampUrl = None,
    previous: options.Previous = None,
    sse_kms_key: options.KmsKey = None,
    bucket_owner: options.BucketOwner = None,
    quiet: options.Quiet = False,
) -> None:
    """Evaluate a recorded bundle without network access or credentials. Writes into it, or into --out."""
    judged = JudgementOptions(
        controls,
        config,
        as_of,
        fail_on,
        require_complete,
        fail_on_unknown,
        jobs,
        allow_inconsistent=allow_inconsistent,
    )
    signing = SigningOptions(sign_key, sign_kms, timestamp_url, previous)
    earlier = tuple(before or ())
    target = Target(
        out,
        None,
        redact,
        redact_key,
        sse_kms_key,
        bucket_owner,
        tuple(since or ()),
        earlier,
        signing,
        force=force,
    )
    target = replace(target, details=ReportDetails(annex=annex, nist_baseline=nist_baseline))
    raise typer.Exit(
        guarded(lambda: _actions("judge").evaluate(bundle, judged, target, formats, quiet=quiet))
    )


@audit.command(cls=Command, epilog="Example: [bold]audit report scan --format pdf[/]")
@with_common_options
def report(  # noqa: PLR0913 -- as `run`
    scan: options.ScanDir,
    *,
    out: options.Out = None,
    formats: options.Formats = None,
    fail_on_unknown: options.UnknownAsErrors = False,
    organization_name: options.OrganizationName = None,
    prepared_by: options.PreparedBy = None,
    period: options.PeriodOption = None,
    annex: options.AnnexOption = None,
    nist_baseline: options.NistBaseline = None,
    since: options.Since = None,
    before: options.Before = None,
    redact: options.Redact = False,
    redact_key: options.RedactKey = None,
    sse_kms_key: options.KmsKey = None,
    bucket_owner: options.BucketOwner = None,
    quiet: options.Quiet = False,
) -> None:
    """Write reports of an evaluated scan, into its folder or into --out."""
    target = Target(
        out, None, redact, redact_key, sse_kms_key, bucket_owner, tuple(since or ()), tuple(before or ())
    )

    def write() -> int:
        details = options.details_of(organization_name, prepared_by, period, annex, nist_baseline)
        report_of = partial(_actions("judge").report, fail_on_unknown=fail_on_unknown, quiet=quiet)
        code: int = report_of(scan, replace(target, details=details), formats)
        return code

    raise typer.Exit(guarded(write))


audit.add_typer(controls_commands)
audit.add_typer(config_commands)


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """A command whose function has the same name as its module in `scanner.cli`, or the name `function`.

    `help`: the first sentence of the function's docstring. `own`: parameters without a short environment
    variable; None: the command has no logging options.
    """

    module: str
    help: str
    epilog: str
    own: tuple[str, ...] | None = None
    function: str = ""


FIRST: Final = ("run", "collect", "evaluate", "report")
"""The registered commands that are listed before the others."""

COMMANDS: Final = {
    "init": LazyCommand(
        "settings.init",
        "Write a commented audit.yaml from a few questions, from options or from a scan.",
        "audit init --org --region eu-west-1,eu-central-1",
        own=("org", "account", "ou", "region", "controls", "formats", "directory", "fail_on", "out", "force"),
        function="init",
    ),
    "check": LazyCommand(
        "check",
        "Check the identity, the organization, the role in every account and one read of each service there.",
        "audit check --org --external-id ID",
        own=("format",),
    ),
    "status": LazyCommand(
        "status",
        "Show the last scans of a deployed scanner: when, their state, accounts, findings and address.",
        "audit status vaultproof --limit 3",
        own=("format",),
    ),
    "explain": LazyCommand(
        "explain",
        "Show why something is protected or not: each link with its result, reason and evidence.",
        "audit explain scan vol-0a1b2c3d --show-evidence",
    ),
    "blast-radius": LazyCommand(
        "blast_radius",
        "Show what loses its last backup when a key, vault, role, account or Region is gone.",
        "audit blast-radius scan central-backup",
    ),
    "graph": LazyCommand(
        "blast_radius",
        "Write the protection graph: what each backup rests on, and the state of each relation.",
        "audit graph scan --format dot | dot -Tsvg > graph.svg",
        function="graph",
    ),
    "diff": LazyCommand(
        "diff",
        "Show what is new, reopened, changed, fixed, deleted, no longer checked or now unknown.",
        "audit diff last-week today --fail-on high",
    ),
    "what-if": LazyCommand(
        "what_if",
        "Judge a planned change before it is applied: new, fixed, newly unknown and removed findings.",
        "audit what-if scan --change plan.json --fail-on high",
        own=("format", "account", "region", "parameter"),
    ),
    "fix": LazyCommand(
        "fix",
        "Propose the smallest set of changes that makes failures pass, as code, and prove it on the "
        "evidence.",
        "audit fix scan --control resource-in-backup-plan --out changes",
        own=("format", "severity", "account", "region", "force"),
    ),
    "notify": LazyCommand(
        "notify",
        "Send the notifications of an evaluated scan: EventBridge event, SNS message, Security Hub findings.",
        "audit notify scan --since last-night --topic ARN --dry-run",
        own=(),
    ),
    "verify": LazyCommand(
        "verify",
        "Check the files of a scan or a bundle against its manifest, and what it says against its evidence.",
        "audit verify scan --re-perform",
        own=("format",),
    ),
    "policy": LazyCommand(
        "policy",
        "Print the least-privilege IAM policy for a scan, generated from the calls that the scanner can "
        "make.",
        "audit policy --format cloudformation > role.yaml",
    ),
    "sign": LazyCommand(
        "sign",
        "Sign the manifest of a scan, or add a time stamp to its signature.",
        "audit sign scan --sign-key key.pem --timestamp-url https://tsa.example.com/tsr",
        own=("force",),
    ),
    "query": LazyCommand(
        "query",
        "Query the facts, inventory and findings of an evaluated scan with SQL.",
        'audit query scan "SELECT account, count(*) FROM resource WHERE NOT covered GROUP BY account"',
    ),
}


def loaded_command(name: str) -> Any:  # noqa: ANN401 -- as above
    """Import the module of a command, and build the command of its function and options."""
    lazy = COMMANDS[name]
    function = getattr(import_module(f"scanner.cli.{lazy.module}"), lazy.function or lazy.module)
    info = CommandInfo(
        name=name,
        cls=Command,
        callback=function if lazy.own is None else with_common_options(function, lazy.own),
        epilog=f"Example: [bold]{lazy.epilog}[/]",
    )
    return get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode="rich")

"""`audit check`: whether a scan could read what it needs, before the first one."""

from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from scanner.cli import options
from scanner.cli.exits import guarded
from scanner.cli.options import ScopeOptions


class CheckFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[CheckFormat, typer.Option("--format", help="The output format.")]


def check(  # noqa: PLR0913 -- the options of the scope, as for `run`
    *,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    profile: options.Profile = None,
    concurrency: options.Concurrency = 16,
    config: options.Config = None,
    format_: FormatOption = CheckFormat.TABLE,
    quiet: options.Quiet = False,
) -> None:
    """Check the identity, the organization, the role in every account and one read of each service there.

    Nothing is written. Exits 4 if something is missing, and prints what to do about it. Reads are tested in
    one Region of each account; a call that was throttled or not answered counts as unknown, not as denied.
    """
    scope = ScopeOptions(org, account, ou, region, role_name, external_id, profile, concurrency)
    actions = import_module("scanner.cli.check_actions")
    raise typer.Exit(guarded(lambda: actions.check(scope, config, format_.value, quiet=quiet)))

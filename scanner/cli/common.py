"""The options that every longer command has, and the environment variables of its options.

An option is read from `VAULTPROOF_COMMAND_OPTION` (typer's automatic names), and in the commands that are
decorated here from `VAULTPROOF_OPTION` as well.
"""

import inspect
import os
from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Annotated, Any, Final, get_args, get_origin

import typer
from typer.models import OptionInfo

from scanner.cli.logs import LogFormat, configure

PREFIX: Final = "VAULTPROOF"
LOGGING: Final = "Logging"

_ADDED: Final[dict[str, tuple[Any, Any]]] = {
    "log_format": (
        Annotated[
            LogFormat | None,
            typer.Option(
                "--log-format",
                help="Lines on stderr with their time, as text or JSON.",
                rich_help_panel=LOGGING,
            ),
        ],
        None,
    ),
    "verbose": (
        Annotated[
            bool,
            typer.Option(
                "--verbose", "-v", help="Show each account-Region on stderr.", rich_help_panel=LOGGING
            ),
        ],
        False,
    ),
    "debug": (
        Annotated[
            bool,
            typer.Option(
                "--debug", help="Show each call on stderr; never a credential.", rich_help_panel=LOGGING
            ),
        ],
        False,
    ),
    "no_color": (
        Annotated[
            bool,
            typer.Option("--no-color", help="No colors, as with NO_COLOR=1.", rich_help_panel=LOGGING),
        ],
        False,
    ),
}


def with_common_options(command: Callable[..., None], own: tuple[str, ...] = ()) -> Callable[..., None]:
    """Add the options of logging to a command, and short names of environment variables to its options.

    `own`: parameters that mean something else than in other commands, and get no short name.
    """

    @wraps(command)
    def configured(
        *,
        log_format: LogFormat | None = None,
        verbose: bool = False,
        debug: bool = False,
        no_color: bool = False,
        **options: Any,  # noqa: ANN401 -- those of the command
    ) -> None:
        if no_color:
            os.environ["NO_COLOR"] = "1"
        configure(log_format, verbose=verbose, debug=debug)
        command(**options)

    signature = inspect.signature(command)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _ADDED.items()
    ]
    parameters = [
        each.replace(annotation=_with_variable(each.annotation, _prefix(command, each.name, own)))
        for each in (*signature.parameters.values(), *added)
    ]
    configured.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    configured.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return configured


def _prefix(command: Callable[..., None], name: str, own: tuple[str, ...]) -> str:
    return f"{PREFIX}_{command.__name__.upper()}" if name.rstrip("_") in own else PREFIX


def _with_variable(annotation: Any, prefix: str) -> Any:  # noqa: ANN401 -- typing constructs
    """Return the annotation of an option with its environment variable; others as they are."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *metadata = get_args(annotation)
    changed = [_named(each, prefix) if isinstance(each, OptionInfo) else each for each in metadata]
    return Annotated[(kind, *changed)]


def _named(option: OptionInfo, prefix: str) -> OptionInfo:
    option = copy(option)
    # In Annotated, typer takes the first declaration for a default, and moves it later.
    declared = (option.default, *(option.param_decls or ()))
    long = next((each for each in declared if isinstance(each, str) and each.startswith("--")), "")
    option.envvar = f"{prefix}_{long.removeprefix('--').replace('-', '_').upper()}" if long else None
    return option

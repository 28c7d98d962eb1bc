"""Options that all longer commands have, and environment variables for options.

An option is also read from `VAULTPROOF_COMMAND_OPTION` (typer's automatic name), and in commands that are
decorated here from `VAULTPROOF_OPTION`.
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
    """Add the logging options to a command, and short environment variables to its options.

    `own`: parameters with another meaning than in other commands, which get no short environment variable.
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
        # In the environment, so that rich and child processes follow it too.
        if no_color:
            os.environ["NO_COLOR"] = "1"
        configure(log_format, verbose=verbose, debug=debug)
        command(**options)

    # Typer reads the signature, not the function: the wrapper has to show all options.
    signature = inspect.signature(command)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _ADDED.items()
    ]
    # An option that means something else in other commands must not share their variable.
    parameters = [
        parameter.replace(
            annotation=_with_variable(parameter.annotation, _prefix(command, parameter.name, own))
        )
        for parameter in (*signature.parameters.values(), *added)
    ]
    configured.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    configured.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {
        "return": None
    }
    return configured


def _prefix(command: Callable[..., None], name: str, own: tuple[str, ...]) -> str:
    return f"{PREFIX}_{command.__name__.upper()}" if name.rstrip("_") in own else PREFIX


def _with_variable(annotation: Any, prefix: str) -> Any:  # noqa: ANN401 -- typing constructs
    """Return an option's annotation with its environment variable, and other annotations unchanged."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *metadata = get_args(annotation)
    changed = [_named(entry, prefix) if isinstance(entry, OptionInfo) else entry for entry in metadata]
    return Annotated[(kind, *changed)]


def _named(option: OptionInfo, prefix: str) -> OptionInfo:
    # A copy: several commands share one OptionInfo.
    option = copy(option)
    # In Annotated, typer treats the first declaration as the default, and moves it later.
    declared = (option.default, *(option.param_decls or ()))
    long = next(
        (
            declaration
            for declaration in declared
            if isinstance(declaration, str) and declaration.startswith("--")
        ),
        "",
    )
    option.envvar = f"{prefix}_{long.removeprefix('--').replace('-', '_').upper()}" if long else None
    return option

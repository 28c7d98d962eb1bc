"""`audit demo`: serve the simulated organisation, then run the ordinary scanner against it.

Moto is imported only when the command runs: without the extra `demo` the rest of the program works.
"""

import json
import os
import shutil
import signal
import subprocess  # nosec B404 # it starts this program alone
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scanner.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from scanner.demo.serve import Demo

CONFIG: Final = Path(__file__).with_name("audit.yaml")
"""The settings of the simulated organisation."""

_MANIFEST = "manifest.json"
_JOURNAL = "journal.jsonl"
_INTERRUPTED = 130
_PATIENCE = 20.0  # seconds that the scan has to end by itself after Ctrl-C

OutOption = Annotated[
    Path, typer.Option("--out", help="Folder of the scan; an earlier demo scan in it goes.")
]
FormatOption = Annotated[str | None, typer.Option("--format", help="Formats of the report, as for `run`.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress.")]
ControlsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--controls",
        metavar="ID|PACK|DIR",
        help="A control, a pack, a folder of controls, or all (repeatable) \\[baseline].",
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Another number, other ids; the same gaps.")]


def demo(
    out: OutOption = Path("demo-report"),
    formats: FormatOption = None,
    controls: ControlsOption = None,
    quiet: QuietOption = False,  # noqa: FBT002 - typer makes a flag of it
    seed: SeedOption = None,
) -> None:
    """Scan a simulated organisation on this machine; no AWS account is needed.

    Example: audit demo --out demo-report --format html,json
    """
    serve, default_seed = _load_server()
    clear(out, Path.cwd())
    from scanner.demo.server.authorization import enforced  # noqa: PLC0415 - imports moto

    # The scan has exactly the permissions that `audit policy` prints.
    with serve(default_seed if seed is None else seed) as running, enforced():
        arguments = scan_arguments(running, out, formats, controls or (), quiet=quiet)
        code = run_scan(arguments, running.scrubbed(os.environ))
    raise typer.Exit(code)


def scan_arguments(
    running: "Demo", out: Path, formats: str | None, controls: Sequence[str] = (), *, quiet: bool
) -> list[str]:
    """The command line of the ordinary scan."""
    from scanner.demo.clock import DEMO_CLOCK  # noqa: PLC0415 - imports moto

    # A process of its own: the scan must not share state with the simulation.
    arguments = [sys.executable, "-m", "scanner", "run", "--org", "--out", str(out)]
    arguments += ["--role-name", running.role_name, "--config", str(CONFIG)]
    for region in running.regions:
        arguments += ["--region", region]
    arguments += ["--as-of", DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")]
    if formats:
        arguments += ["--format", formats]
    for word in controls:
        arguments += ["--controls", word]
    if controls:
        # Everything is collected, as without --controls: the demo is small, and can be evaluated with others.
        arguments += ["--collect", "all"]
    return [*arguments, "--quiet"] if quiet else arguments


def clear(out: Path, here: Path) -> None:
    """Remove an earlier demo scan. Raises UsageError where the folder holds anything else."""
    # Only a folder that a demo wrote is removed, never one that --out names by mistake.
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if out.resolve() in (here.resolve(), *here.resolve().parents) or not is_demo_scan(out):
        raise UsageError(f"{out} is not the folder of an earlier demo scan: name another one with --out")
    shutil.rmtree(out)


def is_demo_scan(folder: Path) -> bool:
    """Whether the folder's manifest, or its journal, says that the simulated organisation was scanned."""
    from scanner.demo.story.accounts import MANAGEMENT  # noqa: PLC0415 - imports moto

    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        accounts = manifest["scope"].get("management_account"), manifest.get("caller", {}).get("account")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _begun_by(folder) == MANAGEMENT
    return MANAGEMENT in accounts


def _begun_by(folder: Path) -> str:
    """The account that a scan was begun with that was killed before it had a manifest; empty if none was."""
    try:
        with (folder / _JOURNAL).open(encoding="utf-8") as journal:
            return str(json.loads(journal.readline())["caller"]["account"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def run_scan(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the scan and give its exit code. Ctrl-C reaches it, too: it is left to end by itself."""
    with subprocess.Popen(arguments, env=dict(environment)) as child:  # nosec B603 # noqa: S603 - our own program
        try:
            code = child.wait()
        except KeyboardInterrupt:
            _wait_for_end(child)
            return _INTERRUPTED
    return _INTERRUPTED if code == -signal.SIGINT else code


def _wait_for_end(child: "subprocess.Popen[bytes]") -> None:
    try:
        # The terminal sends Ctrl-C to both processes: the scan ends by itself, with what it has.
        child.wait(_PATIENCE)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        child.kill()


def _load_server() -> "tuple[Callable[[int], AbstractContextManager[Demo]], int]":
    try:
        from scanner.demo.serve import DEFAULT_SEED, serve  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        raise UsageError(
            f"The demo needs {error.name or 'moto'}, which is not installed. "
            "Install this program with its extra demo: pip install '.[demo]' in its source folder."
        ) from error
    return serve, DEFAULT_SEED

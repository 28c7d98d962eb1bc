"""What `audit run --distributed STACK` and `audit status STACK` do: a scan in AWS, watched from here."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from scanner.app.judged import read_judged
from scanner.app.judgement import Outcome
from scanner.cli.console import Console, echo_json
from scanner.cli.judge_actions import conclude
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions, ScopeOptions, Target, formats_of
from scanner.cli.progress import duration, wide_console
from scanner.distributed.client import (
    MapCounts,
    Run,
    RunState,
    StackClient,
    failure_of,
    open_stack,
    scan_id_of,
)
from scanner.errors import UsageError
from scanner.report.view.view import build
from scanner.report.write import Written
from scanner.storage.place import is_place

SCHEMA: Final = "backup-audit/runs/1"
_INTERRUPTED: Final = "Interrupted. The scan goes on in AWS: look at it with `audit status {stack}`"


@dataclass(frozen=True, slots=True)
class Distributed:
    """The command line of a scan in AWS."""

    stack: str
    scope: ScopeOptions
    judged: JudgementOptions
    target: Target
    formats: str | None


def run(request: Distributed, *, quiet: bool) -> int:
    """Start a scan, wait for its end, fetch its reports, and return the exit code of a local run."""
    # Before anything is started: an execution in AWS costs money.
    _check(request)
    client = open_stack(request.stack, request.scope.profile)
    scan = scan_input(request)
    scan_id = scan_id_of(client.stack, scan, datetime.now(UTC))
    # The folder as well, since the reports are fetched long after the start.
    folder = _new_folder(request.target.out, scan_id)
    execution = client.start(scan_id, scan)
    say(f"Scan {scan_id} was started: {execution}")
    try:
        state = client.wait(execution, _silent if quiet else _Shown())
    except KeyboardInterrupt:
        # Ctrl-C ends the waiting, not the scan, and the message says how to find it again.
        later = f"audit report {client.place(scan_id)} --out {folder}"
        raise KeyboardInterrupt(
            f"{_INTERRUPTED.format(stack=request.stack)}, and fetch its reports later with `{later}`."
        ) from None
    # The manifest is written last, so its presence is what makes the scan complete.
    if not client.has_scan(scan_id):
        raise failure_of(state, scan_id)
    if state.status != "SUCCEEDED":
        say(f"warning: The execution ended with {state.status}, but the scan is complete in the bucket.")
    client.fetch(scan_id, folder)
    return _conclude(request, folder, f"{client.place(scan_id)}", quiet=quiet)


def _check(request: Distributed) -> None:
    """Raise UsageError for options that a scan in AWS does not support."""
    target, judged = request.target, request.judged
    local = {
        "--resume": target.resume,
        "--config (the stack has its own audit.yaml)": judged.config,
        "--since": target.since,
        "--before": target.before,
        "--redact": target.redact or target.redact_key,
        "--jobs": judged.jobs,
        "--sse-kms-key": target.kms_key,
        "--bucket-owner": target.bucket_owner,
        "--annex": target.details.annex,
        "--nist-baseline": target.details.nist_baseline,
    }
    # Refused rather than ignored: a user would rely on them.
    refused = [name for name, value in local.items() if value]
    if refused := [*refused, *(f"{name} (the stack has its own key)" for name in target.signing.names)]:
        raise UsageError(
            f"{', '.join(refused)} cannot be combined with --distributed. Report the scan again afterwards."
        )
    if target.out is not None and is_place(target.out):
        raise UsageError("--distributed keeps the scan in the stack's bucket: name a folder with --out.")
    if not (request.scope.organization or request.scope.accounts):
        raise UsageError("--distributed needs --org, or the accounts with --account.")


def scan_input(request: Distributed) -> dict[str, Any]:
    """Return the options of the scan as the function's events have them, without those not set."""
    scope, judged = request.scope, request.judged
    formats = formats_of(request.formats, ()) if request.formats else ()
    values = {
        "organization": scope.organization or None,
        "accounts": scope.accounts,
        "organizational_units": scope.units,
        "regions": scope.regions,
        "role_name": scope.role_name,
        "external_id": scope.external_id,
        "controls": judged.controls,
        "collect": scope.collect,
        "formats": list(formats),
        "as_of": judged.as_of,
    }
    # Options that are not set are left to the stack's own audit.yaml.
    return {key: value for key, value in values.items() if value}


def _new_folder(out: str | None, scan_id: str) -> Path:
    folder = Path(out) if out else Path(f"audit-{scan_id}")
    # Files of another scan would mix with those that are fetched.
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder: name another one with --out.")
    return folder


def _silent(_state: RunState, _counts: tuple[MapCounts, ...]) -> None:
    """Show nothing."""


class _Shown:
    """Prints the progress of the maps whenever it changed."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, state: RunState, counts: tuple[MapCounts, ...]) -> None:
        """Print the progress if it changed."""
        line = "; ".join(count.line() for count in counts) or state.status.capitalize()
        if line != self._last:
            say(line)
        self._last = line


def _conclude(request: Distributed, folder: Path, place: str, *, quiet: bool) -> int:
    view = build(read_judged(folder))
    written = tuple(
        Written(path.suffix.removeprefix("."), path, path.stat().st_size, "")
        for path in sorted(folder.iterdir())
        # The files that reports have, whatever formats were requested.
        if path.is_file() and path.stem.split(".")[0] in ("report", "findings", "summary", "inventory")
    )
    return conclude(Outcome(view, written), str, request.judged, f"{folder} ({place})", quiet=quiet)


def status(stack: str, limit: int, format_: str, profile: str | None) -> int:
    """Print the last scans of a stack."""
    client = open_stack(stack, profile)
    runs = client.runs(limit)
    if format_ == "json":
        document = {"schema": SCHEMA, "stack": stack, "runs": [run.document() for run in runs]}
        echo_json(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print_runs(client, runs, wide_console())
    return 0


def print_runs(client: StackClient, runs: tuple[Run, ...], console: Console) -> None:
    """Print scans as a table, newest first."""
    if not runs:
        console.print(f"The state machine of {escape(client.stack.name)} has run no scan yet.")
        return
    table = Table(header_style="bold", pad_edge=False, box=None)
    for name in ("started", "state", "took", "accounts", "fail", "unknown", "score", "address"):
        is_number = name in ("accounts", "fail", "unknown", "score")
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for scan in runs:
        counts = scan.counts or {}
        took = duration((scan.ended_at - scan.started_at).total_seconds()) if scan.ended_at else ""
        numbers = (scan.accounts, counts.get("fail"), counts.get("unknown"), scan.score)
        cells = ["not known" if number is None else f"{number:,}" for number in numbers]
        started = f"{scan.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        table.add_row(started, scan.state, took, *cells, escape(scan.address))
    console.print(table)

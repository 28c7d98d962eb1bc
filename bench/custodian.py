"""The cost of `audit run` compared with Cloud Custodian's c7n-org, on one endpoint in one run.

Custodian needs a virtual environment of its own: its libraries are not ours. C7N_ENV names the folder of one
that has `c7n` and `c7n-org`; without it this bench is skipped.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.endpoint import SMALL, Estate
from bench.measure import ROOT, SHARED, Table, calls_answered, environment, serving

VARIABLE: Final = "C7N_ENV"
_TURNS: Final = 3
_RESOURCES: Final = (
    "backup-vault", "backup-plan", "ebs", "ec2", "rds", "rds-cluster", "dynamodb-table", "efs", "fsx", "s3",
    "redshift", "storage-gateway", "cfn", "kms",
)  # fmt: skip
"""What Custodian lists: the resource types of AWS Backup that it knows."""


@dataclass(frozen=True, slots=True)
class _Spent:
    """The CPU seconds, wall seconds and calls of a command."""

    cpu: float
    wall: float
    calls: int


def tables(*, tiny: bool = False) -> list[Table]:
    """Scan 10 small accounts in 2 Regions with both; nothing without Custodian."""
    program = _program()
    if program is None:
        print(f"custodian: skipped. {VARIABLE} does not name a virtual environment with c7n-org.\n")
        return []
    estate = Estate(accounts=2 if tiny else 10, regions=2, **SMALL)
    commands: dict[str, Callable[[Path], list[str]]] = {
        "c7n-org run": lambda folder: _custodian(program, estate, folder),
        "audit run": lambda folder: _audit(estate, folder, "html,pdf,json"),
        "audit run --format html,json": lambda folder: _audit(estate, folder, "html,json"),
        "audit run --format json": lambda folder: _audit(estate, folder, "json"),
        "audit collect": lambda folder: _collect(estate, folder),
    }
    turns = 1 if tiny else _TURNS
    spent = _measure(estate, commands, turns)
    theirs = spent["c7n-org run"]
    return [
        Table(
            f"{estate.accounts} small accounts in {estate.regions} Regions, compared with Cloud Custodian",
            ("command", "calls", "CPU s", "of theirs", "wall s", "of theirs"),
            [_row(name, took, theirs) for name, took in spent.items()],
            (
                f"The least of {turns} turns. Load of the machine: {os.getloadavg()[0]:.1f}.",
                f"Custodian lists {len(_RESOURCES)} types of resources, with no filter and no action.",
                SHARED,
            ),
        )
    ]


def _program() -> Path | None:
    named = os.environ.get(VARIABLE)
    program = Path(named or ".") / "bin" / "c7n-org"
    return program if named and program.is_file() else None


def _row(name: str, spent: _Spent, theirs: _Spent) -> tuple[object, ...]:
    cpu = f"{spent.cpu:.1f}", f"{spent.cpu / theirs.cpu:.2f}"
    return name, spent.calls, *cpu, f"{spent.wall:.1f}", f"{spent.wall / theirs.wall:.2f}"


def _measure(
    estate: Estate, commands: Mapping[str, Callable[[Path], list[str]]], turns: int
) -> dict[str, _Spent]:
    least: dict[str, _Spent] = {}
    with serving(estate) as url:
        for _ in range(turns):
            for name, command in commands.items():
                with tempfile.TemporaryDirectory() as folder:
                    spent = _spend(command(Path(folder)), url)
                least[name] = min(spent, least.get(name, spent), key=lambda took: took.cpu)
    return least


def _spend(command: Sequence[str], url: str) -> _Spent:
    """Run a command, and return its cost, child processes included."""
    variables = environment(url) | {"AWS_DEFAULT_REGION": "eu-west-1"}
    calls, before, begun = (
        calls_answered(url),
        resource.getrusage(resource.RUSAGE_CHILDREN),
        time.perf_counter(),
    )
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Spent(cpu, wall, calls_answered(url) - calls)


def _audit(estate: Estate, folder: Path, formats: str) -> list[str]:
    return [*_ours(estate, "run", folder), "--format", formats]


def _collect(estate: Estate, folder: Path) -> list[str]:
    return _ours(estate, "collect", folder)


def _ours(estate: Estate, command: str, folder: Path) -> list[str]:
    regions = [f"--region={region}" for region in estate.region_names()]
    return [
        sys.executable,
        "-m",
        "scanner",
        command,
        "--org",
        *regions,
        f"--out={folder / 'scan'}",
        "--quiet",
    ]


def _custodian(program: Path, estate: Estate, folder: Path) -> list[str]:
    """Write Custodian's files. JSON is valid YAML."""
    accounts = [
        {
            "account_id": account,
            "name": account,
            "role": f"arn:aws:iam::{account}:role/R",
            "regions": list(estate.region_names()),
        }
        for account in estate.account_ids()
    ]
    policies = [{"name": kind, "resource": f"aws.{kind}"} for kind in _RESOURCES]
    files = {"accounts": folder / "accounts.json", "policies": folder / "policies.json"}
    for (name, file), rows in zip(files.items(), (accounts, policies), strict=True):
        file.write_text(json.dumps({name: rows}))
    inputs = ["-c", str(files["accounts"]), "-u", str(files["policies"])]
    return [str(program), "run", *inputs, "-s", str(folder / "out"), "--cache-period", "0"]

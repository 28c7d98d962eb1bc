"""`python -m scanner.demo`: serve the simulated organisation until Ctrl-C, for trying things out."""

import threading
from typing import Annotated

import typer

from scanner.demo.clock import DEMO_CLOCK
from scanner.demo.serve import DEFAULT_SEED, serve

PortOption = Annotated[int, typer.Option(help="Port on loopback; 0 means a free one.")]
SeedOption = Annotated[int, typer.Option(help="Another number, other ids; the same gaps.")]


def main(port: PortOption = 0, seed: SeedOption = DEFAULT_SEED) -> None:
    """Serve in the foreground, and print the environment with which to talk to the simulation."""
    with serve(seed, port) as running:
        for name, value in running.environment().items():
            typer.echo(f"export {name}='{value}'")
        regions = " ".join(f"--region {region}" for region in running.regions)
        clock = DEMO_CLOCK.strftime("%Y-%m-%dT%H:%M:%SZ")
        typer.echo(f"# audit run --org --role-name {running.role_name} {regions} --as-of {clock}")
        _wait()


def _wait() -> None:
    """Until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        typer.echo("", err=True)


if __name__ == "__main__":
    typer.run(main)

"""The stages from a bundle to each report: what each costs, and how many times the floor that is.

The floor is unpacking and decoding the same evidence, measured in the same run. Each stage is measured in a
process of its own, without what it prepares; commands of `audit` are measured from their start to their end.

`python -m bench.stages 100000 1000000` measures as many resources as are named, `--only STAGE` one stage.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.bundles import RESOURCES, bundle_of, copies_for
from bench.measure import Table, ratio
from bench.processes import CommandFailedError, Cost, measure
from bench.stage import STAGES

SIZES: Final = (2_000, 10_000)
"""Resources, where no number is named."""

FLOOR: Final = "floor"
_FLOORS: Final = 5
"""How often the floor is measured: it is short, and every ratio depends on it."""

_EVALUATE: Final = "audit evaluate"
_COMMANDS: Final[Mapping[str, str]] = {
    _EVALUATE: "evaluate {bundle} --out {judged} --format json --jobs 1 --quiet --force",
    "audit evaluate, html, pdf": "evaluate {bundle} --out {out} --format html,pdf --jobs 1 --quiet",
    "audit evaluate, 2 processes": "evaluate {bundle} --out {out} --format json --jobs 2 --quiet",
    "audit --version": "--version",
    "audit --help": "--help",
    "audit controls list": "controls list",
}
"""Commands of `audit`. What the first one writes to {judged} is what stages read."""

NAMES: Final = (*STAGES, *_COMMANDS)
"""All stages, in the order of the table."""


class Stages:
    """Measures stages over one bundle. `folder`: an empty folder, which must exist as long as this does."""

    def __init__(self, resources: int, folder: Path) -> None:
        self.resources = copies_for(resources) * RESOURCES
        self._bundle, self._folder = bundle_of(resources), folder
        self.costs: dict[str, Cost] = {}
        self.failures: dict[str, str] = {}
        self.measure(*[FLOOR] * _FLOORS, _EVALUATE)
        self.findings = _findings(self._judged)

    def measure(self, *names: str) -> None:
        """Measure stages, perhaps again: the least cost of a stage counts. Failures are noted."""
        for name in names:
            try:
                cost = self._cost(name)
            except CommandFailedError as problem:
                self.failures[name] = str(problem).splitlines()[-1] if str(problem) else "no message"
            else:
                former = self.costs.get(name)
                self.costs[name] = cost if former is None else former.least(cost)

    def ratio(self, name: str) -> float:
        """Return the processor time of a stage divided by that of the floor."""
        return self.costs[name].cpu / self.costs[FLOOR].cpu

    def table(self) -> Table:
        """Return the costs of all measured stages."""
        return Table(
            f"Stages: {self.resources:,} resources, {self.findings:,} findings",
            ("stage", "CPU s", "wall s", "peak MB", "CPU / floor", "CPU µs a finding"),
            [self._row(name) for name in NAMES if name in self.costs],
            (
                "Stages without their preparation; commands from start to end.",
                *(f"{name} failed: {why}" for name, why in self.failures.items()),
            ),
        )

    def _row(self, name: str) -> Sequence[str]:
        cost = self.costs[name]
        finding = f"{cost.cpu / self.findings * 1e6:.2f}"
        return (
            name,
            f"{cost.cpu:.2f}",
            f"{cost.wall:.2f}",
            f"{cost.peak:.0f}",
            ratio(cost.cpu, self.costs[FLOOR].cpu),
            finding,
        )

    @property
    def _judged(self) -> Path:
        return self._folder / "judged"

    def _cost(self, name: str) -> Cost:
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            if name in _COMMANDS:
                places = {"bundle": str(self._bundle), "judged": str(self._judged), "out": out}
                words = (word.format_map(places) for word in _COMMANDS[name].split())
                return measure([sys.executable, "-m", "scanner", *words])[0]
            folders = (str(self._bundle), str(self._judged), out)
            cost, output = measure([sys.executable, "-m", "bench.stage", name, *folders])
            return replace(cost, **json.loads(output))


def _findings(judged: Path) -> int:
    summary = json.loads((judged / "summary.json").read_bytes())["summary"]
    return sum(sum(statuses.values()) for statuses in summary["controls"].values())


def tables(*, tiny: bool = False) -> list[Table]:
    """Measure all stages of bundles of growing size."""
    return [_table(size, NAMES) for size in ((RESOURCES,) if tiny else SIZES)]


def _table(resources: int, names: Sequence[str]) -> Table:
    with tempfile.TemporaryDirectory(prefix="vaultproof-bench-") as folder:
        stages = Stages(resources, Path(folder))
        stages.measure(*(name for name in names if name not in stages.costs))
        return stages.table()


def main() -> None:
    """Measure as many resources as the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages")
    parser.add_argument("resources", type=int, nargs="*", default=SIZES)
    parser.add_argument("--only", metavar="STAGE", action="append", choices=NAMES, help=", ".join(NAMES))
    wanted = parser.parse_args()
    for resources in wanted.resources:
        print(_table(resources, wanted.only or NAMES).text(), flush=True)


if __name__ == "__main__":
    main()

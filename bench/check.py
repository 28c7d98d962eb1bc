"""`python -m bench.check`: fail if a stage costs much more, relative to the floor, than was recorded.

Processor time is compared, not wall time. A stage above its limit is measured again, as is the floor, and the
least counts: a busy machine makes stages slower, never faster. `--record` writes the ratios of this
machine to bench/recorded.json instead.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench.stages import FLOOR, NAMES, Stages

RECORDED: Final = Path(__file__).with_name("recorded.json")
RESOURCES: Final = 2_000

_FACTOR: Final = 1.3
_SLACK: Final = 1.0
"""Floors that a stage may take more in any case, since short stages vary more."""

_AGAIN: Final = 2
"""How often a stage above its limit is measured again, and how often more all are when they are recorded."""

_LEFT_OUT: Final = frozenset(
    {FLOOR, "tables on 2 processes", "audit evaluate, 2 processes", "audit evaluate, html, pdf"}
)
"""The floor itself; stages that depend on how many cores there are; and a sum of checked stages."""

CHECKED: Final = tuple(name for name in NAMES if name not in _LEFT_OUT)


def limit(recorded: float) -> float:
    """Return the ratio that a stage may reach."""
    return max(_FACTOR * recorded, recorded + _SLACK)


def excessive(ratios: Mapping[str, float], recorded: Mapping[str, float]) -> list[str]:
    """Return the stages above their limit."""
    return [name for name, ratio in ratios.items() if name in recorded and ratio > limit(recorded[name])]


def problems(ratios: Mapping[str, float], recorded: Mapping[str, float]) -> Iterator[str]:
    """Yield what is wrong with a stage: its ratio is too high, or it is only measured or only recorded."""
    for name in excessive(ratios, recorded):
        yield (
            f"Stage {name!r} takes {ratios[name]:.1f} times the floor; {recorded[name]:.1f} was recorded, "
            f"and the limit is {limit(recorded[name]):.1f}. Make it faster, or record the new ratio: "
            "make bench-record"
        )
    for name in sorted(ratios.keys() - recorded.keys()):
        yield f"Stage {name!r} is not in {RECORDED.name}. Record it: make bench-record"
    for name in sorted(recorded.keys() - ratios.keys()):
        yield f"Stage {name!r} of {RECORDED.name} was not measured: it failed, or no longer exists."


def main() -> int:
    """Check or record; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.check")
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name}")
    record = parser.parse_args().record
    with tempfile.TemporaryDirectory(prefix="vaultproof-bench-") as folder:
        stages = Stages(RESOURCES, Path(folder))
        return _record(stages) if record else _check(stages, _recorded())


def _check(stages: Stages, recorded: Mapping[str, float]) -> int:
    stages.measure(*CHECKED)
    for _ in range(_AGAIN):
        if above := excessive(_ratios(stages), recorded):
            stages.measure(FLOOR, *above)
    print(stages.table().text())
    excess = list(problems(_ratios(stages), recorded))
    print(*(excess or ["No stage is above its limit."]), sep="\n")
    return 1 if excess else 0


def _record(stages: Stages) -> int:
    for _ in range(1 + _AGAIN):
        stages.measure(FLOOR, *CHECKED)
    print(stages.table().text())
    ratios = {name: round(ratio, 2) for name, ratio in _ratios(stages).items()}
    document = {"resources": stages.resources, "findings": stages.findings, "ratios": ratios}
    RECORDED.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    return 1 if stages.failures else 0


def _ratios(stages: Stages) -> dict[str, float]:
    return {name: stages.ratio(name) for name in CHECKED if name in stages.costs}


def _recorded() -> Mapping[str, float]:
    ratios: Mapping[str, float] = json.loads(RECORDED.read_bytes())["ratios"]
    return ratios


if __name__ == "__main__":
    sys.exit(main())

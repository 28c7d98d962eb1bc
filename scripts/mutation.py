"""Prints the share of `mutmut run`'s changes that tests notice; fails below the floor."""

import json
import sys
from pathlib import Path
from typing import Final

STATS: Final = Path("mutants/mutmut-cicd-stats.json")
FLOOR: Final = 0.85


def main() -> int:
    """Print the share of changes that tests notice; 1 where it is below the floor, 2 where nothing ran."""
    try:
        counts = json.loads(STATS.read_bytes())
    except FileNotFoundError:
        print(f"{STATS} does not exist: `mutmut run` has not finished.", file=sys.stderr)
        return 2
    noticed = counts["killed"] + counts["timeout"] + counts["segfault"]
    tried = noticed + counts["survived"] + counts["no_tests"] + counts["suspicious"]
    if not tried:
        print("Nothing was changed: `only_mutate` in pyproject.toml names no code.", file=sys.stderr)
        return 2
    share = noticed / tried
    print(
        f"{noticed} of {tried} changes are noticed by a test: {share:.1%}; `mutmut results` lists the others"
    )
    return int(share < FLOOR)


if __name__ == "__main__":
    sys.exit(main())

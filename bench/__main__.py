"""`python -m bench`: all benches, or those named. `--tiny` only shows that they work.

More resources than usual: `python -m bench.stages 100000 1000000`.
"""

import argparse
from collections.abc import Callable
from typing import Final

from bench import calls, clients, custodian, latency, memory, needs, page, parsing, semantics, stages
from bench.measure import Table

BENCHES: Final[dict[str, Callable[..., list[Table]]]] = {
    "parsing": parsing.tables,
    "clients": clients.tables,
    "latency": latency.tables,
    "memory": memory.tables,
    "calls": calls.tables,
    "needs": needs.tables,
    "custodian": custodian.tables,
    "semantics": semantics.tables,
    "stages": stages.tables,
    "page": page.tables,
}


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.names or BENCHES:
        for table in BENCHES[name](tiny=arguments.tiny):
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()

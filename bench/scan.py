"""One collection, measured from inside its own process: `python -m bench.scan FOLDER CONCURRENCY REGION…`."""

import json
import resource
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from scanner.collect.request import CollectRequest, Unwatched
from scanner.collect.runner import collect
from scanner.model.names import Shard


class Count(Unwatched):
    """Counts calls by operation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.lost = 0
        self._lock = threading.Lock()

    def called(self, shard: Shard, operation: str, *, ok: bool) -> None:
        """Count a call."""
        del shard
        with self._lock:
            self.calls[operation] += 1
            self.lost += not ok


def processor() -> float:
    """Return the CPU seconds that this process has used, in all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """Return the peak memory of this process, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(folder: Path, concurrency: int, regions: tuple[str, ...]) -> None:
    """Collect the organisation, and print what it took as JSON."""
    count = Count()
    request = CollectRequest(organization=True, regions=regions, concurrency=concurrency)
    started, begun = processor(), time.perf_counter()
    collected = collect(request, folder, count)
    print(
        json.dumps(
            {
                "wall": time.perf_counter() - begun,
                "cpu": processor() - started,
                "started": started,
                "rss": peak(),
                "calls": count.calls,
                "lost": count.lost,
                "bytes": sum(shard.bytes for shard in collected.shards),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))

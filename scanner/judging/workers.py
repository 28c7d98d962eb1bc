"""How many processes judge a bundle, where nobody said it."""

import os
from typing import Final

from scanner.evidence.bundle import Bundle

WORTH: Final = 1_000_000
"""Bytes of evidence, compressed, from which several processes are surely quicker (docs/benchmarks.md)."""

MOST: Final = 8
"""No more processes than these: each holds the control plane, and one writes what they all give."""


def workers_for(bundle: Bundle, jobs: int | None) -> int:
    """Give the number of processes: `jobs`, or what suits the bundle and this machine."""
    shards = sum(1 for _ in bundle.scope())
    if jobs is not None:
        return max(1, min(jobs, shards))
    return max(1, min(_cores(), MOST, shards)) if bundle.size() >= WORTH else 1


def _cores() -> int:
    """Give the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

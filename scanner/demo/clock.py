"""The clock of the demo and of moto, which is frozen while the organisation is built."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import moto.core.utils as moto_utils

DEMO_CLOCK = datetime(2026, 11, 20, 6, 0, 0, tzinfo=UTC)
"""The moment at which the demo is judged (`--as-of`). Every planted date is counted from it."""

# Taken before `take_over` replaces it.
_real_utcnow = moto_utils.utcnow
_standing: list[datetime] = []


def ago(*, days: float = 0, hours: float = 0) -> datetime:
    """Return the time this long before DEMO_CLOCK."""
    return DEMO_CLOCK - timedelta(days=days, hours=hours)


def demo_utcnow() -> datetime:
    """Return moto's `utcnow` (naive UTC): the frozen time, or the real one."""
    return _standing[-1].replace(tzinfo=None) if _standing else _real_utcnow()


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """Freeze moto's clock at `moment`. Not safe for threads; one thread builds the organisation."""
    _standing.append(moment)
    try:
        yield
    finally:
        _standing.pop()


def take_over() -> None:
    """Replace `utcnow` with `demo_utcnow` in all modules of moto. It can be called repeatedly.

    Modules that are loaded later find it in `moto.core.utils`.
    """
    moto_utils.utcnow = demo_utcnow
    for name, module in list(sys.modules.items()):
        # Modules imported the function by name, so replacing it at its source is not enough.
        if name.startswith("moto.") and vars(module).get("utcnow") is _real_utcnow:
            vars(module)["utcnow"] = demo_utcnow

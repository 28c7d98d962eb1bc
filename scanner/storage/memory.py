"""Returning memory to the operating system between the stages of an evaluation.

Python, Arrow and the C library keep freed memory for later use, so that without this the peaks of the stages
(the table of a control, a page of the PDF) would add up.
"""

import ctypes
import gc
from contextlib import suppress

import pyarrow as pa


def release_memory() -> None:
    """Collect garbage, and return freed memory to the operating system where the C library can."""
    gc.collect()
    return_freed_memory()


def return_freed_memory() -> None:
    """Return freed memory to the operating system. Takes about a millisecond, as it collects no garbage."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # only glibc has malloc_trim
        ctypes.CDLL(None).malloc_trim(0)

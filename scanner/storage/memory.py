"""Giving memory back to the machine between the stages of a judgement.

Python, Arrow and the C library keep what was freed for later. One stage after the other would each add its
own peak: the table of a control, a page of the PDF.
"""

import ctypes
import gc
from contextlib import suppress

import pyarrow as pa


def release_memory() -> None:
    """Free what nothing refers to, and return it to the machine where the C library can."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)

"""How tests start the image that VAULTPROOF_IMAGE names."""

import os
from collections.abc import Iterable
from typing import Final

PANGO_HIDDEN: Final = ("--volume", "/dev/null:/usr/lib/x86_64-linux-gnu/libpango-1.0.so.0:ro")
"""Options with which a container has no Pango."""


def container(*options: str, arguments: Iterable[str] = ()) -> list[str]:
    """Build the command that runs the image with a read-only file system, and removes the container."""
    work = os.environ["VAULTPROOF_IMAGE_STORAGE"]
    return [
        *("podman", "--root", f"{work}/storage", "--runroot", f"{work}/run", "--runtime", "runc"),
        *("run", "--rm", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108 -- of the container
        # Podman asks for more than a container or a CI machine may give.
        *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096"),
        *options,
        os.environ["VAULTPROOF_IMAGE"],
        *arguments,
    ]

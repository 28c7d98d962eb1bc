"""`reports.sha256`: the checksums of the reports in a folder, in the format of `sha256sum --check`.

The manifest of a judged scan names this file, and so each report.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scanner.errors import BundleError
from scanner.evidence.reader import names_a_file
from scanner.storage.bounded import open_regular

NAME: Final = "reports.sha256"

_DIGEST: Final = 64
_LONGEST: Final = 1 << 20


def read_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each report that `reports.sha256` lists, by its name; empty: there is none.

    Lines of other programs that do not name a file in this folder are left out.

    Raises:
        BundleError: the file cannot be read.
    """
    path = folder / NAME
    try:
        with open_regular(path) as file:
            # At most this much, because anyone may have written the file.
            text = file.read(_LONGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise BundleError(f"{path} cannot be read: {problem.strerror}.") from problem
    # Two spaces, as `sha256sum` writes them.
    pairs = (line.split("  ", 1) for line in text.splitlines() if line[_DIGEST:].startswith("  "))
    return {name: digest for digest, name in pairs if names_a_file(name)}


def checksums_bytes(checksums: Mapping[str, str]) -> bytes:
    """Encode the checksums of reports, sorted by their names."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(checksums.items())).encode()

"""The dependencies of requirements.lock: who needs them, and under which licence they are."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Final

from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parent.parent
RUNTIME: Final = "vaultproof"
"""The group of the packages that every installation has; the other groups are the extras."""

DEVELOPMENT: Final = "dev"

_PACKAGE: Final = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))?(?: \\)?")
_HASH: Final = re.compile(r"\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})(?: \\)?")
_EXTRA: Final = re.compile(r"""extra == ["']([^"']+)["']""")
_VIA: Final = re.compile(r"\s+#(?: via)?\s+(?P<name>[a-z0-9-]+)(?: \(pyproject\.toml\))?")

# What metadata says in other words than SPDX.
_SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}

# Read in the licence files of packages whose metadata names none, several, or "BSD" without the clauses.
_READ: Final = {
    "antlr4-python3-runtime": "BSD-3-Clause",
    "axe-playwright-python": "MIT",
    "cssselect2": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "libcst": "MIT AND PSF-2.0 AND Apache-2.0",
    "nodeenv": "BSD-3-Clause",
    "orderedmultidict": "Unlicense",
    "pydyf": "BSD-3-Clause",
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",
    "pypdfium2": "(Apache-2.0 OR BSD-3-Clause) AND BSD-3-Clause",
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",
    "tinycss2": "BSD-3-Clause",
    "weasyprint": "BSD-3-Clause",
    "webencodings": "BSD-3-Clause",
}

# Packages that the lock names for other systems or versions of Python: they have no metadata here.
_ELSEWHERE: Final = {
    "brotlicffi": "MIT",
    "colorama": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "pyyaml-ft": "MIT",
}

_PERMISSIVE: Final = frozenset(
    (
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CNRI-Python",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Unlicense",
    )
)
_OF_FILES: Final = frozenset(("MPL-1.1", "MPL-2.0"))  # they extend to changed files of the package itself
_OF_LIBRARIES: Final = frozenset(("LGPL-2.1", "LGPL-2.1-only", "LGPL-2.1-or-later"))


class LicenceError(Exception):
    """The licence of a package is not known, or not one that this project accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A locked version. `marker`: where it is installed; empty: everywhere. `used_by`: names of packages."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    used_by: tuple[str, ...]


def locked(lock: Path = ROOT / "requirements.lock") -> Iterator[Package]:
    """Yield the packages of the lock. Versions for other systems or Pythons have the same name."""
    for block in re.split(r"\n(?=[a-z0-9])", lock.read_text("utf-8")):
        lines = block.splitlines()
        head = _PACKAGE.fullmatch(lines[0]) if lines else None
        if head is None:
            continue
        yield Package(
            name=head["name"],
            version=head["version"],
            marker=head["marker"] or "",
            hashes=tuple(match["sha256"] for match in map(_HASH.fullmatch, lines) if match),
            used_by=tuple(match["name"] for match in map(_VIA.fullmatch, lines) if match),
        )


def groups() -> dict[str, tuple[Requirement, ...]]:
    """Return the requirements of pyproject.toml by group: those of every installation, and the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = {RUNTIME: project["dependencies"], **project["optional-dependencies"]}
    return {group: tuple(map(Requirement, lines)) for group, lines in listed.items()}


def users(packages: Iterable[Package]) -> dict[str, tuple[str, ...]]:
    """Return by name of a package the groups that need it, directly or through others."""
    used_by = users_of(packages)
    needed_by = {group: _closure(named, used_by) for group, named in groups().items()}
    return {name: tuple(group for group, names in needed_by.items() if name in names) for name in used_by}


def users_of(packages: Iterable[Package]) -> dict[str, frozenset[str]]:
    """Return by name of a package the names of those that need it, in any version."""
    used_by: dict[str, frozenset[str]] = {}
    for package in packages:
        used_by[package.name] = used_by.get(package.name, frozenset()) | set(package.used_by)
    return used_by


def _closure(named: Iterable[Requirement], used_by: Mapping[str, frozenset[str]]) -> frozenset[str]:
    reached: set[tuple[str, frozenset[str]]] = set()
    waiting = list(named)
    while waiting:
        requirement = waiting.pop()
        step = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if step[0] in used_by and step not in reached:
            reached.add(step)
            waiting += _needs(*step, used_by)
    return frozenset(name for name, _ in reached)


def _needs(name: str, extras: frozenset[str], used_by: Mapping[str, frozenset[str]]) -> Iterator[Requirement]:
    """Yield the locked packages that a package needs on any system and version of Python.

    Its metadata says for which of its extras it needs them, the lock that some system does.
    """
    for requirement in _requirements(name, used_by):
        of_extras = frozenset(_EXTRA.findall(str(requirement.marker or "")))
        is_locked = name in used_by.get(canonicalize_name(requirement.name), ())
        if is_locked and (not of_extras or of_extras & extras):
            yield requirement


def _requirements(name: str, used_by: Mapping[str, frozenset[str]]) -> Iterator[Requirement]:
    try:
        described = metadata(name)
    except PackageNotFoundError:
        yield from (Requirement(needed) for needed, names in used_by.items() if name in names)
        return
    yield from map(Requirement, described.get_all("Requires-Dist") or ())


def licence(name: str) -> str:
    """Return a package's licence as an SPDX expression. LicenceError: it is not known."""
    try:
        described = metadata(name)
    except PackageNotFoundError:
        if name in _ELSEWHERE:
            return _ELSEWHERE[name]
        raise LicenceError(
            f"{name} is not installed, so that its licence is not known: run make setup, or add "
            "its licence to _ELSEWHERE if this system does not install it."
        ) from None
    if name in _READ:
        return _READ[name]
    for words in _words(described):
        if (expression := _parsed(_SPDX.get(words, words))) is not None:
            return str(expression)
    raise LicenceError(
        f"{name}: the metadata names no licence that SPDX knows ({', '.join(_words(described))}). "
        "Read its licence file, and add it to _READ."
    )


def _words(described: PackageMetadata) -> Iterator[str]:
    """Yield what metadata says about the licence, the most exact first."""
    for name in ("License-Expression", "License"):
        yield from (field.strip() for field in described.get_all(name) or ())
    listed = [line for line in described.get_all("Classifier") or () if line.startswith("License ::")]
    if len(listed) == 1:
        yield listed[0].rpartition(" :: ")[2]


@cache
def _parsed(expression: str) -> LicenseExpression | None:
    """Parse an SPDX expression. None: it is none, or names a licence that SPDX does not know."""
    try:
        return get_spdx_licensing().parse(expression, validate=True)
    except ExpressionError:
        return None


def check_licence(name: str, uses: Iterable[str]) -> None:
    """Check a package's licence. LicenceError: it is not known, or not accepted for its use.

    What is installed with this project must be permissive, or bind only changes of the package's own files.
    Tools of development may also be under the LGPL: they are not distributed.
    """
    words = licence(name)
    expression = _parsed(words)
    accepted = _PERMISSIVE | _OF_FILES
    if set(uses) <= {DEVELOPMENT}:
        accepted |= _OF_LIBRARIES
    if expression is None or not _accepts(expression, accepted):
        raise LicenceError(f"{name}: the licence {words} is not accepted.")


def _accepts(expression: LicenseExpression, accepted: frozenset[str]) -> bool:
    """Return whether every licence of an AND, and one of an OR, is accepted."""
    arguments = getattr(expression, "args", ())
    if not arguments:
        return str(expression) in accepted
    of_all = [_accepts(argument, accepted) for argument in arguments]
    return all(of_all) if type(expression).__name__ == "AND" else any(of_all)

"""Writes the software bill of materials of an installation, in CycloneDX, next to a wheel: `make dist`.

Tools of development are not in it. Packages that only an extra needs have the scope `optional`.
"""

import argparse
import hashlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from scripts.dependencies import DEVELOPMENT, ROOT, RUNTIME, Package, licence, locked, users, users_of

SUFFIX: Final = ".cdx.json"


class SbomError(Exception):
    """There is not exactly one wheel, or the document does not follow the schema."""


def sbom(wheel: Path) -> bytes:
    """Return the document for a wheel. It depends on the wheel, the lock and the packages' metadata alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packages = tuple(locked())
    groups, needed_by = users(packages), users_of(packages)
    shipped = [package for package in packages if set(groups[package.name]) - {DEVELOPMENT}]
    parts = [_component(package, groups[package.name]) for package in shipped]
    own = _own(project, wheel)
    bom = Bom(
        components=parts,
        metadata=BomMetaData(component=own),
        # Equal for equal content. Without a time of its own, the same sources give the same bytes.
        serial_number=uuid5(NAMESPACE_URL, f"{own.purl}#{_sha256(wheel)}"),
    )
    bom.metadata.timestamp = None  # type: ignore[assignment]  # the schema does not require one
    for part in (own, *parts):
        bom.register_dependency(part, [needed for needed in parts if part.name in needed_by[needed.name]])
    document = JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"
    check_sbom(document)
    return document


def _own(project: Mapping[str, str], wheel: Path) -> Component:
    return Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        description=project["description"],
        licenses=(LicenseFactory().make_from_string(project["license"]),),
        hashes=(HashType(alg=HashAlgorithm.SHA_256, content=_sha256(wheel)),),
        purl=PackageURL("pypi", name=project["name"], version=project["version"]),
        bom_ref=project["name"],
    )


def _component(package: Package, groups: Iterable[str]) -> Component:
    scope = ComponentScope.REQUIRED if RUNTIME in groups else ComponentScope.OPTIONAL
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        scope=scope,
        licenses=(LicenseFactory().make_from_string(licence(package.name)),),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256) for sha256 in package.hashes],
        purl=PackageURL("pypi", name=package.name, version=package.version),
        bom_ref=f"{package.name}=={package.version}",
    )


def check_sbom(document: bytes) -> None:
    """Check a document against the schema of CycloneDX 1.6. SbomError: it does not follow it."""
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.decode()):
        raise SbomError(f"The software bill of materials does not follow the schema: {problem}")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_sbom(folder: Path) -> Path:
    """Write the document of the wheel in a folder next to it, and return its path. SbomError: as above."""
    wheels = sorted(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SbomError(f"{folder} contains {len(wheels)} wheels, not one: run make dist.")
    name, version, *_ = wheels[0].name.split("-")
    path = folder / f"{name}-{version}{SUFFIX}"
    path.write_bytes(sbom(wheels[0]))
    return path


def main() -> int:
    """Write the document, and print its path."""
    parser = argparse.ArgumentParser(description="Write the software bill of materials next to the wheel.")
    parser.add_argument("folder", type=Path, help="the folder with the wheel")
    try:
        print(write_sbom(parser.parse_args().folder))
    except SbomError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

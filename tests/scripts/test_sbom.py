"""The software bill of materials, and the wheel that it is for."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.dependencies import DEVELOPMENT, ROOT, locked, users
from scripts.sbom import SbomError, check_sbom, sbom, write_sbom


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "vaultproof-0.1.0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def test_it_names_what_an_installation_contains_and_no_tool(wheel: Path) -> None:
    document: dict[str, Any] = json.loads(sbom(wheel))
    packages = tuple(locked())
    used_by = users(packages)
    assert [(part["name"], part["version"]) for part in document["components"]] == sorted(
        (package.name, package.version) for package in packages if set(used_by[package.name]) - {DEVELOPMENT}
    )
    parts = {part["name"]: part for part in document["components"]}
    assert parts["duckdb"]["scope"] == "required"
    assert parts["weasyprint"]["scope"] == "optional"
    assert parts["orjson"]["purl"] == f"pkg:pypi/orjson@{parts['orjson']['version']}"
    assert all(part["licenses"] and part["hashes"] for part in document["components"])
    own = document["metadata"]["component"]
    assert own["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"a wheel").hexdigest()}]


def test_it_says_who_needs_what(wheel: Path) -> None:
    document = json.loads(sbom(wheel))
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    names = {
        ref.partition("==")[0]: [need.partition("==")[0] for need in ends] for ref, ends in needs.items()
    }
    assert {"boto3", "duckdb", "weasyprint"} <= set(names["vaultproof"])
    assert {"botocore", "jmespath", "s3transfer"} == set(names["boto3"])
    assert {ref for ends in needs.values() for ref in ends} <= set(needs)


def test_the_same_wheel_gives_the_same_bytes(wheel: Path) -> None:
    first = sbom(wheel)
    assert sbom(wheel) == first
    wheel.write_bytes(b"another wheel")
    assert sbom(wheel) != first


def test_a_document_against_the_schema_is_refused(wheel: Path) -> None:
    document = json.loads(sbom(wheel))
    document["components"][0]["type"] = "thing"
    with pytest.raises(SbomError, match="does not follow the schema"):
        check_sbom(json.dumps(document).encode())


def test_without_one_wheel_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SbomError, match="0 wheels"):
        write_sbom(tmp_path)


@pytest.mark.slow
def test_two_builds_give_the_same_wheel_and_document(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        folder = tmp_path / name
        build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
        subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
        write_sbom(folder)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 3

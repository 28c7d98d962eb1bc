"""The licences of the dependencies: read from metadata, and checked."""

import pytest

from scripts import dependencies
from scripts.dependencies import (
    DEVELOPMENT,
    RUNTIME,
    LicenceError,
    check_licence,
    licence,
    locked,
    users,
)

PACKAGES = tuple(locked())
USERS = users(PACKAGES)


def test_every_locked_package_has_an_accepted_licence() -> None:
    for name, groups in USERS.items():
        check_licence(name, groups)


def test_every_package_of_the_lock_is_read_and_needed() -> None:
    lines = (dependencies.ROOT / "requirements.lock").read_text("utf-8").splitlines()
    assert len(PACKAGES) == sum("==" in line and line[0].isalnum() for line in lines)
    assert all(package.hashes and package.used_by for package in PACKAGES)
    assert all(USERS.values())


def test_what_only_an_extra_needs_is_no_part_of_every_installation() -> None:
    assert RUNTIME in USERS["botocore"]
    assert RUNTIME in USERS["jmespath"]
    assert USERS["weasyprint"] == ("pdf", "all")
    assert USERS["pydyf"] == ("pdf", "all")
    assert USERS["pytest"] == (DEVELOPMENT,)
    assert RUNTIME not in USERS["email-validator"]  # of pydantic's extra, which only a tool names


@pytest.mark.parametrize(
    ("expression", "uses", "accepted"),
    [
        ("MIT", (RUNTIME,), True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", (RUNTIME,), True),
        ("GPL-3.0-only", (RUNTIME,), False),
        ("GPL-3.0-only", (DEVELOPMENT,), False),
        ("AGPL-3.0-or-later", (DEVELOPMENT,), False),
        ("MIT AND GPL-2.0-only", (RUNTIME,), False),
        ("GPL-2.0-or-later OR MIT", (RUNTIME,), True),
        ("LGPL-2.1-only", (DEVELOPMENT,), True),
        ("LGPL-2.1-only", ("demo", DEVELOPMENT), False),
        ("SSPL-1.0", (RUNTIME,), False),
        ("LicenseRef-Proprietary", (RUNTIME,), False),
    ],
)
def test_which_licences_are_accepted(
    expression: str, uses: tuple[str, ...], *, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(dependencies._READ, "orjson", expression)
    if accepted:
        check_licence("orjson", uses)
    else:
        with pytest.raises(LicenceError, match="orjson"):
            check_licence("orjson", uses)


def test_a_package_without_metadata_needs_an_entry() -> None:
    with pytest.raises(LicenceError, match="a-new-package is not installed"):
        licence("a-new-package")


def test_words_that_spdx_does_not_know_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(dependencies._READ, "jinja2")  # its metadata says "BSD License"
    with pytest.raises(LicenceError, match="jinja2: the metadata names no licence"):
        licence("jinja2")


def test_the_tables_name_locked_packages_alone() -> None:
    assert set(dependencies._READ) <= set(USERS)
    markers = {package.name: package.marker for package in PACKAGES}
    assert all(markers[name] for name in dependencies._ELSEWHERE)

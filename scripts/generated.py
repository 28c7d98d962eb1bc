"""Writes every generated file of the repository: `make generated`. CHECK=1 only checks that all are current.

sample_reports/ has a target of its own, `make sample-reports`, since making it takes minutes.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.evaluate.controls.docs import controls_document, facts_document
from scanner.findings.athena import athena_document
from scripts import deployment, identity, man_page, pagination
from scripts.capability_docs import capabilities_document
from scripts.licence_docs import licences_document

ROOT: Final = Path(__file__).parent.parent


def generated_files() -> Iterator[tuple[Path, bytes]]:
    """Yield the path of each generated file, and its current content."""
    # The declared operations come first: policies and the deployment are derived from them, too.
    yield pagination.FILE, pagination.content()
    yield identity.FILE, identity.content()
    for name, arguments in deployment.FILES.items():
        yield ROOT / name, deployment.printed(*arguments).encode()
    yield deployment.TEMPLATE, deployment.current(deployment.TEMPLATE.read_text("utf-8")).encode()
    yield ROOT / "docs" / "facts.md", facts_document().encode()
    yield ROOT / "docs" / "controls.md", controls_document().encode()
    yield ROOT / "docs" / "capabilities.md", capabilities_document().encode()
    yield ROOT / "docs" / "athena.md", athena_document().encode()
    yield man_page.FILE, man_page.content().encode()
    yield man_page.ALIAS, man_page.alias().encode()
    yield ROOT / "docs" / "licences.md", licences_document().encode()


def outdated(*, write: bool) -> list[str]:
    """Return the names of the generated files that are not current. `write`: bring them up to date."""
    names: list[str] = []
    for path, content in generated_files():
        if path.is_file() and path.read_bytes() == content:
            continue
        names.append(path.relative_to(ROOT).as_posix())
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return names


def main() -> int:
    """Write the files, and print the names of those that changed; with --check return 1 if any would."""
    parser = argparse.ArgumentParser(description="Write the generated files of the repository.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    check: bool = parser.parse_args().check
    names = outdated(write=not check)
    for name in names:
        print(f"{name} is not current: run make generated" if check else f"{name} was updated")
    return int(check and bool(names))


if __name__ == "__main__":
    sys.exit(main())

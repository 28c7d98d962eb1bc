"""The files of a proposal."""

import json
from collections.abc import Iterator

from scanner.fixes.entries import change_documents
from scanner.model.planning.fix import Fix
from scanner.report.fixes.cloudformation import templates
from scanner.report.fixes.commands import scripts
from scanner.report.fixes.document import fix_document
from scanner.report.fixes.places import places_of
from scanner.report.fixes.readme import readme
from scanner.report.fixes.terraform import modules


def files_of(fix: Fix) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of all files, in a fixed order."""
    places = places_of(fix.changes)
    yield "README.md", readme(fix, places).encode()
    yield "fix.json", _json(fix_document(fix))
    yield "changes.json", _json(change_documents(fix.changes))
    for files in (scripts(places), modules(places), templates(places)):
        for name, content in files:
            # Names of resources may have lone surrogates, which UTF-8 cannot encode.
            yield name, content.encode("utf-8", "backslashreplace")


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()

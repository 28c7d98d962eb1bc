"""The lines of one evidence file, of which some are replaced or added while all others stay as they are.

A replaced line keeps its number, so that references to evidence stay right; a removed one becomes an empty
line. Only the lines of the operations that changes are about are held in memory.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.evidence.answers import REMOVED_BY_CHANGE, pagination
from scanner.evidence.gzipstream import member
from scanner.evidence.lines import parse_line
from scanner.evidence.reader import raw_lines
from scanner.model.known import EvidenceRef
from scanner.storage.files import write_atomically

AFTER_CHANGE: Final = "KnownAfterApply"
"""The code of the calls whose answers are known only once the change is applied."""

_NAMES: Final = frozenset({"TableNames"})
"""The members whose rows are names, not objects."""

Document = dict[str, Any]
_CHUNK: Final = 1 << 20


class ShardLines:
    """The editable lines of an evidence file.

    `folder`: the bundle's. `operations`: those that can be edited, `service:Operation`.
    """

    def __init__(self, folder: Path, name: str, operations: Collection[str]) -> None:
        self._folder, self._name = folder, name
        self._documents: dict[int, Document] = {}
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._added: list[Document] = []
        self._markers: dict[bytes, Callable[[Any], bool]] = {}
        # A search in bytes spares parsing: most lines of a large shard are about other operations.
        names = tuple(f'"{operation.partition(":")[2]}"'.encode() for operation in operations)
        for number, raw in enumerate(raw_lines(folder, name), start=1):
            if any(operation in raw for operation in names):
                line = parse_line(raw, EvidenceRef(name, number))
                # The text may also be part of an answer: only the parsed line says which call it is.
                if line.name in operations:
                    self._documents[number] = orjson.loads(raw)

    def edit_containing(self, marker: bytes, edit: Callable[[Any], bool]) -> None:
        """Edit each other line that contains a text while the file is written.

        `edit` changes the line's document in place, and returns whether it did.
        """
        self._markers[marker] = edit

    def of(self, operation: str, **parameters: str) -> Iterator[Document]:
        """Yield the lines of an operation whose call had these parameters, added ones included."""
        for _, document in self._numbered(operation, parameters):
            yield document

    def _numbered(self, operation: str, parameters: Mapping[str, str]) -> Iterator[tuple[int, Document]]:
        service, _, name = operation.partition(":")
        # Negative numbers keep added lines apart from those of the file.
        added = ((-number, document) for number, document in enumerate(self._added, start=1))
        for number, document in (*self._documents.items(), *added):
            if number in self._removed or (document["service"], document["operation"]) != (service, name):
                continue
            if all(document["parameters"].get(key) == value for key, value in parameters.items()):
                yield number, document

    def rows(self, operation: str, key: str, **parameters: str) -> Iterator[Document]:
        """Yield the rows that an operation returned under a key."""
        for document in self.of(operation, **parameters):
            for row in (document.get("response") or {}).get(key) or ():
                if isinstance(row, dict):
                    yield row

    def is_read(self, operation: str, **parameters: str) -> bool:
        """Check whether the last page of a list was read."""
        return any(_is_last(document) for document in self.of(operation, **parameters))

    def remove(self, operation: str, **parameters: str) -> None:
        """Remove the lines of a call."""
        self._removed.update(number for number, _ in tuple(self._numbered(operation, parameters)))

    def put(self, operation: str, parameters: Mapping[str, str], outcome: Mapping[str, Any], at: str) -> None:
        """Replace the lines of a call by one with this outcome, `response` or `error`, or add it."""
        service, _, name = operation.partition(":")
        document = {
            "service": service,
            "operation": name,
            "parameters": dict(parameters),
            "at": at,
            **outcome,
        }
        lines = [number for number, _ in self._numbered(operation, parameters)]
        # An answer in several pages is replaced by one: the other pages would add their old rows.
        for number in lines[1:]:
            self._removed.add(number)
        if not lines:
            self._added.append(document)
        elif lines[0] < 0:
            self._added[-lines[0] - 1] = document
        else:
            self._documents[lines[0]] = document
            self._changed.add(lines[0])

    def edit_rows(  # noqa: PLR0913, PLR0917 -- a list, its rows, and what becomes of them
        self,
        operation: str,
        key: str,
        edit: Callable[[Any], Any],
        added: Any = None,  # noqa: ANN401 -- an object, or a name
        about: Mapping[str, str] | None = None,
        identity: str = "",
    ) -> None:
        """Rewrite the rows of a list, of the calls with the parameters `about`.

        `edit` returns None for a row to remove; `added` goes to the last page. `identity`: the member that
        names a row, under which other reads still name a removed one.
        """
        for number, document in tuple(self._numbered(operation, about or {})):
            response = document.get("response")
            if not isinstance(response, dict) or not isinstance(rows := response.get(key), list):
                continue
            kinds = str if key in _NAMES else dict
            edited = [edit(row) if isinstance(row, kinds) else row for row in rows]
            changed = [row for row in edited if row is not None]
            if added is not None and _is_last(document):
                # On the last page, as an earlier one may be full.
                changed.append(added)
            if changed != rows:
                response[key] = changed
                removed = (row for row, now in zip(rows, edited, strict=True) if now is None)
                if names := [row if isinstance(row, str) else str(row.get(identity)) for row in removed]:
                    # Else another read that names the row would prove that the list is incomplete.
                    response[REMOVED_BY_CHANGE] = [*response.get(REMOVED_BY_CHANGE, ()), *names]
                self._changed.add(number)

    def write(self, file: Path) -> None:
        """Write all lines to a file, compressed as its name says."""
        compress = member if file.name.endswith(".gz") else bytes
        write_atomically(file, map(compress, self._chunks()))

    def _chunks(self) -> Iterator[bytes]:
        chunk = bytearray()
        for line in self._lines():
            chunk += line
            chunk += b"\n"
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk)

    def _lines(self) -> Iterator[bytes]:
        for number, raw in enumerate(raw_lines(self._folder, self._name), start=1):
            if number in self._removed:
                # An empty line, so that the numbers of all lines after it stay.
                yield b""
            elif number in self._documents:
                yield orjson.dumps(self._documents[number]) if number in self._changed else raw
            else:
                yield self._marked(raw)
        for number, document in enumerate(self._added, start=1):
            if -number not in self._removed:
                yield orjson.dumps(document)

    def _marked(self, raw: bytes) -> bytes:
        edits = [edit for marker, edit in self._markers.items() if marker in raw]
        if not edits:
            return raw
        # Parsed only if a marker is in it: the file is streamed, however large it is.
        document = orjson.loads(raw)
        is_changed = [edit(document) for edit in edits]
        return orjson.dumps(document) if any(is_changed) else raw


def _is_last(document: Document) -> bool:
    """Check whether a line is an answered last page."""
    response = document.get("response")
    if not isinstance(response, dict):
        return False
    paging = pagination().get(f"{document['service']}:{document['operation']}")
    # Some services send an empty token on the last page, others none.
    return paging is None or response.get(paging.output) in {None, ""}


def known_after_apply(what: str) -> dict[str, Any]:
    """Return the outcome of a call whose answer is known only once the change is applied: a failed read."""
    message = f"{what} is known only after the change is applied."
    # As an error, every reader treats it as missing: no default can take its place.
    return {"error": {"code": AFTER_CHANGE, "message": message, "status": 0, "attempts": 0}}

"""A control as checked SQL: one SELECT over its fact table gives status, reason, details and evidence.

Checking takes about 20 ms of CPU a control, and loads DuckDB. So the result is cached: in memory for this
process, and in the user's cache folder for the next one. The key is the control's content; a change of
the control language, of a fact table or of DuckDB starts a new cache (`_language`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from scanner.model.control import Compiled, Control, Query
from scanner.storage.cache import Cache

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_LANGUAGE: Final = ("evaluate", "model", "storage/parquet.py")
"""What decides which SQL a control becomes, and whether it is refused."""
_QUERIES: Final = ("sql", "open_sql", "status_sql")
_COLUMNS: Final = ("population", "require", "columns")


def compile_control(control: Control) -> Compiled:
    """Return a control with its SQL. RefusedError carries every problem, with its path in the YAML.

    Loading, judging and the list of reads all ask for it: it is compiled once.
    """
    # File and line do not change the SQL: a control that only moved must still be found in the cache.
    return _compile(_Content(repr(replace(control, file="", line=0)), control))


def save_compiled() -> None:
    """Keep what was compiled for the next process."""
    _cache().save()


@dataclass(frozen=True, slots=True)
class _Content:
    """A control, which holds mappings, as the key of a cache."""

    text: str
    control: Control = field(compare=False)

    @property
    def digest(self) -> str:
        # surrogatepass: YAML may carry half a character, and the digest must exist before it is refused.
        return hashlib.sha256(self.text.encode(errors="surrogatepass")).hexdigest()


@lru_cache(maxsize=1_000)
def _compile(content: _Content) -> Compiled:
    if (cached := _read(content.control, _cache().get(content.digest) or {})) is not None:
        return cached
    # Imported late: with a warm cache most commands never need DuckDB.
    from scanner.evaluate.compiler import compiled  # noqa: PLC0415 -- loads DuckDB and Arrow

    result = compiled(content.control)
    _cache().put(content.digest, _document(result))
    return result


def _document(compiled: Compiled) -> dict[str, Any]:
    queries = {name: getattr(compiled, name) for name in _QUERIES}
    return {
        **{name: {"sql": part.sql, "parameters": sorted(part.parameters)} for name, part in queries.items()},
        **{name: sorted(getattr(compiled, name)) for name in _COLUMNS},
    }


def _read(control: Control, document: Mapping[str, Any]) -> Compiled | None:
    """Return what a document of the cache says of a control; None: it does not say all."""
    try:
        population, require, columns = (frozenset(map(str, document[name])) for name in _COLUMNS)
        return Compiled(
            control=control,
            sql=_query(document["sql"]),
            open_sql=_query(document["open_sql"]),
            status_sql=_query(document["status_sql"]),
            population=population,
            require=require,
            columns=columns,
        )
    # A cache file of another program, or damaged: compiling again is always right.
    except (KeyError, TypeError):
        return None


def _query(document: Mapping[str, Any]) -> Query:
    return Query(str(document["sql"]), frozenset(map(str, document["parameters"])))


@cache
def _cache() -> Cache:
    return Cache("controls", _language())


def _language() -> str:
    """Return the digest of everything besides a control that decides what it is compiled to."""
    # DuckDB may write the same statement differently in another version, pyarrow name types differently.
    digest = hashlib.sha256(f"duckdb {version('duckdb')} pyarrow {version('pyarrow')}".encode())
    for name in _LANGUAGE:
        path = _PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else (path,):
            digest.update(file.read_bytes())
    return digest.hexdigest()

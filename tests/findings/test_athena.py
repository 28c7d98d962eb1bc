"""docs/athena.md: its statements are those of the files, and its queries run over a scan."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.findings.athena import athena_document, facts_table, hive_type, main
from scanner.findings.schema import FILED
from scanner.model.facts import TABLES
from scanner.storage.parquet import arrow_schema
from tests.fakes.filed import file_findings

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/athena.md").read_text("utf-8")
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
CREATED = {
    re.findall(r"CREATE EXTERNAL TABLE (\w+)", each)[0]: each
    for each in STATEMENTS
    if each.startswith("CREATE EXTERNAL")
}
QUERIES = [each for each in STATEMENTS if not each.startswith("CREATE")]
EXAMPLE = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-0123456789abcdef0"
SCALARS = {"string": pa.string(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
IN_DUCKDB = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}


def columns(statement: str) -> dict[str, str]:
    """Read the columns of a CREATE TABLE with their types."""
    return dict(re.findall(r"^  `(\w+)` (.+?),?$", statement.partition(")\nSTORED")[0], re.MULTILINE))


def members(inner: str) -> Iterator[str]:
    """Split what is within <> at its own commas."""
    depth, start = 0, 0
    for place, char in enumerate(inner):
        depth += (char == "<") - (char == ">")
        if char == "," and not depth:
            yield inner[start:place]
            start = place + 1
    yield inner[start:]


def arrow_type(text: str) -> pa.DataType:
    if text in SCALARS:
        return SCALARS[text]
    kind, _, inner = text.removesuffix(">").partition("<")
    if kind == "array":
        return pa.list_(arrow_type(inner))
    assert kind == "struct"
    fields = (member.split(":", 1) for member in members(inner))
    return pa.struct([(name.strip("`"), arrow_type(of)) for name, of in fields])


def duckdb_type(text: str) -> str:
    if text in IN_DUCKDB:
        return IN_DUCKDB[text]
    kind, _, inner = text.removesuffix(">").partition("<")
    if kind == "array":
        return f"{duckdb_type(inner)}[]"
    fields = (member.split(":", 1) for member in members(inner))
    typed = ('"' + name.strip("`") + '" ' + duckdb_type(of) for name, of in fields)
    return f"STRUCT({', '.join(typed)})"


def test_the_document_is_current() -> None:
    assert athena_document() == DOCUMENT


@pytest.mark.parametrize(
    ("table", "schema"),
    [("findings", FILED), ("all_findings", FILED), ("resource", arrow_schema("resource"))],
)
def test_the_columns_are_those_of_the_files(table: str, schema: pa.Schema) -> None:
    found = columns(CREATED[table].partition("PARTITIONED")[0])
    assert list(found) == schema.names
    assert [arrow_type(text) for text in found.values()] == schema.types


@pytest.mark.parametrize("table", TABLES)
def test_every_fact_table_has_a_statement(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--table", table])
    assert capsys.readouterr().out == f"{facts_table(table)}\n"
    assert [arrow_type(text) for text in columns(facts_table(table)).values()] == arrow_schema(table).types
    assert f"'s3://BUCKET/PREFIX/facts/{table}/'" in facts_table(table)


def test_a_type_that_athena_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="Athena has no type for"):
        hive_type(pa.time32("s"))


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judge the sample organisation, and lay the scan where the document's statements look for it."""
    prefix = tmp_path_factory.mktemp("bucket")
    scan, named = prefix / "scan", ("resource-in-backup-plan", "resource-retention", "vault-locked")
    evaluate(ROOT / "sample_reports" / "bundle", scan, Judgement(controls=load_controls(named)), ())
    file_findings(scan)
    for day in ("2026-11-15", "2026-11-22"):
        shutil.copytree(scan / "findings", prefix / "scans" / day / "findings")
    return prefix


@pytest.fixture
def database(prefix: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the tables of the document, with the types of its statements."""
    with duckdb.connect(":memory:") as connection:
        for table, statement in CREATED.items():
            location = re.findall(r"'s3://BUCKET/(?:PREFIX/)?([^']+/)'", statement)[-1]
            files = (
                prefix / location.replace("${scan}", "*")
                if "${scan}" in location
                else prefix / "scan" / location
            )
            scan = (
                "regexp_extract(filename, 'scans/([0-9-]+)/', 1) AS scan, " if "${scan}" in location else ""
            )
            typed = ", ".join(
                f'CAST("{name}" AS {duckdb_type(text)}) AS "{name}"'
                for name, text in columns(statement.partition("PARTITIONED")[0]).items()
            )
            source = f"read_parquet('{files}/*.parquet', filename = true)"
            connection.execute(f"CREATE VIEW {table} AS SELECT {scan}{typed} FROM {source}")  # noqa: S608
        yield connection


@pytest.mark.parametrize("table", ["findings", "resource"])
def test_the_files_have_the_types_of_the_statements(
    table: str, database: duckdb.DuckDBPyConnection, prefix: Path
) -> None:
    folder = prefix / "scan" / ("findings" if table == "findings" else f"facts/{table}")
    for file in folder.glob("*.parquet"):
        stored = database.execute(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()  # noqa: S608
        declared = database.execute(f"DESCRIBE {table}").fetchall()
        assert [row[:2] for row in stored] == [row[:2] for row in declared]


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_finds_something(query: str, database: duckdb.DuckDBPyConnection) -> None:
    row = database.execute("SELECT min(subject) FROM findings WHERE status = 'fail'").fetchone()
    assert row is not None
    assert database.execute(query.replace(EXAMPLE, row[0])).fetchall()


def test_the_view_has_the_newest_scan(database: duckdb.DuckDBPyConnection) -> None:
    (view,) = (each for each in STATEMENTS if each.startswith("CREATE OR REPLACE VIEW"))
    database.execute(view)
    assert database.execute("SELECT DISTINCT scan FROM newest_findings").fetchall() == [("2026-11-22",)]


def test_texts_of_passes_are_null(database: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT status IN ('pass', 'not_applicable'), bool_or(reason IS NULL) FROM findings GROUP BY 1"
    assert dict(database.execute(query).fetchall()) == {True: True, False: False}

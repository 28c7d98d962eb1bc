"""Writes docs/athena.md: `python -m scanner.findings.athena [FILE]`. A test keeps it current.

The statements follow from the Arrow schemas of the files. Athena takes the names of types from Hive:
https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from scanner.findings.queried import COLUMNS
from scanner.findings.schema import FILED
from scanner.storage.parquet import arrow_schema

FILE: Final = Path("docs/athena.md")

_SCALARS: Final = {pa.string(): "string", pa.int64(): "bigint", pa.float64(): "double", pa.bool_(): "boolean"}

_EVERY_SCAN: Final = """\
PARTITIONED BY (`scan` string)
STORED AS PARQUET
LOCATION 's3://BUCKET/scans/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.scan.type' = 'date',
  'projection.scan.format' = 'yyyy-MM-dd',
  'projection.scan.range' = '2026-01-01,NOW',
  'projection.scan.interval' = '1',
  'projection.scan.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://BUCKET/scans/${scan}/findings/'
);"""

_TEXT: Final = """\
<!-- Made by `python -m scanner.findings.athena`. Change scanner/findings/athena.py and make it again. -->
# Querying a scan with SQL

## audit query

`audit query SCAN_DIR "SELECT ..."` reads the tables of one scan: its facts ([facts.md](facts.md)), its
inventory, and the table `findings`. `audit query --tables` lists them. All columns of `findings` are text,
and the same for scans of every version:

{columns}

Findings are filed in columns, one file per account (`findings/ACCOUNT.parquet`). A query reads the columns
that it names, and severity, title, frameworks, names of accounts and fingerprints are only computed where
it names them. `reason`, `details` and `evidence` are not filed where the status is `pass` or
`not_applicable`. They are rendered from facts and controls where a query may return them. Then all findings
are written to a temporary Parquet file first, which takes about 50 bytes and 15 microseconds of CPU per
finding, and the rendering: for 700,000 findings 35 MB in the folder for temporary files (`TMPDIR`). Memory
stays that of a few thousand findings. A query that filters by status does not need that file:

```sql
SELECT control, subject, reason FROM findings WHERE status IN ('fail', 'unknown')
```

The filter has to compare `status` with constants (`=` or `IN`), joined by `AND`. A scan of an earlier
version (schema 1) is read from its lines into such a file, whatever the query names.

## Athena

A scan in S3 (`--out s3://BUCKET/PREFIX`) is queried where it is. `CREATE DATABASE vaultproof`, then one
statement per table. Replace BUCKET and PREFIX, and keep the slash at the end.

```sql
{findings}
```

`details` and `parameters` are JSON text (`json_extract_scalar(details, '$.key')`). `tier` and `owner` are
empty where there is none; NULL means that it is unknown. The fingerprint, which is the same in every scan, is
`lower(to_hex(sha256(to_utf8(control || chr(10) || subject))))`.

The fact tables are tables in the same way. This is `resource`; `python -m scanner.findings.athena --table
NAME` prints the others:

```sql
{resource}
```

In facts NULL means "unknown" and nothing else, and a list that may be incomplete ends with one NULL:
`covered = false` finds what is in no plan, `covered IS NULL` what is unknown.

### Queries

Open findings by account:

```sql
SELECT account,
       count(*) FILTER (WHERE status = 'fail') AS failed,
       count(*) FILTER (WHERE status = 'unknown') AS unknown,
       count(*) FILTER (WHERE status = 'waived') AS waived
FROM findings
GROUP BY account
ORDER BY failed DESC, unknown DESC, account;
```

The owners with the most failures:

```sql
SELECT coalesce(nullif(owner, ''), 'not named') AS owner, count(*) AS failed,
       count(DISTINCT subject) AS subjects, count(DISTINCT account) AS accounts
FROM findings
WHERE status = 'fail'
GROUP BY 1
ORDER BY failed DESC, owner
LIMIT 20;
```

What a subject fails, and which waiver accepts it:

```sql
SELECT control, status, reason, waiver.id AS waiver, waiver.expires AS expires
FROM findings
WHERE subject = 'arn:aws:ec2:eu-west-1:111111111111:volume/vol-0123456789abcdef0'
  AND status NOT IN ('pass', 'not_applicable')
ORDER BY control;
```

Resources that no backup plan covers, with their facts:

```sql
SELECT r.account, r.region, r.subject_type, r.name, r.subject
FROM findings f JOIN resource r ON r.subject = f.subject AND r.account = f.account
WHERE f.control = 'resource-in-backup-plan' AND f.status = 'fail'
ORDER BY r.account, r.region, r.subject_type, r.subject;
```

### Many scans

Write each scan to a prefix with its date (`--out s3://BUCKET/scans/2026-11-22`), and let Athena derive the
partitions from the dates ([partition
projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html)):

```sql
{every_scan}
```

Open findings over time:

```sql
SELECT scan, count(*) FILTER (WHERE status = 'fail') AS failed,
       count(*) FILTER (WHERE status = 'unknown') AS unknown
FROM all_findings
WHERE scan >= '2026-11-01'
GROUP BY scan
ORDER BY scan;
```

The newest scan as a view. Name the earliest date that it may have: Athena looks for each day in between.

```sql
CREATE OR REPLACE VIEW newest_findings AS
SELECT *
FROM all_findings
WHERE scan >= '2026-11-01'
  AND scan = (SELECT max(scan) FROM all_findings WHERE scan >= '2026-11-01');
```

For what is new since an earlier scan use `audit diff`: it takes into account what was not read.

### Limits

- `reason`, `details` and `evidence` are NULL where the status is `pass` or `not_applicable`: they follow
  from facts and controls, and Athena cannot render them. `audit query` and the reports have them.
- Severity, title and frameworks follow from the control ([controls.md](controls.md); `controls` in
  summary.json) and are not in the files. `--format parquet` writes one file with every column for other
  tools.
- Athena does not check the files against manifest.json. `audit query`, `explain`, `diff` and `report` do.
- Only what is below `findings/` and `facts/TABLE/` is read, so other files of a scan may be in the same
  prefix.
- A scan of schema 1 has no such files: run `audit evaluate` on its bundle again.
- Columns are read by their names. A column that a later version adds is NULL in older files.
"""


def hive_type(kind: pa.DataType) -> str:
    """Return the name of a type in Athena's CREATE TABLE. TypeError: it has none."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'`{field.name}`:{hive_type(field.type)}' for field in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{hive_type(kind.value_type)}>"
    if kind not in _SCALARS:
        raise TypeError(f"Athena has no type for {kind}")
    return _SCALARS[kind]


def create_table(name: str, schema: pa.Schema, folder: str) -> str:
    """Return the statement for the files in a folder of a scan."""
    location = f"STORED AS PARQUET\nLOCATION 's3://BUCKET/PREFIX/{folder}/';"
    return f"{_columns(name, schema)}\n{location}"


def facts_table(table: str) -> str:
    """Return the statement for a fact table. KeyError: there is no such table."""
    return create_table(table, arrow_schema(table), f"facts/{table}")


def athena_document() -> str:
    """Return the text of docs/athena.md."""
    parts = {
        "{columns}": "\n".join(
            ("| column | |", "|---|---|", *(f"| `{n}` | {doc} |" for n, doc in COLUMNS.items()))
        ),
        "{findings}": create_table("findings", FILED, "findings"),
        "{resource}": facts_table("resource"),
        "{every_scan}": f"{_columns('all_findings', FILED)}\n{_EVERY_SCAN}",
    }
    text = _TEXT
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text


def _columns(name: str, schema: pa.Schema) -> str:
    # Names are quoted: some of them are reserved words of Hive.
    columns = ",\n".join(f"  `{field.name}` {hive_type(field.type)}" for field in schema)
    return f"CREATE EXTERNAL TABLE {name} (\n{columns}\n)"


def main(arguments: Sequence[str]) -> None:
    """Write the document to the file named in the arguments, or docs/athena.md; --table NAME prints DDL."""
    match arguments:
        case ["--table", table]:
            sys.stdout.write(f"{facts_table(table)}\n")
        case _:
            file = Path(arguments[0]) if arguments else FILE
            file.write_text(athena_document(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The filed findings: one Parquet file an account, in columns, written once and counted where they lie."""

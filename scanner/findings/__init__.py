"""The filed findings: one Parquet file for each account, which SQL counts and selects from."""

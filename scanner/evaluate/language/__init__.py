"""The language of controls: SQL expressions that keep the third value, checked on DuckDB's parse tree."""

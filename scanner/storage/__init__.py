"""Files, Parquet tables and S3 objects outside the evidence."""

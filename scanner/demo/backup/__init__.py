"""What moto's AWS Backup lacks, as an extension of its own backend and responses."""

"""AWS Backup, a file for each of its subjects."""

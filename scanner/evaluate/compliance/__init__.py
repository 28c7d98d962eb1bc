"""Controls as frameworks ask for them: requirements assessed, and frameworks of AWS Backup Audit Manager."""

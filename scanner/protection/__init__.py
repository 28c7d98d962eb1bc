"""The semantics of AWS Backup: who is selected, when it runs, how long it is kept, who may delete."""

"""One file per AWS service: what a scan calls there, in which order, and how the answers become typed rows.

Each file declares its `OPERATIONS`. It may have `collect(caller)`, which runs in every account and Region,
`collect_account(caller)`, which runs once an account, and `parse(sources)`, which yields resources. No other
place lists the services: `catalogue` reads the files of this folder.
"""

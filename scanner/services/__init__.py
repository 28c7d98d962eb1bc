"""One file per AWS service: the calls of a scan in order, and the parsing of the answers into typed rows.

Each file declares its `OPERATIONS`. It may have `collect(caller)`, which runs in every account and Region,
`collect_account(caller)`, which runs once per account, and `parse(sources)`, which yields resources. There is
no list of services: `catalogue` imports all files of this folder.
"""

"""The names of the objects that the steps of a scan write into the work bucket, below `work/SCAN_ID/`."""

from typing import Final

OPENED: Final = "opened.jsonl"
"""The journal of the scan after Open: the scope, and the organization's evidence."""

ACCOUNTS: Final = "accounts.json"
"""The items of the map that collects: `[{"account": ID}, ...]`."""

BATCHES: Final = "batches.json"
"""The items of the map that judges: `[{"batch": 0}, ...]`."""

PLAN: Final = "plan.json"
"""The accounts of each batch, and the evidence files that Gather has rewritten."""

PLANE: Final = "plane.jsonl.gz"
"""The control plane of all account-Regions."""

MANIFEST: Final = "manifest.json"
"""The manifest of the evidence. Gather writes it last: if it exists, Gather is done."""

ORGANIZATION: Final = "evidence/org.jsonl.gz"


def account_journal(account: str) -> str:
    """Return the name of the journal lines of an account."""
    return f"journal/{account}.jsonl"


def account_state(account: str) -> str:
    """Return the name of the progress of an account: its rounds, and its records once it is done."""
    return f"accounts/{account}.json"


def account_plane(account: str) -> str:
    """Return the name of an account's part of the control plane."""
    return f"plane/{account}.jsonl.gz"


def rewritten(file: str) -> str:
    """Return the name of an evidence file that Gather rewrote, with the answers of key owners at its end."""
    return f"rewritten/{file}"


def batch_notes(batch: int) -> str:
    """Return the name of the results of a batch. Written last: if it exists, the batch is judged."""
    return f"judged/{batch}/notes.json"


def batch_folder(batch: int) -> str:
    """Return the name of the folder for a batch's parts of the inventory."""
    return f"judged/{batch}"

"""The names of what the steps of a scan leave in the work bucket, below `work/SCAN_ID/`."""

from typing import Final

OPENED: Final = "opened.jsonl"
"""The journal of the scan as Open leaves it: the scope, and the organization's evidence."""

ACCOUNTS: Final = "accounts.json"
"""The items of the map that collects: `[{"account": ID}, ...]`."""

BATCHES: Final = "batches.json"
"""The items of the map that judges: `[{"batch": 0}, ...]`."""

PLAN: Final = "plan.json"
"""The accounts of each batch, and the evidence files that Gather wrote again."""

PLANE: Final = "plane.jsonl.gz"
"""What all account-Regions contribute to the control plane."""

MANIFEST: Final = "manifest.json"
"""The manifest of the evidence. Gather writes it last: where there is one, Gather is done."""

ORGANIZATION: Final = "evidence/org.jsonl.gz"


def account_journal(account: str) -> str:
    """Name the journal lines of an account."""
    return f"journal/{account}.jsonl"


def account_state(account: str) -> str:
    """Name the file that says how far an account is: its rounds, and its records when it is done."""
    return f"accounts/{account}.json"


def account_plane(account: str) -> str:
    """Name what an account contributes to the control plane."""
    return f"plane/{account}.jsonl.gz"


def rewritten(file: str) -> str:
    """Name an evidence file as Gather wrote it, with the answers of owners at its end."""
    return f"rewritten/{file}"


def batch_notes(batch: int) -> str:
    """Name what a batch came to. It is written last: where there is one, the batch is judged."""
    return f"judged/{batch}/notes.json"


def batch_folder(batch: int) -> str:
    """Name the folder of the inventory's parts of a batch."""
    return f"judged/{batch}"

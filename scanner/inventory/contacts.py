"""Whom AWS Organizations names for an account: its e-mail address, and its name."""

from typing import Final

from scanner.evidence.answers import Answers
from scanner.inventory.gaps import rows
from scanner.model.manifest import Manifest
from scanner.model.owner import Contacts

_LIST_ACCOUNTS: Final = "organizations:ListAccounts"


def parse_contacts(answers: Answers, manifest: Manifest) -> dict[str, Contacts]:
    """Give the contacts of each account that org.jsonl.gz or the manifest tells of.

    AWS gives every account an e-mail address and a name (Organizations API reference, "Account"): what is
    not told is not known.
    """
    contacts: dict[str, Contacts] = {
        account.id: {"email": None, "name": account.name or None} for account in manifest.accounts
    }
    for row, _ in rows(answers, _LIST_ACCOUNTS, "Accounts"):
        account = row.need("Id")
        named = row.text("Name") or contacts.get(account, {}).get("name")
        contacts[account] = {"email": row.text("Email") or None, "name": named}
    return contacts

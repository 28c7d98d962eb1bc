"""Contacts of accounts: what is not told is not known."""

from pathlib import Path

from scanner.evidence.manifest import parse_manifest
from scanner.services.organizations import parse_contacts
from tests.fakes.bundles import ACCOUNT, MANAGEMENT, OTHER, REGION, ShardScript, answers_of

LIST = "organizations:ListAccounts"
MANIFEST = parse_manifest(
    {
        "schema": "backup-audit/manifest/1",
        "evaluated_as_of": "2026-11-22T18:00:00Z",
        "scope": {"accounts": [ACCOUNT], "regions": [REGION]},
        "accounts": [{"id": ACCOUNT, "name": "one"}, {"id": OTHER}],
    },
    Path("nowhere"),
)


def test_the_list_tells_email_and_name() -> None:
    row = {"Id": ACCOUNT, "Email": "root@example.com", "Name": "uno"}
    script = ShardScript("", "org").listed(LIST, row, {"Id": "333333333333"})
    assert parse_contacts(answers_of(script.lines(), MANAGEMENT, "org"), MANIFEST) == {
        ACCOUNT: {"email": "root@example.com", "name": "uno"},
        OTHER: {"email": None, "name": None},
        "333333333333": {"email": None, "name": None},
    }


def test_without_the_list_the_manifest_tells_names() -> None:
    script = ShardScript("", "org").call(LIST, error="AccessDeniedException")
    assert parse_contacts(answers_of(script.lines(), MANAGEMENT, "org"), MANIFEST) == {
        ACCOUNT: {"email": None, "name": "one"},
        OTHER: {"email": None, "name": None},
    }

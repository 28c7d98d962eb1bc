"""What the links of a copy say, and which missing read they name."""

from dataclasses import replace
from typing import Any

import pytest

from scanner.model.inventory import KeyKind
from scanner.model.known import GapKind
from scanner.protection.capabilities import capability
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.region_routes import Route, copy_supported
from tests.fakes.bundles import ACCOUNT, FAR, OTHER, REGION, vault_arn
from tests.fakes.copies import AIR, NONE_ENCRYPTED, THERE, Case, at_vault, key_of, seen, under
from tests.fakes.models import GAP, UNREAD, resource

LOCK, WAY, TYPE = "retention within the lock", "no AWS managed key in the way", "type can be copied"
TABLE = resource("arn:aws:dynamodb:eu-west-1:111111111111:table/t", "DynamoDB", {}, state="ACTIVE")


@pytest.mark.parametrize(
    ("case", "link", "sentence"),
    [
        (Case(), LOCK, "the vault has no lock that prevents it"),
        (
            at_vault(locked=True, min_retention_days=7, max_retention_days=90),
            LOCK,
            "it is within the lock: at least 7 days and at most 90 days",
        ),
        (at_vault(locked=True), LOCK, "it is within the lock: of any length"),
        (at_vault(type=AIR, max_retention_days=90), LOCK, "it is within the lock: at most 90 days"),
        (
            Case(keys=NONE_ENCRYPTED),
            WAY,
            "it is not encrypted, and the destination vault's key is customer managed",
        ),
        (
            at_vault(type=AIR),
            WAY,
            (
                "it is encrypted with a key that is customer managed, and the key of a logically air-gapped "
                "vault does not prevent copies"
            ),
        ),
        (
            at_vault(key=key_of(KeyKind.AWS_MANAGED, OTHER)),
            WAY,
            "the destination vault's key is not customer managed (aws_managed)",
        ),
        (
            at_vault(key=key_of(None, OTHER)),
            WAY,
            "who manages the destination vault's key is unknown",
        ),
        (Case(), TYPE, "EBS can be copied to another Region and another account"),
        (
            Case(destination=seen(vault_arn("v", ACCOUNT, REGION))),
            TYPE,
            "EBS can be copied to another vault of its account and Region",
        ),
        (
            Case(source=TABLE, settings=UNREAD),
            TYPE,
            "the Region settings, which determine what is supported for its type, were not read",
        ),
        (Case(keys=NONE_ENCRYPTED), "source key shared", "it is not encrypted"),
    ],
)
def test_what_a_link_says(case: Case, link: str, sentence: str) -> None:
    assert case.link(link).because == sentence


def test_what_aws_does_not_say_is_told_apart_from_what_it_denies() -> None:
    both = Route(REGION, FAR, cross_account=True)
    open_, denied = copy_supported(capability("DSQL"), both), copy_supported(capability("Redshift"), both)
    assert open_.because.startswith("AWS does not document whether it can: DSQL cannot be copied")
    assert denied.because == "AWS Backup cannot copy recovery points of Redshift"


OTHER_GAP = replace(GAP, operation="kms:DescribeKey", kind=GapKind.NEVER_ASKED)
OPEN_VAULT_KEY = replace(key_of(None, OTHER), kind_gap=OTHER_GAP)


@pytest.mark.parametrize(
    ("case", "link", "gap"),
    [
        (Case(keys=under(None)), WAY, GAP),
        (at_vault(key=OPEN_VAULT_KEY), WAY, OTHER_GAP),
        (Case(keys=under(None), destination=seen(THERE, key=OPEN_VAULT_KEY)), WAY, GAP),
        (Case(keys=ResourceKeys(None, None, OTHER_GAP)), WAY, OTHER_GAP),
        (Case(source=TABLE, settings=UNREAD), TYPE, GAP),
        (Case(settings=UNREAD), TYPE, None),  # the settings decide nothing of a volume
        (at_vault(policy=UNREAD), "vault policy admits the source", GAP),
    ],
)
def test_which_read_keeps_a_link_open(case: Case, link: str, gap: Any) -> None:
    (found,) = (each.gap for each in case.links() if each.name == link)
    assert found == gap

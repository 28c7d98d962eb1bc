"""Who manages a resource's keys (ruling 6)."""

import pytest

from scanner.model.inventory import Key, KeyKind
from scanner.model.known import Known
from scanner.model.names import AccountId, RegionName
from scanner.protection.key_kinds import ReferencedKey, ResourceKeys, referenced_key
from tests.fakes.bundles import ACCOUNT, REGION, key_arn
from tests.fakes.models import GAP, UNREAD

AWS, CUSTOMER, OPEN = KeyKind.AWS_MANAGED, KeyKind.CUSTOMER_MANAGED, None


def key(kind: KeyKind | None, name: str = "k") -> ReferencedKey:
    return ReferencedKey(
        name=name,
        account=AccountId(ACCOUNT),
        kind=kind,
        kind_gap=None if kind else GAP,
        policy=None,
        policy_gap=GAP,
    )


@pytest.mark.parametrize(
    ("encrypted", "kinds", "kind", "free"),
    [
        (False, (), KeyKind.NONE, True),
        (False, (AWS,), KeyKind.NONE, True),
        (True, (), KeyKind.AWS_OWNED, True),
        (True, (CUSTOMER,), CUSTOMER, True),
        (True, (AWS,), AWS, False),
        (True, (CUSTOMER, AWS), AWS, False),
        (True, (OPEN, AWS), AWS, False),
        (True, (OPEN, CUSTOMER), None, None),
        (True, (OPEN,), None, None),
        (True, None, None, None),
        (None, (), None, None),
        (None, None, None, None),
    ],
)
def test_kinds(
    *,
    encrypted: bool | None,
    kinds: tuple[KeyKind | None, ...] | None,
    kind: KeyKind | None,
    free: bool | None,
) -> None:
    keys = ResourceKeys(encrypted, None if kinds is None else tuple(map(key, kinds)))
    assert keys.kind is kind
    assert keys.free_of_aws_managed is free


def test_the_keys_in_the_way_are_named() -> None:
    keys = ResourceKeys(True, (key(CUSTOMER, "mine"), key(AWS, "aws/ebs")))  # noqa: FBT003 -- its field
    assert keys.aws_managed == ("aws/ebs",)
    assert "aws/ebs" in keys.because


def test_the_read_that_keeps_a_kind_open_is_given() -> None:
    assert ResourceKeys(True, (key(CUSTOMER), key(OPEN))).first_gap is GAP  # noqa: FBT003 -- its field
    assert ResourceKeys(None, None, GAP).first_gap is GAP
    assert ResourceKeys(True, (key(CUSTOMER),)).first_gap is None  # noqa: FBT003 -- its field


def test_a_key_that_nobody_described_is_open() -> None:
    found = referenced_key("alias/x", AccountId(ACCOUNT), None, GAP)
    assert (found.kind, found.policy, found.kind_gap, found.policy_gap) == (None, None, GAP, GAP)


def test_a_described_key_goes_by_its_arn() -> None:
    result = Key(
        id="alias/x",
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        kind=Known(CUSTOMER),
        arn=key_arn("k"),
        state="Enabled",
        multi_region=False,
        policy=UNREAD,
    )
    found = referenced_key("alias/x", AccountId(ACCOUNT), result, GAP)
    assert (found.name, found.kind, found.policy, found.policy_gap) == (key_arn("k"), CUSTOMER, None, GAP)

"""What survives which loss: one refuge at a time, then several, then what is not known."""

import json
from datetime import timedelta
from typing import Any

import pytest

from scanner.graph.control_plane import ControlPlane
from scanner.graph.resilience import Held, Loss, Refuge, Resilience
from scanner.model.inventory import KeyKind, Organization
from scanner.model.names import AccountId, Arn, RegionName
from scanner.model.reading import Known, Reading
from scanner.model.ternary import Ternary
from scanner.protection.keys import KeyOf, ResourceKeys
from tests.fakes.bundles import ACCOUNT, AS_OF, MANAGEMENT, OTHER, REGION
from tests.fakes.models import UNREAD, vault

FAR = "eu-central-1"
OWN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
SHARED = {"Version": "2012-10-17"}


def key(name: str = OWN_KEY, kind: KeyKind | None = KeyKind.CUSTOMER_MANAGED) -> KeyOf:
    account = AccountId(ACCOUNT)
    return KeyOf(name=name, account=account, kind=kind, kind_gap=None, policy=None, policy_gap=None)


def resilience(management: Reading[AccountId] = Known(AccountId(MANAGEMENT))) -> Resilience:  # noqa: B008 -- frozen
    organization = Organization(
        id=Known("o-1"),
        management_account=management,
        members=Known(None),
        accounts={},
        cross_account_backup=Known(value=True),
    )
    return Resilience(ControlPlane(organization, ()), AS_OF)


def refuge(account: str = ACCOUNT, region: str = REGION, name: str = "v", **more: Any) -> Refuge:
    arn = Arn(f"arn:aws:backup:{region}:{account}:backup-vault:{name}")
    told: dict[str, Any] = {
        "arn": arn,
        "account": AccountId(account),
        "region": RegionName(region),
        "vault": more.pop("vault", vault(name, arn=arn, **more.pop("lock", {}))),
        "lies": True,
        "keys": (f"arn:aws:kms:{region}:{account}:key/vault",),
        "what": f"point in {name}",
    }
    return Refuge(**(told | more))


def held(*refuges: Refuge, complete: bool = True, keys: ResourceKeys | None = None) -> Held:
    own = ResourceKeys(encrypted=True, keys=(key(),)) if keys is None else keys
    return Held(
        account=AccountId(ACCOUNT), region=RegionName(REGION), keys=own, refuges=refuges, complete=complete
    )


def policy(action: str, account: str = ACCOUNT) -> Known[str | None]:
    root = f"arn:aws:iam::{account}:root"
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": action, "Resource": "*"}
    return Known(json.dumps(SHARED | {"Statement": [statement]}))


COMPLIANCE = {"locked": True, "lock_date": AS_OF - timedelta(days=1)}
GRACE = {"locked": True, "lock_date": AS_OF + timedelta(days=1)}
GAPPED = {"type": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}


@pytest.mark.parametrize("loss", Loss)
def test_without_a_backup_nothing_survives(loss: Loss) -> None:
    assert resilience().survives(loss, held()).value is False
    assert resilience().survives(loss, held(complete=False)).value is None
    assert resilience().survives(loss, held(refuge(lies=False))).value is False


@pytest.mark.parametrize(
    ("place", "region", "account", "key_loss"),
    [
        (refuge(), False, False, False),
        (refuge(region=FAR), True, False, True),
        (refuge(OTHER), False, True, True),
        (refuge(OTHER, FAR), True, True, True),
        (refuge(lock=COMPLIANCE), False, True, False),
        (refuge(lock=GRACE), False, False, False),
        (refuge(lock={"locked": True}), False, False, False),
        (refuge(lock=GAPPED, keys=()), False, True, True),
        (refuge(lock={"locked": None}), False, None, False),
        (refuge(OTHER, lies=None), False, None, None),
        (refuge(OTHER, vault=None), False, None, True),
        (refuge(keys=None), False, False, None),
    ],
)
def test_one_refuge(place: Refuge, region: Ternary, account: Ternary, key_loss: Ternary) -> None:
    found = resilience()
    wanted = {Loss.REGION: region, Loss.ACCOUNT: account, Loss.KEY: key_loss}
    assert {loss: found.survives(loss, held(place)).value for loss in wanted} == wanted


@pytest.mark.parametrize(
    ("policy_of_it", "expected"),
    [
        (Known(None), True),
        (policy("backup:CopyIntoBackupVault"), True),
        (policy("backup:DeleteRecoveryPoint"), False),
        (policy("backup:*"), False),
        (policy("backup:PutBackupVaultAccessPolicy"), False),
        (policy("backup:DeleteRecoveryPoint", MANAGEMENT), True),
        (Known("no JSON"), None),
        (UNREAD, None),
    ],
)
def test_another_accounts_vault_admits_copies_alone(
    policy_of_it: Reading[str | None], expected: Ternary
) -> None:
    there = refuge(OTHER, lock={"policy": policy_of_it})
    assert resilience().survives(Loss.ACCOUNT, held(there)).value is expected
    locked = refuge(OTHER, lock=COMPLIANCE | {"policy": policy_of_it})
    assert resilience().survives(Loss.ACCOUNT, held(locked)).value is True


def test_ruling_15_the_management_account_can_act_in_every_member() -> None:
    there = held(refuge(OTHER))
    assert resilience(Known(AccountId(ACCOUNT))).survives(Loss.ACCOUNT, there).value is False
    assert resilience(UNREAD).survives(Loss.ACCOUNT, there).value is None
    locked = held(refuge(OTHER, lock=COMPLIANCE))
    assert resilience(Known(AccountId(ACCOUNT))).survives(Loss.ACCOUNT, locked).value is True
    assert resilience(UNREAD).survives(Loss.ACCOUNT, held(refuge(lock=GAPPED))).value is True


@pytest.mark.parametrize(
    ("own", "needed", "expected"),
    [
        (OWN_KEY, OWN_KEY, False),
        (OWN_KEY, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other", False),  # the same account and Region
        (OWN_KEY, f"arn:aws:kms:{FAR}:{ACCOUNT}:key/own", True),
        (OWN_KEY, f"arn:aws:kms:{REGION}:{OTHER}:key/own", True),
        ("own", OWN_KEY, False),  # a bare id is one of the resource's own account and Region
        (OWN_KEY, "own", False),
        ("own", f"arn:aws:kms:{FAR}:{ACCOUNT}:key/own", True),
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1",
            f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-1",
            False,  # a replica is the same key (ruling 6)
        ),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1", f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-2", True),
    ],
)
def test_keys_that_are_lost_together(own: str, needed: str, expected: bool) -> None:  # noqa: FBT001 -- a row
    keys = ResourceKeys(encrypted=True, keys=(key(own),))
    answer = resilience().survives(Loss.KEY, held(refuge(keys=(needed,)), keys=keys))
    assert answer.value is expected


@pytest.mark.parametrize(
    ("keys", "needed", "expected"),
    [
        (ResourceKeys(encrypted=False, keys=()), (OWN_KEY,), True),
        (ResourceKeys(encrypted=True, keys=(key(kind=KeyKind.AWS_OWNED),)), (OWN_KEY,), True),
        (ResourceKeys(encrypted=None, keys=None), (OWN_KEY,), None),
        (ResourceKeys(encrypted=True, keys=None), (OWN_KEY,), None),
        (ResourceKeys(encrypted=True, keys=None), (), True),
    ],
)
def test_resources_without_a_key_to_lose(
    keys: ResourceKeys, needed: tuple[str, ...], expected: Ternary
) -> None:
    assert resilience().survives(Loss.KEY, held(refuge(keys=needed), keys=keys)).value is expected


@pytest.mark.parametrize(
    ("refuges", "any_vault", "any_account"),
    [
        ((refuge(),), False, False),
        ((refuge(), refuge()), False, False),
        ((refuge(), refuge(name="w")), True, False),
        ((refuge(), refuge(OTHER)), True, True),
        ((refuge(lock=COMPLIANCE),), True, False),
        ((refuge(), refuge(OTHER, lies=None)), None, None),
        ((refuge(), refuge(OTHER, lies=False)), False, False),
        ((refuge(lies=None),), False, False),
    ],
)
def test_any_one_place_may_be_lost(
    refuges: tuple[Refuge, ...], any_vault: Ternary, any_account: Ternary
) -> None:
    found = resilience()
    assert found.survives(Loss.VAULT, held(*refuges)).value is any_vault
    assert found.survives(Loss.BACKUP_ACCOUNT, held(*refuges)).value is any_account


def test_one_refuge_that_survives_is_enough_and_is_named() -> None:
    answer = resilience().survives(
        Loss.REGION, held(refuge(), refuge(region=FAR, name="far"), complete=False)
    )
    assert answer.value is True
    assert "point in far" in answer.because
    doubtful = resilience().survives(Loss.REGION, held(refuge(), complete=False))
    assert (doubtful.value, doubtful.because) == (None, "there may be backups that were not seen")
    lost = resilience().survives(Loss.REGION, held(refuge()))
    assert lost.because.endswith(f"lies in {REGION}")

"""What survives which loss: one surviving_copy at a time, then several, then what is not known."""

import json
from datetime import timedelta
from typing import Any

import pytest

from scanner.graph.control_plane import ControlPlane
from scanner.graph.resilience import Loss, Resilience
from scanner.graph.surviving_copies import BackupsOfResource, Keys, SurvivingCopy, key_location
from scanner.model.inventory import Account, Organization
from scanner.model.known import Known, Reading, Ternary
from scanner.model.names import AccountId, Arn, RegionName, Shard
from tests.fakes.bundles import ACCOUNT, AS_OF, MANAGEMENT, OTHER, REGION
from tests.fakes.models import UNREAD, vault

FAR = "eu-central-1"
OWN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"


HERE = Shard(AccountId(ACCOUNT), RegionName(REGION))
DOUBT = ("there may be backups that were not seen", None)


def placed(*names: str, shard: Shard = HERE) -> Keys:
    return tuple(key_location(name, shard, None) for name in names)


def member(account: str) -> Account:
    return Account(AccountId(account), account, "ACTIVE", None)


def resilience(
    management: Reading[AccountId] = Known(AccountId(MANAGEMENT)),  # noqa: B008 -- frozen
    *,
    members: tuple[str, ...] = (ACCOUNT, OTHER, MANAGEMENT),
    listed: Reading[None] = Known(None),  # noqa: B008 -- frozen
) -> Resilience:
    organization = Organization(
        id=Known("o-1"),
        management_account=management,
        members=listed,
        accounts={AccountId(account): member(account) for account in members},
        cross_account_backup=Known(value=True),
    )
    return Resilience(ControlPlane(organization, ()), AS_OF)


def surviving_copy(
    account: str = ACCOUNT, region: str = REGION, name: str = "v", **more: Any
) -> SurvivingCopy:
    arn = Arn(f"arn:aws:backup:{region}:{account}:backup-vault:{name}")
    result: dict[str, Any] = {
        "arn": arn,
        "account": AccountId(account),
        "region": RegionName(region),
        "vault": more.pop("vault", vault(name, arn=arn, **more.pop("lock", {}))),
        "exists": True,
        "planned": False,
        "keys": placed(f"arn:aws:kms:{region}:{account}:key/vault"),
        "doubt": ("whether it lies there is not told", None),
    }
    return SurvivingCopy(**(result | more))


def held(
    *surviving_copies: SurvivingCopy,
    complete: bool = True,
    keys: Keys | None = placed(OWN_KEY),  # noqa: B008 -- frozen
) -> BackupsOfResource:
    return BackupsOfResource(
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        keys=keys,
        surviving_copies=surviving_copies,
        doubts=() if complete else (DOUBT,),
    )


def policy(action: str | list[str], principal: object = f"arn:aws:iam::{ACCOUNT}:root") -> Known[str | None]:
    return policies({"Action": action, "Principal": {"AWS": principal}})


def policies(*statements: dict[str, Any]) -> Known[str | None]:
    result = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
    return Known(json.dumps({"Version": "2012-10-17", "Statement": result}))


COMPLIANCE = {"locked": True, "lock_date": AS_OF - timedelta(days=1)}
GRACE = {"locked": True, "lock_date": AS_OF + timedelta(days=1)}
GAPPED = {"type": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}


@pytest.mark.parametrize("loss", Loss)
def test_without_a_backup_nothing_survives(loss: Loss) -> None:
    assert resilience().survives(loss, held()).survived is False
    assert resilience().survives(loss, held(complete=False)).survived is None
    assert resilience().survives(loss, held(surviving_copy(exists=False))).survived is False


@pytest.mark.parametrize(
    ("place", "region", "account", "key_loss"),
    [
        (surviving_copy(), False, False, False),
        (surviving_copy(region=FAR), True, False, True),
        (surviving_copy(OTHER), False, True, True),
        (surviving_copy(OTHER, FAR), True, True, True),
        (surviving_copy(lock=COMPLIANCE), False, True, False),
        (surviving_copy(lock=GRACE), False, False, False),
        (surviving_copy(lock={"locked": True}), False, False, False),
        (surviving_copy(lock=GAPPED, keys=()), False, True, True),
        (surviving_copy(lock={"locked": None}), False, None, False),
        (surviving_copy(OTHER, exists=None), False, None, None),
        (surviving_copy(OTHER, vault=None), False, None, True),
        (surviving_copy(vault=None), False, None, False),
        (surviving_copy(keys=None), False, False, None),
    ],
)
def test_one_refuge(place: SurvivingCopy, region: Ternary, account: Ternary, key_loss: Ternary) -> None:
    found = resilience()
    wanted = {Loss.REGION: region, Loss.ACCOUNT: account, Loss.KEY: key_loss}
    assert {loss: found.survives(loss, held(place)).survived for loss in wanted} == wanted


TAG = {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "backup"}}}
DELETE = {"Action": "backup:DeleteRecoveryPoint", "Principal": "*"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/backup"


@pytest.mark.parametrize(
    ("policy_of_it", "expected"),
    [
        (Known(None), True),
        (policy("backup:CopyIntoBackupVault"), True),
        (policy("backup:DeleteRecoveryPoint"), False),
        (policy("backup:*"), False),
        (policy("backup:PutBackupVaultAccessPolicy"), False),
        (policy("backup:DisassociateRecoveryPoint"), False),
        (policy("backup:DeleteRecoveryPoint", MANAGEMENT), True),
        (
            policy("backup:DeleteRecoveryPoint", ROLE),
            False,
        ),  # who administers the account can act as the role
        (policies(DELETE | TAG), False),  # and give a role of its own any tag
        (policies(DELETE, DELETE | {"Effect": "Deny"}), True),
        (policies(DELETE, DELETE | {"Effect": "Deny", "Principal": {"AWS": ROLE}}), False),
        (policies(DELETE | TAG, DELETE | TAG | {"Effect": "Deny"}), None),
        (policies(DELETE | {"Condition": {"StringEquals": {"some:Key": "x"}}}), None),
        (policies(DELETE | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}), False),
        (policies(DELETE | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-2"}}}), True),
        (Known("no JSON"), None),
        (UNREAD, None),
    ],
)
def test_another_accounts_vault_admits_copies_alone(
    policy_of_it: Reading[str | None], expected: Ternary
) -> None:
    there = surviving_copy(OTHER, lock={"policy": policy_of_it})
    assert resilience().survives(Loss.ACCOUNT, held(there)).survived is expected
    locked = surviving_copy(OTHER, lock=COMPLIANCE | {"policy": policy_of_it})
    assert resilience().survives(Loss.ACCOUNT, held(locked)).survived is True
    untold = surviving_copy(OTHER, lock={"locked": None, "policy": policy_of_it})
    assert resilience().survives(Loss.ACCOUNT, held(untold)).survived is (True if expected else None)


@pytest.mark.parametrize(
    ("members", "listed", "expected"),
    [
        ((ACCOUNT, OTHER), Known(None), False),
        ((ACCOUNT,), Known(None), True),  # a vault of an account that has left the organisation
        ((ACCOUNT,), UNREAD, None),
        ((ACCOUNT, OTHER), UNREAD, False),
    ],
)
def test_ruling_15_the_management_account_can_act_in_every_member(
    members: tuple[str, ...], listed: Reading[None], expected: Ternary
) -> None:
    found = resilience(Known(AccountId(ACCOUNT)), members=members, listed=listed)
    assert found.survives(Loss.ACCOUNT, held(surviving_copy(OTHER))).survived is expected
    assert found.survives(Loss.ACCOUNT, held(surviving_copy(OTHER, lock=COMPLIANCE))).survived is True
    assert found.survives(Loss.ACCOUNT, held(surviving_copy(OTHER, lock=GRACE))).survived is expected


def test_ruling_15_which_account_manages_the_organisation_may_not_be_known() -> None:
    found = resilience(UNREAD)
    answer = found.survives(Loss.ACCOUNT, held(surviving_copy(OTHER)))
    assert (answer.survived, answer.gap) == (None, UNREAD.gap)
    open_to_all = surviving_copy(OTHER, name="w", lock={"policy": policy("backup:DeleteRecoveryPoint")})
    assert found.survives(Loss.ACCOUNT, held(open_to_all)).survived is False
    assert found.survives(Loss.ACCOUNT, held(surviving_copy(lock=GAPPED))).survived is True


def test_ruling_15_a_vault_that_was_not_seen_is_not_known_to_be_out_of_reach() -> None:
    found = resilience(Known(AccountId(ACCOUNT)))
    assert found.survives(Loss.ACCOUNT, held(surviving_copy(OTHER, vault=None))).survived is None


def test_a_policy_is_held_against_the_clock_and_the_vaults_own_organisation() -> None:
    past = {"Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}
    ours = {"Condition": {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}}}
    for number, (condition, expected) in enumerate(((past, True), (ours, False))):
        there = surviving_copy(OTHER, name=f"v{number}", lock={"policy": policies(DELETE | condition)})
        assert resilience().survives(Loss.ACCOUNT, held(there)).survived is expected


def test_a_vault_of_the_account_itself_is_never_out_of_its_reach_by_policy_alone() -> None:
    denied = {"Effect": "Deny", "Principal": "*", "Action": "backup:*"}
    own = surviving_copy(lock={"policy": policies(denied)})
    assert resilience().survives(Loss.ACCOUNT, held(own)).survived is False


@pytest.mark.parametrize(
    ("own", "needed", "expected"),
    [
        (OWN_KEY, OWN_KEY, False),
        (OWN_KEY, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/other", False),  # the same account and Region
        (
            OWN_KEY,
            f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/backup",
            False,
        ),  # AWS managed: that account's, too
        (OWN_KEY, f"arn:aws:kms:{FAR}:{ACCOUNT}:key/own", True),
        (OWN_KEY, f"arn:aws:kms:{FAR}:{ACCOUNT}:alias/aws/ebs", True),
        (OWN_KEY, f"arn:aws:kms:{FAR}:{ACCOUNT}:alias/mine", None),  # it may be a replica
        (OWN_KEY, f"arn:aws:kms:{REGION}:{OTHER}:key/own", True),
        ("own", OWN_KEY, False),  # a bare id is one of the resource's own account and Region
        (OWN_KEY, "own", False),
        ("own", f"arn:aws:kms:{FAR}:{ACCOUNT}:key/own", True),
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1",
            f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-1",
            False,  # a replica is the same key (ruling 6)
        ),
        (
            f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-1",
            f"arn:aws:kms:{FAR}:{OTHER}:key/mrk-1",
            True,  # replicas lie in one account
        ),
        (OWN_KEY, f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-2", None),  # where its replicas lie was not read
    ],
)
def test_ruling_6_keys_that_are_lost_together(own: str, needed: str, expected: Ternary) -> None:
    backup = surviving_copy(keys=placed(needed))
    assert resilience().survives(Loss.KEY, held(backup, keys=placed(own))).survived is expected


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [((), True), ((f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-2",), False), (None, None)],
)
def test_ruling_6_a_key_goes_with_its_replica_in_the_region_of_the_lost_one(
    replicas: tuple[str, ...] | None, expected: Ternary
) -> None:
    needed = f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-2"
    result = None if replicas is None else (needed, *replicas)
    backup = surviving_copy(region=FAR, keys=(key_location(needed, HERE, result),))
    assert resilience().survives(Loss.KEY, held(backup)).survived is expected


def test_a_bare_id_means_a_key_of_where_it_is_named() -> None:
    backup = surviving_copy(OTHER, keys=placed("own", shard=Shard(AccountId(OTHER), RegionName(REGION))))
    assert resilience().survives(Loss.KEY, held(backup)).survived is True


@pytest.mark.parametrize(
    ("own", "needed", "expected"),
    [
        ((), placed(OWN_KEY), True),
        (None, placed(OWN_KEY), None),
        (None, (), True),
        (None, placed(f"arn:aws:kms:{FAR}:{ACCOUNT}:key/k"), True),  # a key is used in its own Region alone
        (None, placed(f"arn:aws:kms:{FAR}:{ACCOUNT}:key/mrk-1"), None),
        (None, None, None),
        ((), None, True),
    ],
)
def test_resources_of_which_no_key_is_lost(own: Keys | None, needed: Keys | None, expected: Ternary) -> None:
    assert resilience().survives(Loss.KEY, held(surviving_copy(keys=needed), keys=own)).survived is expected


@pytest.mark.parametrize(
    ("surviving_copies", "any_vault", "any_account"),
    [
        ((surviving_copy(),), False, False),
        ((surviving_copy(), surviving_copy()), False, False),
        ((surviving_copy(), surviving_copy(name="w")), True, False),
        ((surviving_copy(), surviving_copy(OTHER)), True, True),
        ((surviving_copy(lock=COMPLIANCE),), True, False),
        ((surviving_copy(lock={"locked": None}),), None, False),
        ((surviving_copy(vault=None),), None, False),
        ((surviving_copy(lock=COMPLIANCE, exists=None),), None, False),
        ((surviving_copy(), surviving_copy(OTHER, exists=None)), None, None),
        ((surviving_copy(), surviving_copy(OTHER, exists=False)), False, False),
        ((surviving_copy(exists=None),), False, False),
    ],
)
def test_any_one_place_may_be_lost(
    surviving_copies: tuple[SurvivingCopy, ...], any_vault: Ternary, any_account: Ternary
) -> None:
    found = resilience()
    assert found.survives(Loss.VAULT, held(*surviving_copies)).survived is any_vault
    assert found.survives(Loss.BACKUP_ACCOUNT, held(*surviving_copies)).survived is any_account


def test_one_refuge_that_survives_is_enough_and_is_named() -> None:
    far = surviving_copy(region=FAR, name="far")
    answer = resilience().survives(Loss.REGION, held(surviving_copy(), far, complete=False))
    assert (answer.survived, answer.by) == (True, far.arn)
    assert (
        answer.because
        == f"a usable backup is in far in {ACCOUNT}/{FAR}, which is outside the resource's Region"
    )
    doubtful = resilience().survives(Loss.REGION, held(surviving_copy(), complete=False))
    assert (doubtful.survived, doubtful.because) == (None, DOUBT[0])
    lost = resilience().survives(Loss.REGION, held(surviving_copy()))
    assert lost.because == f"a usable backup is in v in {ACCOUNT}/{REGION}, which is in the resource's Region"


def test_what_is_not_known_names_what_could_have_saved_it() -> None:
    may_arrive = surviving_copy(region=FAR, exists=None, doubt=("whether the copy arrives", UNREAD.gap))
    answer = resilience().survives(Loss.REGION, held(surviving_copy(), may_arrive))
    assert (answer.because, answer.gap) == ("whether the copy arrives", UNREAD.gap)


def test_of_many_places_the_first_are_named_and_the_others_counted() -> None:
    lost = resilience().survives(Loss.REGION, held(*(surviving_copy(name=name) for name in "abcde")))
    assert lost.because.endswith("; and 2 more")

"""Who loses the last backup when one account, Region, key or vault is lost."""

import pytest

from scanner.graph.blast_radius import Hit, blast_radius
from scanner.graph.control_plane import ControlPlane
from scanner.graph.lost_keys import key_place
from scanner.graph.refuges import Held, Keys, Refuge
from scanner.graph.resilience import Loss, Resilience
from scanner.model.inventory import Organization
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.model.reading import Known
from scanner.model.ternary import Ternary
from tests.fakes.bundles import ACCOUNT, AS_OF, FAR, MANAGEMENT, OTHER, REGION, key_arn, vault_arn, volume_arn
from tests.fakes.models import UNREAD, vault

VOLUME = Arn(volume_arn("vol-1"))
ORGANIZATION = Organization(
    id=Known("o-1"),
    management_account=Known(AccountId(MANAGEMENT)),
    members=Known(None),
    accounts={},
    cross_account_backup=UNREAD,
)


def key(account: str, region: str) -> Keys:
    shard = Shard(AccountId(account), RegionName(region))
    return (key_place("k", shard, None),)


def refuge(account: str, region: str, *, air_gapped: bool = False) -> Refuge:
    arn = Arn(vault_arn("v", account, region))
    kind = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT" if air_gapped else "BACKUP_VAULT"
    return Refuge(
        arn=arn,
        account=AccountId(account),
        region=RegionName(region),
        vault=vault("v", arn=arn, type=kind),
        lies=True,
        planned=False,
        keys=key(account, region),
    )


NEAR, AWAY, GAPPED = refuge(ACCOUNT, REGION), refuge(OTHER, FAR), refuge(OTHER, FAR, air_gapped=True)


def hits(loss: Loss, name: str, *refuges: Refuge, complete: bool = True) -> list[Hit]:
    held = Held(
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        keys=key(ACCOUNT, REGION),
        refuges=refuges,
        doubts=() if complete else (("there may be others", None),),
    )
    resilience = Resilience(ControlPlane(ORGANIZATION, ()), AS_OF)
    return list(blast_radius(resilience, loss, name, [(VOLUME, held)]))


@pytest.mark.parametrize(
    ("loss", "name", "refuges", "hit"),
    [
        (Loss.REGION, REGION, (NEAR,), True),
        (Loss.REGION, REGION, (NEAR, AWAY), False),
        (Loss.REGION, FAR, (NEAR,), False),
        (Loss.REGION, FAR, (AWAY,), True),
        (Loss.ACCOUNT, ACCOUNT, (NEAR,), True),
        (Loss.ACCOUNT, ACCOUNT, (NEAR, AWAY), False),
        (Loss.ACCOUNT, OTHER, (AWAY,), True),
        (Loss.ACCOUNT, OTHER, (GAPPED,), False),
        (Loss.BACKUP_ACCOUNT, OTHER, (GAPPED,), True),
        (Loss.BACKUP_ACCOUNT, OTHER, (NEAR, AWAY), False),
        (Loss.KEY, key_arn("other", OTHER, FAR), (AWAY,), True),
        (Loss.KEY, key_arn("other", OTHER, FAR), (NEAR, AWAY), False),
        (Loss.VAULT, vault_arn("v"), (NEAR,), True),
        (Loss.VAULT, vault_arn("v"), (NEAR, AWAY), False),
        (Loss.VAULT, vault_arn("v", OTHER, FAR), (GAPPED,), False),
        (Loss.VAULT, vault_arn("w"), (NEAR,), False),
        (Loss.VAULT, vault_arn("w"), (), True),
    ],
)
def test_who_loses_the_last_backup(loss: Loss, name: str, refuges: tuple[Refuge, ...], hit: Ternary) -> None:
    found = hits(loss, name, *refuges)
    assert [(one.resource, one.lost) for one in found] == ([(VOLUME, True)] if hit else [])


@pytest.mark.parametrize("loss", Loss)
def test_where_backups_may_not_have_been_seen_it_is_not_known(loss: Loss) -> None:
    name = {Loss.REGION: REGION, Loss.KEY: key_arn("k"), Loss.VAULT: vault_arn("v")}.get(loss, ACCOUNT)
    (hit,) = hits(loss, name, NEAR, complete=False)
    assert (hit.lost, hit.because) == (None, "there may be others")

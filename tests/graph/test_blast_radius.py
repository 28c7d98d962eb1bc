"""Who loses the last backup when one account, Region, key or vault is lost."""

import pytest

from scanner.graph.blast_radius import Hit, blast_radius
from scanner.graph.control_plane import ControlPlane
from scanner.graph.resilience import Loss, Resilience
from scanner.graph.surviving_copies import BackupsOfResource, Keys, SurvivingCopy, key_place
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


def refuge(account: str, region: str, *, air_gapped: bool = False) -> SurvivingCopy:
    arn = Arn(vault_arn("v", account, region))
    kind = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT" if air_gapped else "BACKUP_VAULT"
    return SurvivingCopy(
        arn=arn,
        account=AccountId(account),
        region=RegionName(region),
        vault=vault("v", arn=arn, type=kind),
        lies=True,
        planned=False,
        keys=key(account, region),
    )


NEAR, AWAY, GAPPED = refuge(ACCOUNT, REGION), refuge(OTHER, FAR), refuge(OTHER, FAR, air_gapped=True)


def hits(loss: Loss, name: str, *surviving_copies: SurvivingCopy, complete: bool = True) -> list[Hit]:
    held = BackupsOfResource(
        account=AccountId(ACCOUNT),
        region=RegionName(REGION),
        keys=key(ACCOUNT, REGION),
        surviving_copies=surviving_copies,
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
def test_who_loses_the_last_backup(
    loss: Loss, name: str, surviving_copies: tuple[SurvivingCopy, ...], hit: Ternary
) -> None:
    found = hits(loss, name, *surviving_copies)
    assert [(one.resource, one.lost) for one in found] == ([(VOLUME, True)] if hit else [])


@pytest.mark.parametrize("loss", Loss)
def test_where_backups_may_not_have_been_seen_it_is_not_known(loss: Loss) -> None:
    name = {Loss.REGION: REGION, Loss.KEY: key_arn("k"), Loss.VAULT: vault_arn("v")}.get(loss, ACCOUNT)
    (hit,) = hits(loss, name, NEAR, complete=False)
    assert (hit.lost, hit.because) == (None, "there may be others")

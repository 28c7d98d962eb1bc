"""Production's keys, vaults and resources. Their plans are in production.py."""

from dataclasses import dataclass

from scanner.demo.clock import ago, standing_at
from scanner.demo.estate import vaults, workloads
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.site import Resource, Site
from scanner.demo.estate.vaults import DELETION, Vault, deny, police
from scanner.demo.story.accounts import CENTRAL, FRANKFURT, IRELAND, PRODUCTION, VIRGINIA, Estate

GOLD = {"tier": "gold", "owner": "payments"}
STANDARD = {"tier": "standard", "owner": "web"}
BREAK_GLASS = f"arn:aws:iam::{PRODUCTION}:role/break-glass"

HOSTILE_NAME = "<script>alert('vaultproof')</script>"
HOSTILE_TAGS = {
    "note": "</td><img src=x onerror=\"alert('vaultproof')\">",
    "formula": '=HYPERLINK("https://example.com";"click")',
    "quotes": "O'Brien said \"it's \\backed up\\\"; DROP TABLE findings; --",
}
RIGHT_TO_LEFT_NAME = "أرشيف العملاء גיבוי 📁🔒"
"""An archive's name in Arabic and Hebrew, with emoji."""


@dataclass(frozen=True, slots=True)
class Vaults:
    """Production's vaults, each for what it shows."""

    gold: Vault
    """Compliance lock in force; deletion denied to all."""
    standard: Vault
    """Governance lock; deletion denied to all but one role; under aws/backup."""
    loose: Vault
    """No lock, no policy."""
    disaster: Vault
    """Frankfurt. Compliance lock in its grace time; only one action is denied."""
    overseas: Vault
    """Virginia. Governance lock; everything is denied but the removal of the Deny itself."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Production's resources in Ireland, by how they are (meant to be) backed up."""

    gold: tuple[Resource, ...]
    """By the tag tier=gold, and backed up, all under keys that the central account may use or owns."""
    private: Resource
    """tier=gold, but under a key that is not shared: its copies to the central account fail."""
    marketplace: Resource
    """tier=gold, but of an AWS Marketplace image: its copies to the central account fail."""
    unversioned: Resource
    """tier=gold, but a bucket without versions: AWS Backup cannot take it."""
    stale: Resource
    """tier=gold, but its backups have failed for nine days."""
    ledger: Resource
    """The cluster that is named by its exact ARN."""
    standard: tuple[Resource, ...]
    """tier=standard; instances and databases under AWS managed keys."""
    scratch: Resource
    """tier=standard, but excluded by NotResources."""
    continuous: tuple[Resource, ...]
    """A database and a bucket that are backed up continuously besides."""
    billing: tuple[Resource, ...]
    """A volume under aws/ebs and a file system whose copies aim at all that is wrong."""


def plant_vaults(estate: Estate) -> Vaults:
    """Production's vaults."""
    return Vaults(
        gold=_gold_vault(estate.at(PRODUCTION, IRELAND)),
        standard=_standard_vault(estate.at(PRODUCTION, IRELAND)),
        loose=_loose_vault(estate.at(PRODUCTION, IRELAND)),
        disaster=_disaster_vault(estate.at(PRODUCTION, FRANKFURT)),
        overseas=_overseas_vault(estate.at(PRODUCTION, VIRGINIA)),
    )


def plant_resources(estate: Estate) -> Resources:
    """What production runs in Ireland; all of it is about a year old."""
    site = estate.at(PRODUCTION, IRELAND)
    with standing_at(ago(days=380)):
        shared = customer_key(site, "production-data", shared_with=[CENTRAL])
        # The central account's own, which nothing there names: only its policy lets production use it.
        central = customer_key(estate.at(CENTRAL, IRELAND), "workloads", shared_with=[PRODUCTION])
        _plant_unprotected(site)
        return Resources(
            gold=_gold_resources(site, shared, central),
            private=workloads.volume(site, "research", GOLD, customer_key(site, "production-private")),
            marketplace=_marketplace_instance(site, shared),
            unversioned=workloads.bucket(site, "acme-production-uploads", GOLD, versioned=False),
            stale=workloads.table(site, "invoices", GOLD, shared),
            ledger=workloads.aurora_cluster(site, "ledger", {"owner": "finance"}, shared),
            standard=_standard_resources(site),
            scratch=workloads.instance(site, "scratch", STANDARD, [None])[0],
            continuous=_continuous_resources(site, shared),
            billing=_billing_resources(site),
        )


def _gold_vault(site: Site) -> Vault:
    vault = vaults.vault(site, "production-gold", customer_key(site, "production-vault"))
    # The rules that target it keep 35 and 365 days: both within these limits.
    vaults.seal(vault, 35, 400, since_days=200)
    police(vault, deny(DELETION))
    vaults.notify(vault, "BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED", "RESTORE_JOB_COMPLETED")
    return vault


def _standard_vault(site: Site) -> Vault:
    vault = vaults.vault(site, "production-standard", aws_key(site, "backup"), customer_managed=False)
    vaults.govern(vault, 7)
    police(vault, deny(DELETION, but_for=BREAK_GLASS))
    # Deprecated notifications: no topic receives them.
    vaults.notify(vault, "BACKUP_JOB_FAILED")
    return vault


def _loose_vault(site: Site) -> Vault:
    return vaults.vault(site, "production-loose", aws_key(site, "backup"), customer_managed=False)


def _disaster_vault(site: Site) -> Vault:
    vault = vaults.vault(site, "production-disaster", customer_key(site, "production-disaster"))
    vaults.seal_soon(vault, 14, 400, in_days=9)
    police(vault, deny(DELETION[:1]))
    return vault


def _overseas_vault(site: Site) -> Vault:
    vault = vaults.vault(site, "production-overseas", customer_key(site, "production-overseas"))
    vaults.govern(vault, 30, 365)
    # Without the fourth action the policy, and with it the Deny, can be deleted.
    police(vault, deny(DELETION[:3]))
    return vault


def _gold_resources(site: Site, key: str, central_key: str) -> tuple[Resource, ...]:
    web_1, _ = workloads.instance(site, "web-1", GOLD, [key, key])
    web_2, _ = workloads.instance(site, "web-2", GOLD, [key])
    return (
        web_1,
        web_2,
        workloads.volume(site, "ledger-logs", GOLD, central_key),
        workloads.table(site, "sessions", GOLD, key),
        workloads.file_system(site, "home", GOLD, key),
        # A name that no page, no CSV and no terminal may take at its word.
        workloads.file_system(site, RIGHT_TO_LEFT_NAME, GOLD | {"לקוח": "عميل"}, key),
    )


def _marketplace_instance(site: Site, key: str) -> Resource:
    firewall, _ = workloads.instance(site, "firewall", GOLD, [key])
    workloads.launch_from_marketplace(site, firewall)
    return firewall


def _standard_resources(site: Site) -> tuple[Resource, ...]:
    ebs = aws_key(site, "ebs")
    running, _ = workloads.instance(site, "app-1", STANDARD, [ebs, ebs])
    stopped, _ = workloads.instance(site, "app-2", STANDARD, [ebs])
    workloads.stop(site, stopped)
    return running, stopped, workloads.database(site, "catalogue", STANDARD, aws_key(site, "rds"))


def _continuous_resources(site: Site, key: str) -> tuple[Resource, ...]:
    return (
        workloads.database(site, "orders", GOLD, key),
        workloads.bucket(site, "acme-production-documents", GOLD, key),
    )


def _billing_resources(site: Site) -> tuple[Resource, ...]:
    return (
        workloads.volume(site, "billing-archive", {"owner": "finance"}, aws_key(site, "ebs")),
        workloads.file_system(site, "billing", {"owner": "finance"}, aws_key(site, "elasticfilesystem")),
    )


def _plant_unprotected(site: Site) -> None:
    """What no selection knows."""
    workloads.instance(site, "batch-1", {"owner": "data"}, [None, None])
    workloads.volume(site, "forgotten", {})
    workloads.volume(site, HOSTILE_NAME, HOSTILE_TAGS)
    workloads.database(site, "reporting", {"owner": "data"}, engine="mysql")
    workloads.table(site, "carts", {"owner": "web"})
    workloads.bucket(site, "acme-production-logs", {})
    # Gone, but still listed for about an hour.
    retired, _ = workloads.instance(site, "retired", STANDARD, [None])
    workloads.terminate(site, retired)
    # Its tag selects it, but AWS Backup cannot back up what boots from an instance store.
    renderer, _ = workloads.instance(site, "renderer", STANDARD, [None])
    workloads.boot_from_instance_store(site, renderer)
    # Left by restore testing; ordinary plans ignore it.
    workloads.volume(site, "awsbackup-restore-test-volume", {"awsbackup-restore-test": "weekly"})

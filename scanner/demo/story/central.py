"""The central backup account: vaults that other accounts copy into. It has no workload of its own."""

from dataclasses import dataclass

from scanner.demo.estate import vaults
from scanner.demo.estate.keys import aws_key, customer_key
from scanner.demo.estate.vaults import DELETION, Vault, admit_account, admit_organisation, deny, police
from scanner.demo.story.accounts import CENTRAL, DEVELOPMENT, FRANKFURT, IRELAND, PRODUCTION, VIRGINIA, Estate


@dataclass(frozen=True, slots=True)
class Central:
    """The vaults that copies aim at, each for what it shows."""

    good: Vault
    """Ireland, customer managed key, compliance lock in force, admits the organisation: as it should be."""
    frankfurt: Vault
    """Another Region as well: admits production by name."""
    development_only: Vault
    """Admits development, so production's copies are turned away."""
    aws_key: Vault
    """Under aws/backup: only fully managed types can come here from another account."""
    default: Vault
    """Named Default: nothing can come here from another account."""


def plant(estate: Estate, organization_id: str) -> Central:
    """The vaults of the central backup account."""
    central = Central(
        good=_good(estate, organization_id),
        frankfurt=_frankfurt(estate),
        development_only=_development_only(estate),
        aws_key=_under_aws_key(estate, organization_id),
        default=_default(estate, organization_id),
    )
    # An unused vault overseas: without lock, policy and recovery points, and no rule targets it.
    overseas = estate.at(CENTRAL, VIRGINIA)
    vaults.vault(overseas, "central-unused", customer_key(overseas, "central-unused"))
    return central


def _good(estate: Estate, organization_id: str) -> Vault:
    site = estate.at(CENTRAL, IRELAND)
    vault = vaults.vault(site, "central-backup", customer_key(site, "central-backup"))
    vaults.seal(vault, 30, 2555, since_days=300)
    police(vault, admit_organisation(organization_id), deny(DELETION))
    vaults.notify(vault, "BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED")
    return vault


def _frankfurt(estate: Estate) -> Vault:
    site = estate.at(CENTRAL, FRANKFURT)
    vault = vaults.vault(site, "central-backup-frankfurt", customer_key(site, "central-backup-frankfurt"))
    vaults.govern(vault, 14, 2555)
    police(vault, admit_account(PRODUCTION), deny(DELETION))
    return vault


def _development_only(estate: Estate) -> Vault:
    site = estate.at(CENTRAL, IRELAND)
    vault = vaults.vault(site, "central-development-only", customer_key(site, "central-development-only"))
    vaults.govern(vault, 1)
    # Only the deletion itself is denied: the policy, and with it the Deny, can be taken away.
    police(vault, admit_account(DEVELOPMENT), deny(DELETION[:1]))
    return vault


def _under_aws_key(estate: Estate, organization_id: str) -> Vault:
    site = estate.at(CENTRAL, IRELAND)
    vault = vaults.vault(site, "central-aws-key", aws_key(site, "backup"), customer_managed=False)
    police(vault, admit_organisation(organization_id))
    return vault


def _default(estate: Estate, organization_id: str) -> Vault:
    site = estate.at(CENTRAL, IRELAND)
    vault = vaults.vault(site, "Default", aws_key(site, "backup"), customer_managed=False)
    police(vault, admit_organisation(organization_id))
    return vault

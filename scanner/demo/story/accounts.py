"""Who is in the organisation, and where it works."""

from dataclasses import dataclass

from scanner.demo.estate import identity
from scanner.demo.estate.identity import Member
from scanner.demo.estate.site import Site
from scanner.demo.server.front import Front

MANAGEMENT = "111111111111"
CENTRAL = "222222222222"
PRODUCTION = "333333333333"
DEVELOPMENT = "444444444444"
ACQUIRED = "555555555555"
CLOSED = "666666666666"

IRELAND, FRANKFURT, VIRGINIA, MILAN = REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "eu-south-1")
"""The home Region, the one for disasters, one overseas, and one that an account must enable first."""

MEMBERS = (
    Member(CENTRAL, "central-backup", "Infrastructure"),
    Member(PRODUCTION, "production", "Workloads"),
    Member(DEVELOPMENT, "development", "Workloads"),
    # Bought last year: the scanner's role was never rolled out there, so nothing of it can be read.
    Member(ACQUIRED, "acquired-company", "Workloads"),
    # Closed, but still listed for 90 days.
    Member(CLOSED, "closed-experiment", suspended=True),
)
READABLE = (MANAGEMENT, CENTRAL, PRODUCTION, DEVELOPMENT)
"""Accounts that have the scanner's role."""


SHARDS = tuple(
    (account, region)
    for account in READABLE
    for region in REGIONS
    if region != MILAN or account == PRODUCTION
)
"""Accounts in the Regions that they have enabled: production alone works in Milan."""


@dataclass(frozen=True, slots=True)
class Estate:
    """The organisation under construction: sites by account and Region."""

    front: Front

    def at(self, account: str, region: str) -> Site:
        """One account in one Region."""
        return Site(self.front, account, region)


def found(estate: Estate) -> str:
    """Found the organisation, its units, accounts and the scanner's roles. Its id."""
    management = estate.at(MANAGEMENT, VIRGINIA)
    identity.found_organisation(management, "management", ("Infrastructure", "Workloads"), MEMBERS)
    identity.delegate(management, CENTRAL, "backup.amazonaws.com")
    for account in READABLE:
        identity.scanner_role(estate.at(account, VIRGINIA), MANAGEMENT)
    # Both answer AssumeRole alike, but only one of them is a gap: the other is suspended.
    estate.front.credentials.close((ACQUIRED, CLOSED))
    # Enabled before anything is planted there, as calls to the Region are refused otherwise.
    estate.at(PRODUCTION, MILAN).stock.enabled = True
    return str(management.do("organizations", "DescribeOrganization")["Organization"]["Id"])


def allow_scan(estate: Estate) -> None:
    """Grant the scanner's roles, and the user who starts the scan, the permissions of `audit policy`."""
    for account in READABLE:
        identity.allow_scanner(estate.at(account, VIRGINIA), MANAGEMENT)
    identity.allow_auditor(estate.at(MANAGEMENT, VIRGINIA))


def know_backup_policies(estate: Estate) -> None:
    """Let roles of each account have AWS's managed policies for AWS Backup."""
    for account in READABLE:
        identity.know_backup_policies(estate.at(account, VIRGINIA))

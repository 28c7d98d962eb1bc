"""The organisation itself: accounts, units, roles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.organizations.models import organizations_backends

from scanner.collect.permissions import Part, policy_document, role_arn, statements, trust_document
from scanner.demo.estate.site import Site
from scanner.demo.server.authorization import AUDITOR

SCANNER_ROLE = "VaultproofReadOnly"
BACKUP_ROLE = "AWSBackupDefaultServiceRole"
_SERVICE_PATH = "/service-role/"
_BACKUP_POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
_BACKUP_POLICY = "BACKUP_POLICY"
_BACKUP_POLICY_ARN = "arn:{0}:organizations::{1}:policy/{2}/backup_policy/{3}"


@dataclass(frozen=True, slots=True)
class Member:
    """An account of the organisation; `unit` is the name of its OU, "" for the root."""

    id: str
    name: str
    unit: str = ""
    suspended: bool = False


def found_organisation(
    management: Site, name: str, units: tuple[str, ...], members: tuple[Member, ...]
) -> None:
    """Create the organisation with its units and members; ids of accounts are the ones given."""
    management.do("organizations", "CreateOrganization", FeatureSet="ALL")
    backend = organizations_backends[management.account]["aws"]
    # CreateOrganization takes no name for the management account.
    backend.accounts[0].name = name
    root = management.do("organizations", "ListRoots")["Roots"][0]["Id"]
    parents = {unit: _create_unit(management, root, unit) for unit in units}
    for member in members:
        _join(management, member, parents.get(member.unit, root))


def delegate(management: Site, account: str, service: str) -> None:
    """Make the account a delegated administrator for a service."""
    management.do(
        "organizations", "RegisterDelegatedAdministrator", AccountId=account, ServicePrincipal=service
    )


def trust_service(management: Site, service: str) -> None:
    """Let a service see the organisation."""
    management.do("organizations", "EnableAWSServiceAccess", ServicePrincipal=service)


def enable_backup_policies(management: Site) -> None:
    """Turn on backup policies for the organisation."""
    root = management.do("organizations", "ListRoots")["Roots"][0]["Id"]
    management.do("organizations", "EnablePolicyType", RootId=root, PolicyType=_BACKUP_POLICY)


def backup_policy(management: Site, name: str, content: Mapping[str, Any], *targets: str) -> None:
    """A backup policy, attached to roots, units or accounts by id.

    Moto knows no policies of this type: it takes one for a tag policy, which is corrected here.
    """
    answer = management.do(
        "organizations",
        "CreatePolicy",
        Content=json.dumps(content),
        Description=f"Backup policy {name}",
        Name=name,
        Type="TAG_POLICY",
    )
    policy_id = answer["Policy"]["PolicySummary"]["Id"]
    policy = organizations_backends[management.account]["aws"].get_policy_by_id(policy_id)
    policy.type, policy._arn_format = _BACKUP_POLICY, _BACKUP_POLICY_ARN  # noqa: SLF001 - moto has no verb for it
    for target in targets:
        management.do("organizations", "AttachPolicy", PolicyId=policy_id, TargetId=target)


def backup_role(site: Site, name: str = BACKUP_ROLE, trusted: str = "backup.amazonaws.com") -> str:
    """A role for a selection; with another `trusted` service AWS Backup cannot assume it. Its ARN."""
    return _role(site, name, {"Service": trusted}, _SERVICE_PATH)


def know_backup_policies(site: Site) -> None:
    """Add AWS's managed policies for roles of AWS Backup, which moto loads only together with all others."""
    backend = iam_backends[site.account]["aws"]
    for name in _BACKUP_POLICIES:
        day = "2015-11-18T00:00:00+00:00"
        # The scanner only needs that they exist: their statements are AWS's affair.
        data = {"Path": _SERVICE_PATH, "Document": {}, "CreateDate": day, "UpdateDate": day}
        policy = AWSManagedPolicy.from_data(name, site.account, site.region, data)
        backend.managed_policies[policy.arn] = policy


def scanner_role(site: Site, management: str) -> str:
    """The role that the scanner assumes in a member."""
    return _role(site, SCANNER_ROLE, {"AWS": f"arn:aws:iam::{management}:root"}, "/")


def _create_unit(management: Site, root: str, name: str) -> str:
    answer = management.do("organizations", "CreateOrganizationalUnit", ParentId=root, Name=name)
    return str(answer["OrganizationalUnit"]["Id"])


def _join(management: Site, member: Member, parent: str) -> None:
    """Moto gives each new account an id of its own choice; the member's own takes its place."""
    email = f"aws+{member.name}@example.com"
    management.do("organizations", "CreateAccount", Email=email, AccountName=member.name)
    backend = organizations_backends[management.account]["aws"]
    account = backend.accounts[-1]
    # Moto finds the organization of an account in this map, so the id has to change here too.
    organizations_backends.master_accounts.pop(account.id)
    organizations_backends.master_accounts[member.id] = (management.account, "aws")
    account.id = member.id
    account.parent_id = parent
    # Closed accounts are listed as SUSPENDED for 90 days (Organizations User Guide).
    if member.suspended:
        account.close()


def _role(site: Site, name: str, principal: Mapping[str, str], path: str) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }
    answer = site.do(
        "iam", "CreateRole", RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust)
    )
    return str(answer["Role"]["Arn"])


def allow_scanner(site: Site, management: str) -> None:
    """Attach the policy to the scanner's role of an account, and trust the management account."""
    trust = json.dumps(trust_document(f"arn:aws:iam::{management}:root", None))
    site.do("iam", "UpdateAssumeRolePolicy", RoleName=SCANNER_ROLE, PolicyDocument=trust)
    arn = _policy(site, Part.MEMBER)
    site.do("iam", "AttachRolePolicy", RoleName=SCANNER_ROLE, PolicyArn=arn)


def allow_auditor(site: Site) -> None:
    """Make the user of the management account who starts the scan, with the policy of a caller."""
    site.do("iam", "CreateUser", UserName=AUDITOR)
    site.do("iam", "AttachUserPolicy", UserName=AUDITOR, PolicyArn=_policy(site, Part.CALLER))


def _policy(site: Site, part: Part) -> str:
    document = policy_document(statements(part, role_arn(SCANNER_ROLE)))
    name = f"Vaultproof-{part.value}"
    answer = site.do("iam", "CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document))
    return str(answer["Policy"]["Arn"])

"""What the scanner is allowed in the organisation: exactly what `audit policy` prints."""

import json

from scanner.collect.permissions import Part, policy_document, role_arn, statements, trust_document
from scanner.demo.credentials import AUDITOR
from scanner.demo.estate.identity import SCANNER_ROLE
from scanner.demo.estate.site import Site


def allow_scanner(site: Site, management: str) -> None:
    """Give the scanner's role of an account its policy, and the trust in the management account."""
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
    made = site.do("iam", "CreatePolicy", PolicyName=name, PolicyDocument=json.dumps(document))
    return str(made["Policy"]["Arn"])

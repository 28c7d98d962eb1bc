"""The least-privilege IAM policies of a scan, made from what the collectors declare.

    member   the role that is assumed in each account: everything that is read there
    caller   who starts the scan: the same in its own account, the organisation, and assuming the role

sts:GetCallerIdentity is in neither: it needs no permission, and cannot even be denied (AWS STS API
reference, "GetCallerIdentity").

Every statement but that of the role is for all resources. Lists take no other (Service Authorization
Reference, "Resource types"). Descriptions would take ARNs, yet the scan is of everything in the account,
and of keys that other accounts share with it: a pattern that leaves nothing out is the star in more words.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from scanner.services.base import Operation, Place
from scanner.services.catalogue import OPERATIONS

VERSION: Final = "2012-10-17"

MANAGED_POLICY_LIMIT: Final = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""
RESOURCE_ORGANIZATION: Final = "aws:ResourceOrgID"
_ALWAYS_ALLOWED: Final = "sts:GetCallerIdentity"
_ASSUME_ROLE: Final = "sts:AssumeRole"
_MADE_BY: Final = "Made by `audit policy`; make it again after an update of Vaultproof."


class Part(StrEnum):
    """Whose policy it is."""

    MEMBER = "member"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Statement:
    """An Allow: its Sid, the actions in order, and the one resource that they are allowed on.

    `organization_id` limits it to resources of that organization (aws:ResourceOrgID).
    """

    sid: str
    actions: tuple[str, ...]
    resource: str = "*"
    organization_id: str | None = None


def statements(
    part: Part,
    role: str,
    operations: Iterable[Operation] = OPERATIONS.values(),
    *,
    organization_id: str | None = None,
) -> tuple[Statement, ...]:
    """Return the statements that a part needs, by service.

    `role` is the ARN of the role in every account. With `organization_id`, the caller may assume the role
    only in accounts of that organization.
    """
    asked = tuple(operations)
    mine = (one for one in asked if part is Part.CALLER or is_asked_of_members(one))
    read = _by_service({action for one in mine for action in one.actions})
    if part is Part.CALLER and any(one.key == _ASSUME_ROLE for one in asked):
        return (*read, Statement("AssumeRole", (_ASSUME_ROLE,), role, organization_id))
    return read


def is_asked_of_members(operation: Operation) -> bool:
    """Check whether an operation is called in every account, rather than once for the organization."""
    return operation.place is not Place.SCAN


def _by_service(actions: set[str]) -> tuple[Statement, ...]:
    listed = sorted(actions - {_ALWAYS_ALLOWED, _ASSUME_ROLE})
    return tuple(
        Statement(f"Read{_camel(service)}", tuple(group))
        for service, group in groupby(listed, key=lambda action: action.partition(":")[0])
    )


def _camel(service: str) -> str:
    """Give a Sid's form of a service's prefix: only letters and digits are allowed in it."""
    return "".join(word.capitalize() for word in service.split("-"))


def role_arn(role_name: str, partition: str = "aws") -> str:
    """Give the pattern of the role's ARN in every account."""
    return f"arn:{partition}:iam::*:role/{role_name}"


def policy_document(granted: Iterable[Statement]) -> dict[str, Any]:
    """Build a policy document."""
    return {"Version": VERSION, "Statement": [_allow(statement) for statement in granted]}


def _allow(statement: Statement) -> dict[str, Any]:
    document: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": list(statement.actions),
        "Resource": statement.resource,
    }
    if statement.organization_id is not None:
        document["Condition"] = {"StringEquals": {RESOURCE_ORGANIZATION: statement.organization_id}}
    return document


def trust_document(
    principal: str, external_id: str | None, trusted_role: str | None = None
) -> dict[str, Any]:
    """Build the trust policy of the role.

    `principal` is the id of an account, or the ARN of a user or role. `trusted_role` limits an account to
    its role of that name. A condition does that, not the principal: AWS refuses a trust policy that names
    a role that does not exist yet, and breaks the trust when that role is created again (IAM User Guide,
    "AWS JSON policy elements: Principal").
    """
    statement: dict[str, Any] = {
        "Sid": "Scan",
        "Effect": "Allow",
        "Principal": {"AWS": principal},
        "Action": _ASSUME_ROLE,
    }
    condition: dict[str, Any] = {}
    if external_id is not None:
        condition["StringEquals"] = {"sts:ExternalId": external_id}
    if trusted_role is not None:
        condition["ArnLike"] = {"aws:PrincipalArn": role_arn(trusted_role, "*")}
    if condition:
        statement["Condition"] = condition
    return {"Version": VERSION, "Statement": [statement]}


def size(document: Mapping[str, Any]) -> int:
    """Count a policy's characters as IAM does."""
    return sum(not character.isspace() for character in json.dumps(document))


@dataclass(frozen=True, slots=True)
class Wanted:
    """The defaults of a template's parameters. None: the parameter has no default, or is optional.

    `operations`: those that the scan calls.
    """

    part: Part
    role_name: str
    principal: str | None = None
    external_id: str | None = None
    trusted_role: str | None = None
    organization_id: str | None = None
    operations: tuple[Operation, ...] = tuple(OPERATIONS.values())


def cloudformation(wanted: Wanted) -> str:
    """Give a CloudFormation template: the role with its policies, or the policy of who starts the scan."""
    if wanted.part is Part.CALLER:
        return _lines(
            *_head(_CALLER_ABOUT), *_parameters(wanted), *_CALLER_CONDITIONS, *_caller_policy(wanted)
        )
    return _lines(*_head(_MEMBER_ABOUT), *_parameters(wanted), *_MEMBER_CONDITIONS, *_member_role(wanted))


def terraform(wanted: Wanted) -> str:
    """Give Terraform without modules: the role with its policies, or the policy of who starts the scan."""
    role = role_arn("${var.role_name}", "${data.aws_partition.current.partition}")
    granted = statements(wanted.part, role, wanted.operations, organization_id=_ANY_ORGANIZATION)
    document = (*_data("read"), *_hcl_statements(granted), "}")
    variables = _variables(wanted)
    if wanted.part is Part.CALLER:
        return _lines(f"# {_CALLER_ABOUT} {_MADE_BY}", *variables, *_PARTITION, *document, *_HCL_CALLER)
    return _lines(f"# {_MEMBER_ABOUT} {_MADE_BY}", *variables, *document, *_HCL_MEMBER)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


_MEMBER_ABOUT: Final = "The role that Vaultproof assumes in an account, to read and nothing else."
_CALLER_ABOUT: Final = "What the principal needs that starts a scan of Vaultproof: to read and nothing else."
_ROLE_NAME_ABOUT: Final = "Name of the role, the same in every account."
_PRINCIPAL_ABOUT: Final = "Who starts the scan: the id of an account, or the ARN of a role or user."
_EXTERNAL_ID_ABOUT: Final = "The external id that the scan has to name."
_TRUSTED_ROLE_ABOUT: Final = "Name of the only role of that account that may assume this one."
_BOUNDARY_ABOUT: Final = "ARN of the permissions boundary of the role."
_ORGANIZATION_ABOUT: Final = "Id of the organization in whose accounts the role may be assumed."

_ANY_ORGANIZATION: Final = "template"
"""The organization in a statement of a template, which has it as a parameter."""


def _head(about: str) -> tuple[str, ...]:
    return ('AWSTemplateFormatVersion: "2010-09-09"', f'Description: "{about} {_MADE_BY}"')


def _parameters(wanted: Wanted) -> tuple[str, ...]:
    name = ("", "Parameters:", *_parameter("RoleName", _ROLE_NAME_ABOUT, wanted.role_name))
    if wanted.part is Part.CALLER:
        return (*name, *_optional("OrganizationId", _ORGANIZATION_ABOUT, wanted.organization_id, "any"))
    return (
        *name,
        *_parameter("TrustedPrincipal", _PRINCIPAL_ABOUT, wanted.principal),
        *_optional("TrustedRoleName", _TRUSTED_ROLE_ABOUT, wanted.trusted_role, "any"),
        *_optional("ExternalId", _EXTERNAL_ID_ABOUT, wanted.external_id),
        *_optional("PermissionsBoundaryArn", _BOUNDARY_ABOUT, None),
    )


def _optional(name: str, about: str, default: str | None, empty: str = "none") -> tuple[str, ...]:
    return _parameter(name, f"{about} Empty: {empty}.", default or "")


def _parameter(name: str, about: str, default: str | None) -> tuple[str, ...]:
    known = () if default is None else (f'    Default: "{default}"',)
    return (f"  {name}:", "    Type: String", f'    Description: "{about}"', *known)


_MEMBER_CONDITIONS: Final = """
Conditions:
  HasExternalId: !Not [!Equals [!Ref ExternalId, ""]]
  HasTrustedRole: !Not [!Equals [!Ref TrustedRoleName, ""]]
  HasBoundary: !Not [!Equals [!Ref PermissionsBoundaryArn, ""]]
  IsRestricted: !Or [!Condition HasExternalId, !Condition HasTrustedRole]""".splitlines()

_CALLER_CONDITIONS: Final = """
Conditions:
  HasOrganization: !Not [!Equals [!Ref OrganizationId, ""]]""".splitlines()

_TRUST: Final = """\
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref RoleName
      PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundaryArn, !Ref AWS::NoValue]
      ManagedPolicyArns:
        - !Ref Policy
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: Scan
            Effect: Allow
            Principal:
              AWS: !Ref TrustedPrincipal
            Action: sts:AssumeRole
            Condition: !If
              - IsRestricted
              - StringEquals: !If
                  - HasExternalId
                  - sts:ExternalId: !Ref ExternalId
                  - !Ref AWS::NoValue
                ArnLike: !If
                  - HasTrustedRole
                  - aws:PrincipalArn: !Sub "arn:*:iam::*:role/${TrustedRoleName}"
                  - !Ref AWS::NoValue
              - !Ref AWS::NoValue""".splitlines()


def _member_role(wanted: Wanted) -> tuple[str, ...]:
    granted = statements(Part.MEMBER, "", wanted.operations)
    output = ("", "Outputs:", "  RoleArn:", "    Value: !GetAtt Role.Arn")
    return ("", "Resources:", *_TRUST, *_managed_policy(granted), *output)


def _caller_policy(wanted: Wanted) -> tuple[str, ...]:
    granted = statements(
        Part.CALLER,
        role_arn("${RoleName}", "${AWS::Partition}"),
        wanted.operations,
        organization_id=_ANY_ORGANIZATION,
    )
    output = ("", "Outputs:", "  PolicyArn:", "    Value: !Ref Policy")
    return ("", "Resources:", *_managed_policy(granted), *output)


def _managed_policy(granted: Iterable[Statement]) -> tuple[str, ...]:
    head = """\
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:""".splitlines()
    return (*head, *yaml_statements(granted))


def yaml_statements(granted: Iterable[Statement]) -> tuple[str, ...]:
    """Return statements as lines of a CloudFormation template, indented for a managed policy."""
    return tuple(line for one in granted for line in _yaml_statement(one))


def _yaml_statement(one: Statement) -> tuple[str, ...]:
    resource = f'!Sub "{one.resource}"' if "${" in one.resource else f'"{one.resource}"'
    return (
        f"          - Sid: {one.sid}",
        "            Effect: Allow",
        "            Action:",
        *(f"              - {action}" for action in one.actions),
        f"            Resource: {resource}",
        *(_YAML_CONDITION if one.organization_id is not None else ()),
    )


_YAML_CONDITION: Final = f"""\
            Condition: !If
              - HasOrganization
              - StringEquals:
                  {RESOURCE_ORGANIZATION}: !Ref OrganizationId
              - !Ref AWS::NoValue""".splitlines()


def _variables(wanted: Wanted) -> tuple[str, ...]:
    name = _variable("role_name", _ROLE_NAME_ABOUT, f'"{wanted.role_name}"')
    if wanted.part is Part.CALLER:
        return (*name, *_nullable("organization_id", _ORGANIZATION_ABOUT, wanted.organization_id, "any"))
    principal = None if wanted.principal is None else f'"{wanted.principal}"'
    return (
        *name,
        *_variable("trusted_principal", _PRINCIPAL_ABOUT, principal),
        *_nullable("trusted_role_name", _TRUSTED_ROLE_ABOUT, wanted.trusted_role, "any"),
        *_nullable("external_id", _EXTERNAL_ID_ABOUT, wanted.external_id),
        *_nullable("permissions_boundary_arn", _BOUNDARY_ABOUT, None),
    )


def _nullable(name: str, about: str, default: str | None, null: str = "none") -> tuple[str, ...]:
    return _variable(name, f"{about} Null: {null}.", "null" if default is None else f'"{default}"')


def _variable(name: str, about: str, default: str | None) -> tuple[str, ...]:
    known = () if default is None else (f"  default     = {default}",)
    head = ("", f'variable "{name}" {{', "  type        = string", f'  description = "{about}"')
    return (*head, *known, "}")


_PARTITION: Final = ("", 'data "aws_partition" "current" {}')


def _data(name: str) -> tuple[str, ...]:
    reason = "Lists take no resource, and every resource of the account is described."
    return (
        "",
        f'data "aws_iam_policy_document" "{name}" {{',
        f"  # checkov:skip=CKV_AWS_356:{reason}",
        "",
    )


def _hcl_statements(granted: Iterable[Statement]) -> tuple[str, ...]:
    blocks = [_hcl_statement(one) for one in granted]
    return tuple(line for number, block in enumerate(blocks) for line in (("",) * bool(number) + block))


def _hcl_statement(one: Statement) -> tuple[str, ...]:
    return (
        "  statement {",
        f'    sid       = "{one.sid}"',
        f'    resources = ["{one.resource}"]',
        "",
        "    actions = [",
        *(f'      "{action}",' for action in one.actions),
        "    ]",
        *(_HCL_CONDITION if one.organization_id is not None else ()),
        "  }",
    )


_HCL_CONDITION: Final = f"""
    dynamic "condition" {{
      for_each = var.organization_id == null ? [] : [var.organization_id]

      content {{
        test     = "StringEquals"
        variable = "{RESOURCE_ORGANIZATION}"
        values   = [condition.value]
      }}
    }}""".splitlines()

_HCL_MEMBER: Final = """
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Scan"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [var.trusted_principal]
    }

    dynamic "condition" {
      for_each = var.external_id == null ? [] : [var.external_id]

      content {
        test     = "StringEquals"
        variable = "sts:ExternalId"
        values   = [condition.value]
      }
    }

    dynamic "condition" {
      for_each = var.trusted_role_name == null ? [] : [var.trusted_role_name]

      content {
        test     = "ArnLike"
        variable = "aws:PrincipalArn"
        values   = ["arn:*:iam::*:role/${condition.value}"]
      }
    }
  }
}

resource "aws_iam_policy" "read" {
  name   = var.role_name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role" "scan" {
  name                 = var.role_name
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.scan.name
  policy_arn = aws_iam_policy.read.arn
}

output "role_arn" {
  value = aws_iam_role.scan.arn
}""".splitlines()

_HCL_CALLER: Final = """
resource "aws_iam_policy" "scan" {
  name   = "VaultproofScan"
  policy = data.aws_iam_policy_document.read.json
}

output "policy_arn" {
  value = aws_iam_policy.scan.arn
}""".splitlines()

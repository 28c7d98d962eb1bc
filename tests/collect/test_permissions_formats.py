"""CloudFormation and Terraform grant exactly what the JSON policy grants."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from scanner.collect.permissions import (
    Part,
    Wanted,
    cloudformation,
    policy_document,
    role_arn,
    statements,
    terraform,
    trust_document,
)
from scripts.deployment import FILES, ROOT, printed
from tests.fakes.cloudformation import read_template, resolve

ROLE = "VaultproofReadOnly"
ACCOUNT = "111111111111"
ORGANIZATION = "o-0123456789"


def load(part: Part, **more: Any) -> dict[str, Any]:
    text = cloudformation(Wanted(part, ROLE, **more))
    return read_template(text)


def expected(part: Part, organization: str | None = None) -> dict[str, Any]:
    return policy_document(statements(part, role_arn(ROLE), organization_id=organization))


@pytest.mark.parametrize("organization", ["", ORGANIZATION])
@pytest.mark.parametrize("part", Part)
def test_cloudformation_grants_what_json_grants(part: Part, organization: str) -> None:
    template = load(part)
    given = {"RoleName": ROLE, "AWS::Partition": "aws", "OrganizationId": organization}
    policy = template["Resources"]["Policy"]
    assert policy["Type"] == "AWS::IAM::ManagedPolicy"
    assert resolve(policy["Properties"]["PolicyDocument"], template, given) == expected(
        part, organization or None
    )


@pytest.mark.parametrize("boundary", ["", "arn:aws:iam::aws:policy/ReadOnlyAccess"])
@pytest.mark.parametrize("trusted_role", ["", "VaultproofScan"])
@pytest.mark.parametrize("external_id", ["", "x-1"])
def test_the_role_of_the_template_trusts_whom_it_should(
    external_id: str, trusted_role: str, boundary: str
) -> None:
    template = load(Part.MEMBER)
    given = {
        "RoleName": ROLE,
        "TrustedPrincipal": ACCOUNT,
        "TrustedRoleName": trusted_role,
        "ExternalId": external_id,
        "PermissionsBoundaryArn": boundary,
        "Policy": "its-arn",
    }
    role = resolve(template["Resources"]["Role"]["Properties"], template, given)
    assert role["RoleName"] == ROLE
    assert role["ManagedPolicyArns"] == ["its-arn"]
    assert role.get("PermissionsBoundary", "") == boundary
    trust = trust_document(ACCOUNT, external_id or None, trusted_role or None)
    assert role["AssumeRolePolicyDocument"] == trust


def test_what_is_known_is_a_default_and_what_is_not_is_asked_for() -> None:
    asked = load(Part.MEMBER)["Parameters"]
    assert {name: one.get("Default") for name, one in asked.items()} == {
        "RoleName": ROLE,
        "TrustedPrincipal": None,
        "TrustedRoleName": "",
        "ExternalId": "",
        "PermissionsBoundaryArn": "",
    }
    known = load(Part.MEMBER, principal=ACCOUNT, external_id="x-1")["Parameters"]
    assert known["TrustedPrincipal"]["Default"] == ACCOUNT
    assert known["ExternalId"]["Default"] == "x-1"
    assert {one["Type"] for one in asked.values()} == {"String"}
    assert list(load(Part.CALLER)["Parameters"]) == ["RoleName", "OrganizationId"]


_BLOCK = re.compile(r'(\w+)((?: "[^"]+")*) \{(\})?')
_LIST = re.compile(r'"([^"]*)"')
Block = tuple[str, tuple[str, ...], dict[str, str], list[Any]]
"""Its kind, labels, attributes (as written) and blocks."""


def blocks(lines: Iterator[str]) -> tuple[dict[str, str], list[Block]]:
    """Read HCL as it is written here: one thing a line, lists over several lines."""
    attributes: dict[str, str] = {}
    inner: list[Block] = []
    for line in lines:
        text = line.strip()
        if text == "}":
            break
        if opened := _BLOCK.fullmatch(text):
            nested = ({}, []) if opened.group(3) else blocks(lines)
            inner.append((opened.group(1), tuple(_LIST.findall(opened.group(2))), *nested))
        elif text and not text.startswith("#"):
            name, equals, value = text.partition("=")
            assert equals, text
            while value.count("[") > value.count("]"):
                value += next(lines).strip()
            attributes[name.strip()] = value.strip()
    return attributes, inner


def read(part: Part, **more: Any) -> dict[tuple[str, ...], Block]:
    _, found = blocks(iter(terraform(Wanted(part, ROLE, **more)).splitlines()))
    return {(block[0], *block[1]): block for block in found}


def granted(document: Block) -> dict[str, Any]:
    fill = {"${var.role_name}": ROLE, "${data.aws_partition.current.partition}": "aws"}
    rows = []
    for kind, _, attributes, dynamic in document[3]:
        assert kind == "statement"
        (resource,) = _LIST.findall(attributes["resources"])
        for name, value in fill.items():
            resource = resource.replace(name, value)
        row = {
            "Sid": attributes["sid"].strip('"'),
            "Effect": "Allow",  # what aws_iam_policy_document says by itself
            "Action": _LIST.findall(attributes["actions"]),
            "Resource": resource,
        }
        for _, _, each, ((_, _, content, _),) in dynamic:
            assert each["for_each"] == "var.organization_id == null ? [] : [var.organization_id]"
            test, key = content["test"].strip('"'), content["variable"].strip('"')
            row["Condition"] = {test: {key: ORGANIZATION}}
        rows.append(row)
    return {"Version": "2012-10-17", "Statement": rows}


@pytest.mark.parametrize("part", Part)
def test_terraform_grants_what_json_grants(part: Part) -> None:
    assert granted(read(part)["data", "aws_iam_policy_document", "read"]) == expected(part, ORGANIZATION)


@pytest.mark.parametrize("part", Part)
def test_terraform_names_nothing_that_is_not_there(part: Part) -> None:
    text = terraform(Wanted(part, ROLE))
    found = set(read(part))
    assert {("variable", name) for name in re.findall(r"\bvar\.(\w+)", text)} <= found
    assert {("data", kind, name) for kind, name in re.findall(r"\bdata\.(\w+)\.(\w+)\.", text)} <= found
    used = re.findall(r"(?<![.\w])(aws_\w+)\.(\w+)\.", text)
    assert {("resource", kind, name) for kind, name in used} <= found
    assert text.count("{") == text.count("}")


def test_the_role_of_terraform_trusts_whom_it_should() -> None:
    ((_, _, attributes, inner),) = read(Part.MEMBER)["data", "aws_iam_policy_document", "trust"][3]
    assert _LIST.findall(attributes["actions"]) == ["sts:AssumeRole"]
    (_, _, principals, _), (_, _, condition, (content,)), (_, _, role, (limit,)) = inner
    assert (principals["type"], principals["identifiers"]) == ('"AWS"', "[var.trusted_principal]")
    assert condition["for_each"] == "var.external_id == null ? [] : [var.external_id]"
    assert content[2] == {
        "test": '"StringEquals"',
        "variable": '"sts:ExternalId"',
        "values": "[condition.value]",
    }
    assert role["for_each"] == "var.trusted_role_name == null ? [] : [var.trusted_role_name]"
    assert limit[2] == {
        "test": '"ArnLike"',
        "variable": '"aws:PrincipalArn"',
        "values": '["arn:*:iam::*:role/${condition.value}"]',
    }


def test_variables_have_the_defaults_that_are_known() -> None:
    asked = read(Part.MEMBER)
    assert "default" not in asked["variable", "trusted_principal"][2]
    assert asked["variable", "external_id"][2]["default"] == "null"
    known = read(Part.MEMBER, principal=ACCOUNT, external_id="x-1")
    assert known["variable", "trusted_principal"][2]["default"] == f'"{ACCOUNT}"'
    assert known["variable", "external_id"][2]["default"] == '"x-1"'


@pytest.mark.parametrize("name", FILES)
def test_what_is_printed_is_what_was_reviewed(name: str) -> None:
    reviewed = (ROOT / name).read_text(encoding="utf-8")
    assert printed(*FILES[name]) == reviewed, "review it, then run: make generated"

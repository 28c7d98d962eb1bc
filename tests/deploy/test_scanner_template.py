"""deploy/scanner.yaml: what it lets the scan do, and what it lets nobody do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scanner.app.notification import targets_of
from scanner.cli.policy import DEFAULT_ROLE
from scanner.collect.permissions import Part, policy_document, role_arn, size, statements
from scanner.distributed.events import parse_event
from scanner.distributed.options import environment_of
from scanner.settings.settings import Settings
from scripts.deployment import STATE_MACHINE, TEMPLATE, current
from tests.fakes.cloudformation import holds, read_template, resolve, with_defaults

TEXT = TEMPLATE.read_text(encoding="utf-8")
RAW = read_template(TEXT)
ORGANIZATION = "o-0123456789"
IMAGE = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/vaultproof@sha256:" + "0" * 64
REQUIRED = {"ImageUri": IMAGE, "OrganizationId": ORGANIZATION}
EVERYTHING = {
    "ExternalId": "x-1",
    "Regions": "eu-west-1,eu-central-1",
    "ConfigBucket": "our-config",
    "AccessLogBucket": "our-logs",
    "AlarmEmail": "backup@example.com",
    "SecurityHubRoleName": "VaultproofSecurityHub",
    "PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/boundary",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
}
_INLINE_LIMIT = 51_200  # bytes of a template that is not in a bucket (CloudFormation User Guide, "quotas")


def deployed(**parameters: Any) -> dict[str, Any]:
    """The resources that CloudFormation would create."""
    given = with_defaults(RAW, **REQUIRED, **parameters)
    return {
        name: resolve(resource, RAW, given)
        for name, resource in RAW["Resources"].items()
        if "Condition" not in resource or holds({"Condition": resource["Condition"]}, RAW, given)
    }


def policies_of(role: str, resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::ManagedPolicy" and properties["Roles"] == [role]:
            yield properties["PolicyDocument"]
    for policy in resources[role]["Properties"].get("Policies", []):
        yield policy["PolicyDocument"]


def allowed(role: str, resources: dict[str, Any]) -> dict[str, list[Any]]:
    """The resources of each action, and the condition of its statement."""
    actions: dict[str, list[Any]] = {}
    for document in policies_of(role, resources):
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow":
                for action in listed(statement["Action"]):
                    where = (*listed(statement["Resource"]), json.dumps(statement.get("Condition")))
                    actions.setdefault(action, []).append(where)
    return actions


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_template_is_current() -> None:
    assert current(TEXT) == TEXT, "run: make generated"


def test_it_can_be_deployed_without_a_bucket_for_the_template() -> None:
    assert len(TEXT.encode()) < _INLINE_LIMIT


def test_every_parameter_but_two_has_a_default_and_stands_in_a_group() -> None:
    parameters = RAW["Parameters"]
    assert {name for name, parameter in parameters.items() if "Default" not in parameter} == set(REQUIRED)
    groups = RAW["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


def test_the_command_line_and_the_template_agree_on_the_role() -> None:
    assert RAW["Parameters"]["RoleName"]["Default"] == DEFAULT_ROLE


def test_a_distributed_scan_learns_from_the_outputs_where_everything_is() -> None:
    assert {"StateMachineArn", "EvidenceBucket", "WorkBucket", "FunctionName"} <= set(RAW["Outputs"])


def test_the_scan_role_may_read_what_the_declared_calls_need_and_write_to_its_buckets_only() -> None:
    resources = deployed()
    declared = policy_document(statements(Part.CALLER, role_arn(DEFAULT_ROLE), organization_id=ORGANIZATION))
    reads = {action for statement in declared["Statement"] for action in statement["Action"]}
    anywhere = json.dumps(None)
    in_organization = json.dumps({"StringEquals": {"aws:ResourceOrgID": ORGANIZATION}})
    files = ("arn:EvidenceBucket/*", "arn:WorkBucket/*", anywhere)
    actions = allowed("ScanRole", resources)
    assert {action: actions.pop(action) for action in reads} == {
        **{action: [("*", anywhere)] for action in reads},
        "sts:AssumeRole": [(role_arn(DEFAULT_ROLE), in_organization)],
    }
    assert actions == {
        "s3:GetObject": [files],
        "s3:PutObject": [files],
        "s3:AbortMultipartUpload": [files],
        "s3:ListBucket": [("arn:EvidenceBucket", "arn:WorkBucket", anywhere)],
        "kms:GenerateDataKey": [("arn:DataKey", anywhere)],
        "kms:Decrypt": [("arn:DataKey", anywhere)],
        "kms:Sign": [("arn:SigningKey", anywhere)],
        "kms:GetPublicKey": [("arn:SigningKey", anywhere)],
        "logs:CreateLogStream": [("arn:FunctionLog", anywhere)],
        "logs:PutLogEvents": [("arn:FunctionLog", anywhere)],
        "sns:Publish": [("Topic", anywhere)],
        "events:PutEvents": [("arn:aws:events:eu-west-1:111111111111:event-bus/default", anywhere)],
    }


@pytest.mark.parametrize("parameters", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_no_role_has_an_action_by_pattern_or_can_change_an_account(parameters: dict[str, str]) -> None:
    resources = deployed(**parameters)
    roles = [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]
    assert sorted(roles) == ["ScanRole", "ScheduleRole", "StateMachineRole"]
    for role in roles:
        actions = allowed(role, resources)
        assert [action for action in actions if "*" in action] == []
        assert [
            action
            for action in actions
            if action.startswith(("cloudformation:Create", "iam:Create", "iam:Put"))
        ] == []


def test_each_policy_is_smaller_than_a_managed_policy_may_be() -> None:
    for resource in deployed(**EVERYTHING).values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(resource["Properties"]["PolicyDocument"]) <= 6144


def test_every_role_has_the_permissions_boundary() -> None:
    for resource in deployed(**EVERYTHING).values():
        if resource["Type"] == "AWS::IAM::Role":
            assert resource["Properties"]["PermissionsBoundary"] == EVERYTHING["PermissionsBoundaryArn"]


def test_only_the_scan_role_can_sign() -> None:
    key = deployed()["SigningKey"]["Properties"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    statements_ = key["KeyPolicy"]["Statement"]
    signing = [
        (statement["Principal"], statement["Effect"])
        for statement in statements_
        if statement["Effect"] == "Allow"
        and {"kms:Sign", "kms:*", "kms:CreateGrant"} & set(listed(statement["Action"]))
    ]
    assert signing == [({"AWS": "arn:ScanRole"}, "Allow")]
    (denial,) = [statement for statement in statements_ if statement["Effect"] == "Deny"]
    assert denial["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": "arn:ScanRole"}}
    assert {"kms:Sign", "kms:CreateGrant"} <= set(denial["Action"])


def test_evidence_is_locked_and_work_expires() -> None:
    resources = deployed(RetentionDays=30, LockMode="COMPLIANCE")
    evidence = resources["EvidenceBucket"]["Properties"]
    assert evidence["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {
        "Mode": "COMPLIANCE",
        "Days": 30,
    }
    assert evidence["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all("ExpirationInDays" not in rule for rule in evidence["LifecycleConfiguration"]["Rules"])
    (rule,) = resources["WorkBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (7, "Enabled")


@pytest.mark.parametrize("bucket", ["EvidenceBucket", "WorkBucket"])
def test_buckets_take_tls_only_and_objects_of_the_scan_only(bucket: str) -> None:
    statements_ = deployed()[f"{bucket}Policy"]["Properties"]["PolicyDocument"]["Statement"]
    tls, writing = statements_
    assert (tls["Effect"], tls["Action"], tls["Condition"]) == (
        "Deny", "s3:*", {"Bool": {"aws:SecureTransport": "false"}},
    )  # fmt: skip
    assert tls["Resource"] == [f"arn:{bucket}", f"arn:{bucket}/*"]
    assert (writing["Effect"], writing["Action"]) == ("Deny", "s3:PutObject")
    assert writing["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": "arn:ScanRole"}}


def test_what_holds_evidence_outlives_the_stack() -> None:
    kept = {name for name, resource in RAW["Resources"].items() if resource.get("DeletionPolicy") == "Retain"}
    assert kept >= {"EvidenceBucket", "DataKey", "SigningKey", "FunctionLog"}


def test_the_schedule_starts_a_scan_of_the_organization() -> None:
    target = deployed()["ScanSchedule"]["Properties"]["Target"]
    assert target["Arn"] == "StateMachine"
    assert target["DeadLetterConfig"] == {"Arn": "arn:Undelivered"}
    event = parse_event({**json.loads(target["Input"]), "action": "open", "scan_id": "x"})
    assert event.scan.organization is True


def test_the_alarm_watches_each_hour_and_counts_silence_as_failure() -> None:
    alarm = deployed()["NoScanSucceeded"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/States", "ExecutionsSucceeded")
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (3600, 26)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == ["Topic"]


def test_your_own_topic_replaces_the_one_of_the_stack() -> None:
    topic = "arn:aws:sns:eu-west-1:111111111111:backup"
    resources = deployed(TopicArn=topic, AlarmEmail="backup@example.com")
    assert not {"Topic", "TopicPolicy", "Subscription"} & set(resources)
    assert resources["NoScanSucceeded"]["Properties"]["AlarmActions"] == [topic]
    assert allowed("ScanRole", resources)["sns:Publish"] == [(topic, "null")]
    assert resources["Function"]["Properties"]["Environment"]["Variables"]["VAULTPROOF_TOPIC"] == topic


def test_the_function_knows_its_buckets_their_owner_and_its_key() -> None:
    variables = deployed()["Function"]["Properties"]["Environment"]["Variables"]
    assert variables == {
        "VAULTPROOF_EVIDENCE_BUCKET": "EvidenceBucket",
        "VAULTPROOF_WORK_BUCKET": "WorkBucket",
        "VAULTPROOF_BUCKET_OWNER": "111111111111",
        "VAULTPROOF_KMS_KEY": "arn:DataKey",
        "VAULTPROOF_SIGNING_KEY": "arn:SigningKey",
        "VAULTPROOF_ROLE_NAME": DEFAULT_ROLE,
        "VAULTPROOF_TOPIC": "Topic",
        "VAULTPROOF_EVENT_BUS": "default",
    }


@pytest.mark.parametrize("parameters", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_the_function_understands_its_environment(parameters: dict[str, str]) -> None:
    variables = deployed(**parameters)["Function"]["Properties"]["Environment"]["Variables"]
    known = {**variables, "VAULTPROOF_EVIDENCE_BUCKET": "evidence", "VAULTPROOF_WORK_BUCKET": "work"}
    environment = environment_of(known)
    assert environment.role_name == DEFAULT_ROLE
    assert environment.regions == (("eu-west-1", "eu-central-1") if parameters else ())
    assert environment.external_id == parameters.get("ExternalId")
    assert (environment.config is None) == (not parameters)


def test_findings_are_imported_with_a_role_of_the_organization_or_in_the_own_account() -> None:
    actions = allowed("ScanRole", deployed(SecurityHubRoleName="Import"))
    where = "arn:aws:securityhub:*:111111111111:product/111111111111/default"
    assert actions["securityhub:BatchImportFindings"] == [(where, "null")]
    roles = dict(actions["sts:AssumeRole"])
    condition = json.dumps({"StringEquals": {"aws:ResourceOrgID": ORGANIZATION}})
    assert roles == {role_arn(DEFAULT_ROLE): condition, role_arn("Import"): condition}


def test_what_is_optional_reaches_the_function() -> None:
    function = deployed(**EVERYTHING)["Function"]["Properties"]
    variables = function["Environment"]["Variables"]
    assert variables["VAULTPROOF_EXTERNAL_ID"] == "x-1"
    assert variables["VAULTPROOF_CONFIG"] == "s3://our-config/audit.yaml"
    assert variables["VAULTPROOF_REGIONS"] == "eu-west-1,eu-central-1"
    hub = targets_of(Settings(), variables).security_hub
    assert hub is not None
    assert hub.role_name == "VaultproofSecurityHub"
    assert function["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


def test_cloudformation_gets_the_state_machine_with_every_placeholder_substituted() -> None:
    machine = RAW["Resources"]["StateMachine"]["Properties"]
    text = machine["DefinitionString"]
    assert json.loads(text) == json.loads(STATE_MACHINE.read_text(encoding="utf-8"))
    for name in machine["DefinitionSubstitutions"]:
        assert f"${{{name}}}" in text
        text = text.replace(f"${{{name}}}", "8")
    assert "${" not in text


def test_exceptions_from_rules_have_a_reason() -> None:
    for resource in RAW["Resources"].values():
        for exception in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert len(exception["comment"].split()) > 5

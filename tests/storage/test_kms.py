"""Signing with KMS: real boto3 calls to a simulation, and refusals of a stub."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from scanner.errors import CredentialsError, EndpointError, OutputError, UsageError, VaultproofError
from scanner.evidence.keys import public_key_of_der
from scanner.storage.kms import KmsKey, kms_key

ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # the key's own Region is in its ARN


@pytest.fixture
def kms() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("kms", region_name="eu-west-1")


def created(kms: Any, spec: str, usage: str = "SIGN_VERIFY") -> str:
    arn: str = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
    return arn


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_2048"])
def test_a_signature_of_kms_is_verified_offline(kms: Any, spec: str) -> None:
    arn = created(kms, spec)
    key = kms_key(arn)
    key.check_permission()
    public = public_key_of_der(key.der, arn)
    assert (key.arn, key.algorithm) == (arn, public.algorithm)
    signature = key.sign(b"DSSEv1 1 a 1 b")
    assert public.verifies(signature, b"DSSEv1 1 a 1 b")
    assert not public.verifies(signature, b"DSSEv1 1 a 1 c")


def test_an_alias_is_resolved_to_its_key(kms: Any) -> None:
    arn = created(kms, "ECC_NIST_P256")
    kms.create_alias(AliasName="alias/audit", TargetKeyId=arn)
    assert kms_key("arn:aws:kms:eu-west-1:123456789012:alias/audit").arn == arn


def test_a_statement_that_kms_would_not_take_is_refused_here(kms: Any) -> None:
    key = kms_key(created(kms, "ECC_NIST_P256"))
    assert key.sign(b"x" * 4_096)
    with pytest.raises(OutputError, match="has 4,097 bytes, and AWS KMS signs at most 4,096"):
        key.sign(b"x" * 4_097)


@pytest.mark.parametrize(
    ("spec", "usage"), [("ECC_NIST_P384", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT")]
)
def test_keys_of_other_kinds_are_refused(kms: Any, spec: str, usage: str) -> None:
    with pytest.raises(UsageError, match="that does not support ECDSA_SHA_256"):
        kms_key(created(kms, spec, usage))


@pytest.mark.parametrize(
    "arn",
    ["", "alias/audit", "arn:aws:s3:::bucket", "arn:aws:kms::123456789012:key/1", ARN.replace("/", ":")],
)
def test_what_is_not_the_arn_of_a_key_is_refused(arn: str) -> None:
    with pytest.raises(UsageError, match="is not the ARN of a KMS key"):
        kms_key(arn)


@pytest.mark.usefixtures("kms")
def test_a_key_that_does_not_exist() -> None:
    with pytest.raises(
        UsageError, match=r"kms:GetPublicKey on arn:aws:kms:eu-west-1:.* failed .NotFoundException"
    ):
        kms_key(ARN)


@pytest.mark.parametrize(
    ("code", "error", "advice"),
    [
        ("AccessDeniedException", OutputError, "Allow it in the key's policy"),
        ("DisabledException", OutputError, "Enable the key"),
        ("ExpiredTokenException", CredentialsError, "Log in again"),
    ],
)
def test_refusals_are_told_with_what_to_do(code: str, error: type[VaultproofError], advice: str) -> None:
    client = boto3.client("kms", region_name="eu-west-1")
    with Stubber(client) as stub:
        stub.add_client_error("sign", code, "no")
        with pytest.raises(error, match=advice):
            KmsKey(ARN, b"", "ECDSA_SHA_256", client).sign(b"message")


def test_permission_is_checked_before_a_scan() -> None:
    client = boto3.client("kms", region_name="eu-west-1")
    key = KmsKey(ARN, b"", "ECDSA_SHA_256", client)
    with Stubber(client) as stub:
        stub.add_client_error("sign", "DryRunOperationException", "The request would have succeeded")
        key.check_permission()
        stub.add_client_error("sign", "AccessDeniedException", "not authorized to perform: kms:Sign")
        with pytest.raises(
            UsageError, match=r"kms:Sign on .* failed \(AccessDeniedException: not authorized"
        ):
            key.check_permission()


def test_a_kms_that_does_not_answer() -> None:
    class Gone:
        def sign(self, **_: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://kms.eu-west-1.amazonaws.com")

    with pytest.raises(EndpointError, match="does not answer kms:Sign"):
        KmsKey(ARN, b"", "ECDSA_SHA_256", Gone()).sign(b"message")


def test_the_profile_has_to_exist() -> None:
    with pytest.raises(CredentialsError, match="no-such-profile"):
        kms_key(ARN, "no-such-profile")

"""Faults on the way into an account: names, connections, identities, roles, organisations, redirections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from scanner.errors import VaultproofError
from tests.faults.conftest import REQUEST, Laboratory
from tests.faults.faults import FINAL, PASSING, another_operations_body, bent, fixed, redirected, refusal
from tests.faults.oracle import Evidence
from tests.faults.proxy import Exchange, Fault, Rule, first, raw

EXPIRED = {"json": "ExpiredTokenException", "rest-json": "ExpiredTokenException", "query": "ExpiredToken"}
EXPIRED |= {"ec2": "RequestExpired", "rest-xml": "ExpiredToken"}
ACCOUNT = REQUEST.accounts[0]


def rarely(name: str) -> Any:
    """Mark a case that others stand for."""
    return pytest.param(name, marks=pytest.mark.exhaustive)


def codes(evidence: Evidence) -> set[tuple[str, str]]:
    return {(operation, code) for (_, operation, _), code in evidence.failed.items()}


@pytest.mark.parametrize(
    "name", ["html 200", rarely("empty"), rarely("reset before"), rarely("bare 503"), "another"]
)
def test_the_first_call_may_fail_once(laboratory: Laboratory, name: str) -> None:
    fault = another_operations_body if name == "another" else PASSING[name]()
    laboratory.check_passing(Rule(fault, frozenset({"sts:GetCallerIdentity"}), when=first()))


@pytest.mark.parametrize(
    "name",
    ["html 200", "empty", "reset before", "bare 503", "text", "expired", "access denied", "404", "bare 400"],
)
def test_a_first_call_that_fails_for_good_is_told_to_a_person(laboratory: Laboratory, name: str) -> None:
    fault = {**PASSING, **FINAL}[name]()
    outcome = laboratory.scan(Rule(fault, frozenset({"sts:GetCallerIdentity"})))
    assert isinstance(outcome, VaultproofError)
    assert len(laboratory.proxy.asked) <= 2


@pytest.mark.parametrize(
    "name",
    ["html 200", rarely("empty"), "another", rarely("garbage"), rarely("reset within body"), "no keys"],
)
def test_a_role_is_assumed_at_a_second_try(laboratory: Laboratory, name: str) -> None:
    laboratory.check_passing(Rule(role_fault(name), frozenset({"sts:AssumeRole"}), when=first()))


@pytest.mark.parametrize(
    "name", [rarely("html 200"), "another", rarely("no keys"), "access denied", rarely("bare 400"), "307"]
)
@pytest.mark.slow
def test_a_role_that_cannot_be_assumed_is_a_gap_of_the_account(laboratory: Laboratory, name: str) -> None:
    outcome = laboratory.check(Rule(role_fault(name), frozenset({"sts:AssumeRole"})))
    assert isinstance(outcome, Evidence)
    assert outcome.failed_operations == {"sts:AssumeRole"}


def role_fault(name: str) -> Fault:
    if name == "another":
        return another_operations_body
    if name == "no keys":
        return bent(lambda answer: raw(replace(answer, body=answer.body.replace(b"AccessKeyId", b"Nothing"))))
    return {**PASSING, **FINAL}[name]()


class UntilRenewed:
    """Says that the credentials have expired, from the third call of an account until its next role."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.roles = self.refused = 0

    def __call__(self, exchange: Exchange) -> None:
        """Refuse, or pass on."""
        with self._lock:
            if exchange.asked.operation == "AssumeRole":
                self.roles += 1
            refused = exchange.asked.account == ACCOUNT and exchange.number > 20 and self.roles < 2
            self.refused += refused
        if refused:
            refusal(EXPIRED, 403, "The security token included in the request is expired")(exchange)
        elif self.roles > 1 and exchange.asked.operation == "AssumeRole":
            answer = exchange.fetch()  # the keys of another session
            renewed = answer.body.replace(b"ROLE</AccessKeyId>", b"ANEW</AccessKeyId>")
            exchange.reply(replace(answer, body=renewed))
        else:
            exchange.reply(exchange.fetch())


def test_credentials_that_expire_on_the_way_are_renewed(laboratory: Laboratory) -> None:
    fault = UntilRenewed()
    laboratory.proxy.keys["ASIA333333333333ANEW"] = ACCOUNT
    laboratory.check_passing(Rule(fault))
    assert fault.refused > 0
    assert fault.roles == 2


@pytest.mark.slow
def test_credentials_that_stay_expired_are_gaps(laboratory: Laboratory) -> None:
    outcome = laboratory.check(Rule(FINAL["expired"](), account=ACCOUNT))
    assert isinstance(outcome, Evidence)
    assert outcome.failed


@pytest.mark.parametrize(
    "key",
    ["DescribeOrganization", "ListRoots", "ListOrganizationalUnitsForParent", "ListDelegatedAdministrators"],
)
@pytest.mark.parametrize("name", ["access denied", rarely("html 200"), rarely("no http")])
@pytest.mark.slow
def test_an_organisation_that_is_half_told(laboratory: Laboratory, key: str, name: str) -> None:
    laboratory.check(Rule({**PASSING, **FINAL}[name](), frozenset({f"organizations:{key}"})))


@pytest.mark.parametrize("name", [rarely("access denied"), "repeated token", rarely("bare 503"), "html 200"])
@pytest.mark.slow
def test_a_list_of_accounts_that_breaks_off_is_told(laboratory: Laboratory, name: str) -> None:
    fault = {**PASSING, **FINAL}[name]()
    whole = replace(REQUEST, accounts=("333333333333",))
    outcome = laboratory.check(Rule(fault, frozenset({"organizations:ListAccounts"})), request=whole)
    if isinstance(outcome, Evidence):
        assert "organizations:ListAccounts" in outcome.failed_operations


@contextmanager
def foreign_host() -> Iterator[tuple[str, list[bytes]]]:
    """A host that is none of AWS's, and what it was sent."""
    heard: list[bytes] = []

    def listen(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65_536))

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=listen, args=(listener,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("status", "code"),
    [(301, "PermanentRedirect"), (307, "TemporaryRedirect")],
)
@pytest.mark.slow
def test_no_redirection_leads_credentials_to_a_foreign_host(
    laboratory: Laboratory, status: int, code: str
) -> None:
    keys = frozenset(
        {"s3:ListBuckets", "s3:GetBucketTagging", "ec2:DescribeVolumes", "backup:ListBackupPlans"}
    )
    with foreign_host() as (host, heard):
        outcome = laboratory.check(Rule(redirected(status, code)(host), keys))
    assert isinstance(outcome, Evidence)
    assert heard == []
    assert outcome.failed_operations <= keys
    assert outcome.failed_operations


@pytest.mark.parametrize("endpoint", ["http://no.such.host.invalid", "http://127.0.0.1:1"])
@pytest.mark.parametrize("service", ["RDS", rarely("KMS")])
@pytest.mark.slow
def test_a_service_that_is_not_there_is_a_gap(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, service: str, endpoint: str
) -> None:
    laboratory.truth()
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", endpoint)
    gone = Rule(fixed(b""), frozenset())
    gone.applied += [key for key in laboratory.operations if key.startswith(f"{service.lower()}:")]
    outcome = laboratory.check(gone)
    assert isinstance(outcome, Evidence)
    assert {code for _, code in codes(outcome)} == {"EndpointConnectionError"}

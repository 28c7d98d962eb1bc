import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials

from scanner.collect.credentials import (
    ContextCredentials,
    CredentialStore,
    Lease,
    NoAccountError,
    OwnSource,
    RoleSource,
    acting_for,
    session_seconds,
)
from scanner.collect.retry import FinalError
from scanner.errors import CredentialsError
from scanner.evidence.writer import Failure
from scanner.model.names import AccountId

A, B = AccountId("111111111111"), AccountId("222222222222")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = 60.0
HOUR = 60 * MINUTE


def keys(name: str) -> ReadOnlyCredentials:
    return ReadOnlyCredentials(name, "canary", None, None)


def wallet_of(*accounts: AccountId) -> CredentialStore:
    credential_store = CredentialStore()
    for account in accounts:
        credential_store.put(account, partial(keys, account))
    return credential_store


def test_signing_outside_an_account_fails_loudly() -> None:
    credentials = ContextCredentials(wallet_of(A))
    with pytest.raises(NoAccountError, match="outside"):
        credentials.get_frozen_credentials()
    with acting_for(B), pytest.raises(NoAccountError, match="no credentials for account 222222222222"):
        credentials.get_frozen_credentials()


def test_a_new_thread_acts_for_nobody() -> None:
    credentials = ContextCredentials(wallet_of(A))
    with acting_for(A), ThreadPoolExecutor(1) as pool, pytest.raises(NoAccountError):
        pool.submit(credentials.get_frozen_credentials).result()


def test_threads_sign_for_their_own_account() -> None:
    accounts = [AccountId(f"{number:012d}") for number in range(8)]
    credentials = ContextCredentials(wallet_of(*accounts))
    together = threading.Barrier(len(accounts))

    def sign(account: AccountId) -> set[str | None]:
        together.wait()
        with acting_for(account):
            return {credentials.get_frozen_credentials().access_key for _ in range(500)}

    with ThreadPoolExecutor(len(accounts)) as pool:
        assert list(pool.map(sign, accounts)) == [{account} for account in accounts]


def test_accounts_nest() -> None:
    credentials = ContextCredentials(wallet_of(A, B))
    with acting_for(A):
        with acting_for(B):
            assert credentials.get_frozen_credentials().access_key == B
        assert credentials.get_frozen_credentials().access_key == A


class Sts:
    """Gives sessions of an hour, until it is told to refuse."""

    def __init__(self) -> None:
        self.now = 0.0
        self.given = 0
        self.refuses = False

    def assume(self) -> Lease:
        if self.refuses:
            raise FinalError(Failure("AccessDenied", "no", 403, 1))
        self.given += 1
        return Lease(keys(f"session-{self.given}"), HOUR)


def test_a_role_is_renewed_before_it_expires() -> None:
    sts = Sts()
    source = RoleSource(sts.assume, lambda: sts.now)
    assert [source().access_key, source().access_key] == ["session-1", "session-1"]
    sts.now += 54 * MINUTE
    assert source().access_key == "session-1"
    sts.now += 2 * MINUTE
    assert source().access_key == "session-2"


@pytest.mark.parametrize(
    ("wrong_by", "seconds"),
    [
        (timedelta(0), HOUR),
        (timedelta(minutes=20), 40 * MINUTE),
        (timedelta(minutes=57), HOUR),
        (timedelta(hours=2), HOUR),
        (timedelta(days=3650), HOUR),
        (-timedelta(seconds=1), HOUR),
        (-timedelta(days=3650), HOUR),
    ],
)
def test_a_wrong_clock_does_not_end_sessions(wrong_by: timedelta, seconds: float) -> None:
    assert session_seconds(NOON + timedelta(hours=1), NOON + wrong_by, HOUR) == seconds


def test_a_session_without_an_end_lasts_as_long_as_requested() -> None:
    assert session_seconds(None, NOON, HOUR) == HOUR


def test_a_role_that_cannot_be_renewed_serves_to_its_end() -> None:
    sts = Sts()
    source = RoleSource(sts.assume, lambda: sts.now)
    source()
    sts.refuses = True
    sts.now += 58 * MINUTE
    assert source().access_key == "session-1"
    sts.now += 2 * MINUTE
    with pytest.raises(FinalError, match="AccessDenied"):
        source()


def test_a_role_is_renewed_once_when_aws_says_that_it_has_expired() -> None:
    sts = Sts()
    source = RoleSource(sts.assume, lambda: sts.now)
    credential_store = wallet_of()
    credential_store.put(A, source)
    assert credential_store.key_of(A) == "session-1"
    assert credential_store.renew(A, "session-1")
    assert credential_store.renew(A, "session-1"), "somebody else has done so"
    assert (credential_store.key_of(A), sts.given) == ("session-2", 2)
    sts.refuses = True
    with pytest.raises(FinalError, match="AccessDenied"):
        credential_store.renew(A, "session-2")


def test_what_cannot_be_renewed_is_not() -> None:
    credential_store = wallet_of(A)
    assert credential_store.key_of(B) == ""
    assert not credential_store.renew(A, A)
    assert not credential_store.renew(B, "x")


def test_who_waits_for_another_to_renew_leaves_the_lock_as_it_was() -> None:
    sts, begun, go_on = Sts(), threading.Event(), threading.Event()

    def assume() -> Lease:
        begun.set()
        assert go_on.wait(30)
        return sts.assume()

    source = RoleSource(assume, lambda: sts.now)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(source)
        assert begun.wait(30)
        second = pool.submit(source)
        go_on.set()
        assert (first.result().access_key, second.result().access_key) == ("session-1", "session-1")


def test_own_credentials_are_found_anew_when_they_have_expired() -> None:
    found = [Credentials("new", "canary")]
    source = OwnSource(Credentials("old", "canary"), lambda: found[0])
    assert source().access_key == "old"
    assert source.renew("old")
    assert source().access_key == "new"
    assert source.renew("old"), "they have been renewed since"
    assert not source.renew("new"), "nobody has logged in again"


def test_own_credentials_that_are_gone_stay_expired() -> None:
    def load() -> Credentials:
        raise CredentialsError("gone")

    assert not OwnSource(Credentials("old", "canary"), load).renew("old")


def test_keys_are_not_shown() -> None:
    assert "canary" not in repr(Lease(keys("x"), HOUR))

"""Credentials that depend on the account for which the current code runs.

A client serves all accounts of a scan. To sign a request, it uses the credentials of the account in a context
variable. Outside of `acting_for` there is no account, and signing raises NoAccountError.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.credentials import Credentials, ReadOnlyCredentials

from scanner.collect.pool import away
from scanner.collect.retry import FinalError
from scanner.errors import VaultproofError
from scanner.model.names import AccountId

Source = Callable[[], ReadOnlyCredentials]
"""Returns an account's current credentials. FinalError: they could not be renewed.

A source that can replace expired credentials has a method `renew(used) -> bool` (RoleSource).
"""

_RENEW_BEFORE: Final = timedelta(minutes=5)
_LAST_USE: Final = timedelta(seconds=15)

_acting_for: ContextVar[AccountId] = ContextVar("vaultproof_acting_for")


class NoAccountError(RuntimeError):
    """A request would have been signed for no account, or for one without credentials."""


@contextmanager
def acting_for(account: AccountId) -> Iterator[None]:
    """Sign the requests of the block with the credentials of `account`."""
    token = _acting_for.set(account)
    try:
        yield
    finally:
        _acting_for.reset(token)


class CredentialStore:
    """The credentials of every account of a scan."""

    def __init__(self) -> None:
        self._sources: dict[AccountId, Source] = {}

    def clear(self) -> None:
        """Remove all credentials: those of another scan may be of another role."""
        self._sources.clear()

    def __contains__(self, account: AccountId) -> bool:
        """Check whether there are credentials for an account."""
        return account in self._sources

    def put(self, account: AccountId, source: Source) -> None:
        """Add or replace the credentials of an account."""
        self._sources[account] = source

    def current(self) -> ReadOnlyCredentials:
        """Return the credentials of the current context's account. NoAccountError: there are none."""
        account = _acting_for.get(None)
        if account is None:
            raise NoAccountError("A request was to be signed outside `acting_for`.")
        source = self._sources.get(account)
        if source is None:
            raise NoAccountError(f"There are no credentials for account {account}.")
        return source()

    def key_of(self, account: AccountId) -> str:
        """Return the access key that currently signs an account's requests; empty: there is none.

        FinalError: the credentials had to be renewed, and could not be.
        """
        source = self._sources.get(account)
        return str(source().access_key or "") if source else ""

    def renew(self, account: AccountId, used: str) -> bool:
        """Renew an account's credentials after the key `used` expired; return whether it worked."""
        renew = getattr(self._sources.get(account), "renew", None)
        return renew is not None and bool(renew(used))


class ContextCredentials(Credentials):
    """The credentials object of clients, which signs with those of the context's account."""

    def __init__(self, credential_store: CredentialStore) -> None:
        super().__init__("by-context", "by-context", method="vaultproof")
        self._store = credential_store

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials to sign with now."""
        return self._store.current()


@dataclass(frozen=True, slots=True)
class Lease:
    """The session of an assumed role, and when it expires."""

    credentials: ReadOnlyCredentials
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Lease(expires_at={self.expires_at})"  # no keys in a log or a traceback


class RoleSource:
    """The credentials of an assumed role, renewed before they expire; safe for threads."""

    def __init__(
        self, assume: Callable[[], Lease], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._assume = assume
        self._clock = clock
        self._lock = threading.Lock()
        self._lease: Lease | None = None

    def __call__(self) -> ReadOnlyCredentials:
        """Return the credentials. FinalError: the role could not be assumed (again)."""
        with self._locked():
            lease = self._lease
            if lease is None or lease.expires_at - self._clock() < _RENEW_BEFORE:
                lease = self._lease = self._renewed(lease)
            return lease.credentials

    def renew(self, used: str) -> bool:
        """Assume the role again, unless another thread has. FinalError: it is refused now."""
        with self._locked():
            if self._lease is None or self._lease.credentials.access_key == used:
                self._lease = self._assume()
            return self._lease.credentials.access_key != used

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock. A thread that waits for it gives up its place to other accounts."""
        if not self._lock.acquire(blocking=False):
            with away():
                self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _renewed(self, old: Lease | None) -> Lease:
        try:
            return self._assume()
        except FinalError:
            if old is not None and old.expires_at - self._clock() > _LAST_USE:
                return old
            raise


class OwnSource:
    """The caller's own credentials, which botocore renews where it can.

    `load` reads them again from the environment, files or SSO. It runs when AWS reports that they have
    expired, because the user may have logged in again.
    """

    def __init__(self, credentials: Credentials, load: Callable[[], Credentials]) -> None:
        self._credentials = credentials
        self._load = load
        self._lock = threading.Lock()

    def __call__(self) -> ReadOnlyCredentials:
        """Return the current credentials."""
        return self._credentials.get_frozen_credentials()

    def renew(self, used: str) -> bool:
        """Load the credentials again; return whether they differ from those of the access key `used`."""
        with self._lock:
            if self().access_key == used:
                try:
                    reloaded = self._load()
                except VaultproofError:  # AWS's error about the old ones is more precise
                    return False
                if reloaded.get_frozen_credentials().access_key == used:
                    return False
                self._credentials = reloaded
            return True

"""Credentials that depend on the account for which the current code runs.

A client serves all accounts of a scan. To sign a request, it uses the credentials of the account in a context
variable. Outside of `acting_for` there is no account, and signing raises NoAccountError.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
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

_RENEW_BEFORE: Final = 300.0
_LAST_USE: Final = 15.0
"""Seconds before the end of a session: when it is renewed, and until when it is used if it cannot be."""

_SHORTEST: Final = 14 * 60.0
"""Seconds that a new session lasts at least: STS gives 15 minutes or more."""

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
        # Placeholders, which never sign anything: botocore does not create credentials without keys.
        super().__init__("by-context", "by-context", method="vaultproof")
        self._store = credential_store

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials to sign with now."""
        return self._store.current()


@dataclass(frozen=True, slots=True)
class Lease:
    """The session of an assumed role, and how many seconds it lasts from when it was requested."""

    credentials: ReadOnlyCredentials
    seconds: float

    def __repr__(self) -> str:
        return f"Lease(seconds={self.seconds})"  # no keys in a log or a traceback


def session_seconds(expires_at: datetime | None, now: datetime, requested: float) -> float:
    """Return how long a new session lasts.

    STS states when it expires, by AWS's clock. Where this machine's clock `now` makes that less than the
    shortest session or more than `requested`, the clock is wrong: compared with it, each session would seem
    to have expired, and the role would be assumed again for every call.
    """
    left = requested if expires_at is None else (expires_at - now).total_seconds()
    return left if _SHORTEST <= left <= requested else requested


class RoleSource:
    """The credentials of an assumed role, renewed before they expire; safe for threads.

    `now` is a monotonic clock in seconds: the clock of the day may be set while a scan runs.
    """

    def __init__(self, assume: Callable[[], Lease], now: Callable[[], float] = time.monotonic) -> None:
        self._assume = assume
        self._now = now
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        self._ends_at = 0.0

    def __call__(self) -> ReadOnlyCredentials:
        """Return the credentials. FinalError: the role could not be assumed (again)."""
        with self._locked():
            lease = self._lease
            if lease is None or self._ends_at - self._now() < _RENEW_BEFORE:
                lease = self._renewed(lease)
            return lease.credentials

    def renew(self, used: str) -> bool:
        """Assume the role again, unless another thread has. FinalError: it is refused now."""
        with self._locked():
            lease = self._lease
            # Several threads find out at once that a key expired. The first
            # renews it; the others see another key.
            if lease is None or lease.credentials.access_key == used:
                lease = self._begin()
            return lease.credentials.access_key != used

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
            return self._begin()
        except FinalError:
            # The session is valid for another moment. The next call tries to renew it again.
            if old is not None and self._ends_at - self._now() > _LAST_USE:
                return old
            raise

    def _begin(self) -> Lease:
        """Assume the role. FinalError: it is refused."""
        # From before the call: when AWS begins to count is unknown, and earlier is safe.
        begun = self._now()
        self._lease = self._assume()
        self._ends_at = begun + self._lease.seconds
        return self._lease


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

"""What is to be read: the command line counts for more than audit.yaml."""

from scanner.cli.options import ScopeOptions
from scanner.collect.request import DEFAULT_ROLE, CollectRequest
from scanner.collect.resume import ResumeOptions
from scanner.model.collected import CollectedReads, CollectMode
from scanner.model.manifest import Excluded
from scanner.model.names import AccountId
from scanner.settings.settings import Settings


def collect_request(
    settings: Settings, options: ScopeOptions, reads: CollectedReads | None = None
) -> CollectRequest:
    """Give the scope and how to reach it. `reads`: what is collected; None: everything."""
    scope = settings.scope
    return CollectRequest(
        organization=options.organization or bool(scope.organization),
        accounts=tuple(options.accounts or scope.accounts),
        organizational_units=tuple(options.units or scope.organizational_units),
        regions=tuple(options.regions or scope.regions),
        excluded=_excluded(settings),
        role_name=options.role_name or scope.role_name or DEFAULT_ROLE,
        external_id=options.external_id or scope.external_id,
        session_name=scope.session_name or "vaultproof",
        duration_seconds=scope.session_seconds or 3600,
        profile=options.profile,
        concurrency=options.concurrency,
        reads=reads,
    )


def given_anew(
    settings: Settings, options: ScopeOptions, needs: CollectedReads | None = None
) -> ResumeOptions:
    """Give what was said of the scope when a scan is resumed; it must not contradict the scan's journal."""
    scope = settings.scope
    return ResumeOptions(
        organization=options.organization or scope.organization,
        accounts=tuple(options.accounts or scope.accounts) or None,
        organizational_units=tuple(options.units or scope.organizational_units) or None,
        regions=tuple(options.regions or scope.regions) or None,
        excluded=_excluded(settings) or None,
        role_name=options.role_name or scope.role_name,
        session_name=scope.session_name,
        duration_seconds=scope.session_seconds,
        needs=needs,
        collects_all=None if options.collect is None else options.collect is CollectMode.ALL,
    )


def _excluded(settings: Settings) -> tuple[Excluded, ...]:
    return tuple(Excluded(AccountId(entry.account), entry.reason) for entry in settings.scope.exclude)

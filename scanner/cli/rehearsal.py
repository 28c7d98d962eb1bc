"""What `--dry-run` prints: the scope, every operation with its permission, and how much there is to do."""

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scanner.cli.progress import duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scanner.collect.estimate import Estimate
    from scanner.model.collected import CollectedReads

_SHOWN: Final = 24
_WIDTH: Final = 160


def wide_console() -> Console:
    """Make a console in which no row is folded where nobody looks at a terminal."""
    console = Console(soft_wrap=True, highlight=False)
    return console if console.is_terminal else Console(soft_wrap=True, highlight=False, width=_WIDTH)


def print_estimate(found: "Estimate", console: Console, reads: "CollectedReads | None" = None) -> None:
    """Print an estimate, and what it assumes. `reads`: what the scan collects; None: everything."""
    scope = found.scope
    console.print(f"Accounts ({len(scope.accounts)}): {_some(scope.accounts)}")
    for entry in scope.excluded:
        console.print(f"  not {escape(entry.account)}: {escape(entry.reason)}")
    console.print(f"Regions ({len(scope.regions)}): {_some(scope.regions)}")
    if found.skipped:
        console.print(f"  skipped in {found.caller}, where they are not enabled: {_some(found.skipped)}")
    if [account for account in scope.accounts if account != found.caller]:
        console.print("  Regions that another account has not enabled are determined there and skipped.")
    if reads is not None:
        console.print(
            f"Only what these controls need is collected ({len(reads.controls)}): {_some(reads.controls)}"
        )
    console.print()
    console.print(_table(found))
    console.print()
    for line in _sums(found):
        console.print(line)


def _table(found: "Estimate") -> Table:
    table = Table(title="Operations", title_justify="left", header_style="bold", pad_edge=False, box=None)
    for column in ("operation", "IAM action", "called once per"):
        table.add_column(column, overflow="fold")
    for planned in sorted(found.operations, key=lambda each: (each.operation.service, each.operation.name)):
        operation = planned.operation
        table.add_row(operation.key, ", ".join(operation.actions), planned.per or planned.place.value)
    return table


def _sums(found: "Estimate") -> "Iterable[str]":
    yield (
        f"At least {found.calls} calls: {found.asked} for the organisation, {found.per_account} in each "
        f"account, {found.per_region} in each account-Region."
    )
    yield "  Plus calls per vault, plan, table and so on, whose number is known once these are listed."
    yield "  Each list counts as one page."
    if any(planned.operation.key == "kms:DescribeKey" for planned in found.operations):
        yield "  Keys that belong to another account are read there at the end, once per key."
    yield (
        f"About {duration(found.seconds)} for these calls with --concurrency {found.concurrency}: an "
        f"estimate that assumes {found.latency:g} s per call and AWS's published rates."
    )
    yield "Nothing was written."


def _some(names: "Iterable[str]") -> str:
    all_of_them = list(names)
    shown = ", ".join(escape(name) for name in all_of_them[:_SHOWN])
    more = len(all_of_them) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown

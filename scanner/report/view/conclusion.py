"""The conclusion of a report: two sentences, the result and how far it reaches, from the figures of the view.

What could not be read is neither good nor bad: it limits the conclusion, and the second sentence says so.
"""

from scanner.model.finding import Severity
from scanner.model.manifest import Manifest
from scanner.report.view.coverage import unprotected_resources
from scanner.report.view.view import View
from scanner.report.wording import count_word, instant


def conclusion(view: View) -> tuple[str, str]:
    """Return the result of the audit, and how far it reaches."""
    return _result(view), _reach(view)


def _result(view: View) -> str:
    counts = view.counts
    if not counts.total:
        return "No conclusion is possible: the scan found nothing that a control applies to."
    if not counts.judged:
        # Without an evaluated check "nothing failed" would be true, and mislead.
        return f"No conclusion is possible: none of {count_word(counts.asked, 'check')} could be evaluated."
    waived = f"; {count_word(counts.waived, 'failure')} {_is(counts.waived)} waived"
    evaluated = count_word(counts.judged, "evaluated check")
    if not counts.failed:
        return f"No exception was found in {evaluated}{waived if counts.waived else ''}."
    severe = " and ".join(
        f"{number:,} {severity.value}"
        for severity, number in view.failures
        if number and severity in (Severity.CRITICAL, Severity.HIGH)
    )
    of_which = f"{severe} among them" if severe else "none of them critical or high"
    resources = unprotected_resources(view.coverage)
    uncovered = f"{resources}, and " if resources else ""
    return (
        f"Exceptions were found: {uncovered}{counts.failed:,} of {evaluated} failed, "
        f"{of_which}{waived if counts.waived else ''}."
    )


def _reach(view: View) -> str:
    counts, whole = view.counts, view.completeness
    limits = _limits(view)
    if counts.open:
        unknown = f"{counts.open:,} of {count_word(counts.asked, 'check')} could not be evaluated"
        because = f" ({limits})" if limits else ""
        return f"{unknown}{because}, so further exceptions are possible."
    if limits:
        return f"Not everything was read ({limits}), so there may be resources that no check covers."
    if whole.collected:
        return "Everything that the scan was to collect was read, which is not everything in scope."
    if not counts.total:
        return "Everything in scope was read."
    return "Everything in scope was read, and every check that applies could be evaluated."


def _limits(view: View) -> str:
    """Return what is missing; empty: nothing."""
    whole = view.completeness
    parts = []
    if whole.gaps:
        parts.append(f"{count_word(len(whole.gaps), 'read')} {_is(len(whole.gaps))} missing")
    if whole.broken_shards:
        parts.append(
            f"{whole.broken_shards:,} of {count_word(whole.shards, 'account-Region')} "
            f"{'was' if whole.broken_shards == 1 else 'were'} not fully read"
        )
    if whole.left_out:
        parts.append(f"{count_word(len(whole.left_out), 'operation')} {_is(len(whole.left_out))} left out")
    return ", ".join(parts)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def date_warning(manifest: Manifest) -> str:
    """Return that the evaluation time is before the recording; empty: it is not, or that is not recorded."""
    recorded = manifest.started_at
    if recorded is None or manifest.evaluated_as_of >= recorded:
        return ""
    as_of = instant(manifest.evaluated_as_of)
    return (
        f"The evidence was recorded on {instant(recorded)}, and evaluated as of {as_of}, which is earlier: "
        "ages and deadlines are computed for the earlier time."
    )

"""What to do about a finding: its own advice, or the remediation of its control.

The remediation applies to failures. An unknown finding needs the missing read, which only the finding names.
"""

from typing import Final

from scanner.model.control import Control
from scanner.model.finding import Finding, Status, ToDo

_FAILED: Final = (Status.FAIL, Status.WAIVED)


def to_do(finding: Finding, control: Control | None) -> ToDo | None:
    """Return what to do about a finding; None: nothing, or it is unknown."""
    if (own := finding.to_do) is not None:
        return own
    if control is None or finding.status not in _FAILED or not control.remediation.text.strip():
        return None
    return ToDo(control.remediation.text, control.remediation.cli)

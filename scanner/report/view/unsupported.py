"""What AWS Backup cannot back up, in the words of reports and as a document of `summary.json`."""

from collections.abc import Mapping
from typing import Any

from scanner.model.scan import UnsupportedKinds, UnsupportedResource
from scanner.report.wording import count_word

Document = dict[str, Any]


def unsupported_sentence(found: UnsupportedKinds | None) -> str:
    """Return the sentence of a summary; empty where there is no such resource, or where it is not known."""
    if found is None or not found.number:
        return ""
    one = found.number == 1
    subject = f"{count_word(found.number, 'resource')} {'is' if one else 'are'}"
    data = "its data" if one else "their data"
    return f"{subject} of a kind that AWS Backup cannot back up. Protect {data} in another way."


def unsupported_document(found: UnsupportedKinds | None) -> Document:
    """Return the key `not_backed_up` of a summary; none where it is not known."""
    if found is None:
        return {}
    return {
        "not_backed_up": {
            "number": found.number,
            "kinds": [{"kind": kind, "number": number} for kind, number in found.kinds],
            "resources": [
                {
                    "subject": each.subject,
                    "subject_type": each.subject_type,
                    "name": each.name,
                    "account": each.account,
                    "region": each.region,
                    "kind": each.kind,
                }
                for each in found.resources
            ],
            "left_out": found.number - len(found.resources),
        }
    }


def unsupported_of(summary: Mapping[str, Any]) -> UnsupportedKinds | None:
    """Read the key back. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("not_backed_up")
    if document is None:
        return None
    return UnsupportedKinds(
        number=document["number"],
        kinds=tuple((each["kind"], each["number"]) for each in document["kinds"]),
        resources=tuple(UnsupportedResource(**each) for each in document["resources"]),
    )

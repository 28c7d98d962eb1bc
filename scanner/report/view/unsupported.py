"""The resources that AWS Backup cannot back up: a sentence for reports, and a document for summary.json."""

from collections.abc import Mapping
from typing import Any

from scanner.model.scan import UnsupportedKinds, UnsupportedResource
from scanner.report.wording import count_word

Document = dict[str, Any]


def unsupported_sentence(unsupported: UnsupportedKinds | None) -> str:
    """Return the sentence of a summary; empty if there is no such resource, or if it is unknown."""
    if unsupported is None or not unsupported.number:
        return ""
    single = unsupported.number == 1
    subject = f"{count_word(unsupported.number, 'resource')} {'is' if single else 'are'}"
    data = "its data" if single else "their data"
    return f"{subject} of a kind that AWS Backup cannot back up. Protect {data} in another way."


def unsupported_document(unsupported: UnsupportedKinds | None) -> Document:
    """Return the key `not_backed_up` of a summary; empty if it is unknown."""
    if unsupported is None:
        return {}
    return {
        "not_backed_up": {
            "number": unsupported.number,
            "kinds": [{"kind": kind, "number": number} for kind, number in unsupported.kinds],
            "resources": [
                {
                    "subject": resource.subject,
                    "subject_type": resource.subject_type,
                    "name": resource.name,
                    "account": resource.account,
                    "region": resource.region,
                    "kind": resource.kind,
                }
                for resource in unsupported.resources
            ],
            "left_out": unsupported.number - len(unsupported.resources),
        }
    }


def unsupported_of(summary: Mapping[str, Any]) -> UnsupportedKinds | None:
    """Parse the key. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("not_backed_up")
    if document is None:
        return None
    return UnsupportedKinds(
        number=document["number"],
        kinds=tuple((entry["kind"], entry["number"]) for entry in document["kinds"]),
        resources=tuple(UnsupportedResource(**entry) for entry in document["resources"]),
    )

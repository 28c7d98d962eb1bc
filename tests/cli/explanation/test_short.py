"""What comes first: the root cause of most failures, else the worst failure, else that none failed."""

import io
from dataclasses import replace

from rich.console import Group

from scanner.cli.console import Console
from scanner.cli.explanation.short import causes_of, short
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, Verdict
from scanner.model.finding import Severity, Status
from scanner.model.root_causes import Blocker, CauseKind, RootCause

MARKS = dict.fromkeys(Verdict, "*")
SUBJECT = "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1"
LONG = "aws backup " + "--option value " * 30


def cause(kind: CauseKind, subject: str = "arn:aws:iam::111111111111:role/backup") -> RootCause:
    return RootCause(kind=kind, subject=subject, account="111111111111", region="eu-west-1")


def advice(control: str, status: Status = Status.FAIL, root: RootCause | None = None) -> Advice:
    return Advice(
        control=control,
        title=f"Title of {control}",
        status=status,
        severity=Severity.HIGH,
        subject=SUBJECT,
        reason="Reason.",
        text=f"Mend {control}.",
        cli=LONG.strip(),
        root_cause=root,
    )


def shown(*advised: Advice) -> str:
    explanation = Explanation(
        scan_id="s",
        as_of="2026-11-20T06:00:00Z",
        subject=SUBJECT,
        subject_type="EBS",
        account="111111111111",
        account_name="",
        region="eu-west-1",
        name="",
        root=Node(kind=NodeKind.RESOURCE, label="vol-1", verdict=Verdict.BROKEN),
        advice=advised,
    )
    text = io.StringIO()
    Console(file=text, width=80).print(Group(*short(explanation, MARKS)), crop=False)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def test_the_cause_of_most_failures_comes_first_with_its_own_remedy() -> None:
    role, rule = cause(CauseKind.ROLE_MISSING), cause(CauseKind.NO_COPY)
    caused = advice("b", root=role)
    first = replace(caused, control="a", blocked_by=Blocker("b", SUBJECT))
    text = shown(advice("c", root=rule), first, caused)
    assert text.startswith(
        "Root cause\n  Role backup does not exist (111111111111/eu-west-1): 2 of the 3 failures"
    )
    assert "To do: Mend b." in text
    assert "Also: rule " in text


def test_a_command_is_on_one_line() -> None:
    assert f"    {LONG.strip()}\n" in shown(advice("a"))


def test_without_a_cause_the_worst_failure_comes_first() -> None:
    assert shown(advice("a"), advice("b")).startswith("Mend first\n  Title of a: Reason.\n  To do: Mend a.")


def test_nothing_failed_and_what_is_unknown_is_counted() -> None:
    text = shown(advice("a", Status.UNKNOWN))
    assert text.startswith("No failed checks. 1 check could not be evaluated.\n")
    assert "unknown high  Title of a (a)" in text


def test_equal_findings_are_one_line_with_their_number() -> None:
    text = shown(*(advice("a") for _ in range(3)), *(advice(f"z{at}") for at in range(9)))
    assert "Title of a (a): 3 times" in text
    assert "and 2 more findings" in text


def test_causes_are_sorted_by_their_failures() -> None:
    role, rule = cause(CauseKind.ROLE_MISSING), cause(CauseKind.NO_COPY)
    ranked = causes_of([advice("a", root=role), advice("b", root=rule), advice("c", root=rule), advice("d")])
    assert [(found.kind, len(failures)) for found, failures in ranked] == [
        (CauseKind.NO_COPY, 2),
        (CauseKind.ROLE_MISSING, 1),
    ]

"""A rule within a chain: when it starts, how long it keeps, and whether it ever starts at all."""

from scanner.model.explanation import Verdict
from scanner.model.sentences import sentence
from scanner.report.explain.rows import Row, facts, members, number, ternary, text, texts
from scanner.report.words import days, hours


def standing(rule: Row) -> tuple[Verdict, str]:
    """Return whether a rule makes backups at all, by its row; without a row nothing speaks against it."""
    if ternary(rule, "schedule_valid") is False:
        because = sentence(text(rule, "schedule_reason"))
        return Verdict.BROKEN, f"{text(rule, 'schedule')} is not an AWS cron expression. {because}".rstrip()
    if "schedule_valid" in rule and ternary(rule, "schedule_valid") is None:
        because = sentence(text(rule, "schedule_reason"))
        return (
            Verdict.UNKNOWN,
            f"It is not known whether {text(rule, 'schedule')} ever starts. {because}".rstrip(),
        )
    if ternary(rule, "starts_within_a_year") is False:
        because = sentence(text(rule, "schedule_reason"))
        return Verdict.BROKEN, f"It does not start within a year. {because}".rstrip()
    return Verdict.HOLDS, ""


def rule_facts(row: Row) -> tuple[tuple[str, str], ...]:
    """Tell a rule's terms: of its own row, or of the terms that a resource's row repeats."""
    schedule = " ".join(filter(None, (text(row, "schedule"), text(row, "timezone"))))
    wait = number(row, "max_gap_hours")
    return facts(
        ("starts", schedule),
        ("longest wait", hours(wait) if wait is not None else ""),
        ("next start", text(row, "next_start")),
        ("must start within", _minutes(row, "start_window_minutes")),
        ("must complete within", _minutes(row, "completion_window_minutes")),
        ("keeps", days(row["retention_days"]) if "retention_days" in row else ""),
        (
            "moves to cold storage",
            f"after {days(row.get('cold_after_days'))}" if row.get("moves_to_cold") else "",
        ),
        ("kind", "continuous" if row.get("continuous") is True else ""),
        ("indexes for search", ", ".join(texts(row.get("index_types"))[0])),
        ("scans for malware", ", ".join(map(_scan, members(row.get("scan_actions"))[0]))),
        ("tags on recovery points", ", ".join(map(_tag, members(row.get("recovery_point_tags"))[0]))),
    )


def _minutes(row: Row, column: str) -> str:
    """Return a window in hours; empty where the rule does not set it."""
    minutes = number(row, column)
    return hours(minutes / 60) if minutes else ""


def _scan(scan: Row) -> str:
    return f"{text(scan, 'scanner')} ({text(scan, 'mode')})"


def _tag(tag: Row) -> str:
    return f"{text(tag, 'key')}={text(tag, 'value')}"

"""The notes on the backups of a resource: what they contain and leave out, full or incremental."""

from scanner.protection.backup_content import CONTAINS, INCREMENTAL
from scanner.report.explain.rows import Row, facts, text, texts


def backup_facts(row: Row) -> tuple[tuple[str, str], ...]:
    """Return the notes on the backups of a resource; none where no control applies to it."""
    if text(row, "not_applicable_because"):
        return ()
    return facts(
        ("a backup contains", CONTAINS.get(text(row, "subject_type"), "")),
        ("backups left incomplete", "; ".join(texts(row.get("left_out"))[0])),
        ("full or incremental", INCREMENTAL.get(text(row, "incremental"), "")),
    )

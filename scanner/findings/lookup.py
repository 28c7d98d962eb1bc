"""The filed findings of a few subjects."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from scanner.findings.filed import TABLE, Filed, literal
from scanner.model.finding import Finding


def findings_of(filed: Filed, subjects: Collection[str]) -> list[Finding]:
    """Return the findings of subjects in filing order, without the texts that are not filed.

    The files of the accounts in the subjects are read first. A subject belongs to one account, so other files
    are read only for subjects without a finding there, such as ARNs without an account.
    """
    named = _accounts(subjects)
    own = tuple(file for file in filed.files if file.stem in named)
    findings = _read(filed, own, subjects)
    missing = set(subjects) - {finding.subject for finding in findings}
    others = tuple(file for file in filed.files if file not in own)
    return sorted([*findings, *_read(filed, others, missing)], key=lambda finding: finding.order)


def _accounts(subjects: Collection[str]) -> set[str]:
    """Return the accounts in ARNs and in the subjects of accounts (`aws:account:ID`)."""
    return {part for subject in subjects for part in _parts(subject) if part.isdecimal()}


def _parts(subject: str) -> Iterator[str]:
    if subject.startswith("arn:"):
        yield from subject.split(":")[4:5]
    elif subject.startswith("aws:"):
        yield from (part.partition("/")[0] for part in subject.split(":")[2:3])


def _read(filed: Filed, files: Sequence[Path], subjects: Collection[str]) -> list[Finding]:
    if not files or not subjects:
        return []
    some = Filed(files, filed.controls.values())
    listed = ", ".join(
        map(literal, sorted(subjects))
    )  # constants, which DuckDB compares with the file's statistics
    with some.database() as connection:
        return some.chosen(connection, f"SELECT * FROM {TABLE} WHERE subject IN ({listed})")  # nosec B608 # noqa: S608 -- as literals

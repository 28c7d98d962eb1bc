"""The sample of an audit: anyone can draw it again, and no one can choose it."""

import hashlib
from dataclasses import replace

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report.view.sample import JUDGED, SIZE, sample
from scanner.report.view.view import build


def finding(number: int, status: Status) -> Finding:
    return Finding(
        control="c",
        status=status,
        severity=Severity.LOW,
        subject=f"s{number}",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
    )


@given(st.lists(st.sampled_from(Status), max_size=40), st.integers(1, 8), st.text("0123456789abcdef"))
def test_it_is_those_whose_checksum_with_the_seed_is_least(
    statuses: list[Status], size: int, seed: str
) -> None:
    findings = [finding(number, status) for number, status in enumerate(statuses)]
    judged = [each for each in findings if each.status in JUDGED]
    judged.sort(key=lambda each: hashlib.sha256((seed + each.fingerprint).encode()).hexdigest())
    drawn = sample(findings, seed, size)
    assert drawn.findings == tuple(judged[:size])
    assert drawn.of == len(judged)
    assert sample(reversed(findings), seed, size).findings == drawn.findings


def test_the_seed_is_the_checksum_of_the_findings(scan: Scan) -> None:
    assert build(scan).sample.seed == "cd" * 32
    unnamed = build(replace(scan, manifest=replace(scan.manifest, files={}))).sample
    assert len(unnamed.seed) == 64
    assert unnamed.seed.isalnum()


def test_the_query_that_stands_beside_it_draws_it_again(scan: Scan) -> None:
    drawn = build(scan).sample
    assert 0 < len(drawn.findings) <= SIZE
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE findings (status TEXT, control TEXT, subject TEXT, fingerprint TEXT)"
        )
        rows = [(each.status, each.control, each.subject, each.fingerprint) for each in scan.findings]
        connection.executemany("INSERT INTO findings VALUES (?, ?, ?, ?)", rows)
        again = connection.execute(drawn.query).fetchall()
    assert again == [(each.status, each.control, each.subject) for each in drawn.findings]

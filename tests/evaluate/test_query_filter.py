"""Whether a query can return passes: only what is plain to see counts as a filter."""

import pytest

from scanner.evaluate.language.tree import parse_query
from scanner.evaluate.query import excludes
from scanner.findings.schema import WITHOUT_TEXTS

FILTERED = (
    "SELECT reason FROM findings WHERE status = 'fail'",
    "SELECT reason FROM Findings WHERE 'fail' = STATUS AND account = '1'",
    "SELECT reason FROM findings WHERE status IN ('fail', 'unknown') AND (status = 'fail' OR region = 'x')",
    "SELECT f.reason FROM findings f JOIN vault v ON v.subject = f.subject WHERE f.status = 'waived'",
    "SELECT f.reason FROM findings f, findings g WHERE f.status = 'fail' AND g.status = 'error'",
    "SELECT (SELECT max(reason) FROM findings WHERE status = 'fail')",
    "SELECT reason FROM findings WHERE status = NULL",
    "FROM findings WHERE status = 'fail' UNION FROM findings WHERE status = 'error'",
    "SELECT name FROM vault",
)
UNFILTERED = (
    "SELECT reason FROM findings",
    "SELECT reason FROM findings WHERE status = 'pass'",
    "SELECT reason FROM findings WHERE status IN ('fail', 'not_applicable')",
    "SELECT reason FROM findings WHERE status <> 'pass'",
    "SELECT reason FROM findings WHERE NOT status = 'fail'",
    "SELECT reason FROM findings WHERE status = 'fail' OR status = 'error'",
    "SELECT reason FROM findings WHERE status = lower('FAIL')",
    "SELECT reason FROM findings WHERE status = severity",
    "SELECT reason FROM findings WHERE lower(status) = 'fail'",
    "SELECT reason FROM findings GROUP BY ALL HAVING max(status) = 'fail'",
    "SELECT f.reason FROM findings f, vault v WHERE status = 'fail'",
    "SELECT f.reason FROM findings f, findings g WHERE g.status = 'fail'",
    "SELECT f.reason FROM findings f LEFT JOIN vault v USING (subject) WHERE f.status = 'fail'",
    "SELECT reason FROM findings AS f(status) WHERE status = 'fail'",
    "SELECT reason FROM (FROM findings) AS findings WHERE status = 'fail'",
    "SELECT reason FROM findings WHERE status = 'fail' UNION SELECT reason FROM findings",
    "SELECT reason FROM findings f WHERE findings.status = 'fail'",
    "SUMMARIZE findings",
)


@pytest.mark.parametrize("sql", FILTERED)
def test_a_filter_by_status_excludes_passes(sql: str) -> None:
    assert excludes(parse_query(sql), "findings", WITHOUT_TEXTS)


@pytest.mark.parametrize("sql", UNFILTERED)
def test_everything_else_may_return_passes(sql: str) -> None:
    assert not excludes(parse_query(sql), "findings", WITHOUT_TEXTS)

"""What an expression may say, and what is refused, why, and with which hint."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.database import bound_types
from scanner.evaluate.language.expression import Expression, Vocabulary, check, parameter_type
from scanner.evaluate.problem import RefusedError
from scanner.storage.parquet import arrow_schema

PARAMETERS = {"max_age_hours": 24, "regions": (), "mode": "governance", "strict": True}
DECIDES = Vocabulary(arrow_schema("resource"), PARAMETERS)
TELLS = Vocabulary(arrow_schema("resource"), PARAMETERS, decides=False)


def refusal(text: str, vocabulary: Vocabulary = DECIDES) -> str:
    with pytest.raises(RefusedError) as refused:
        check(text, vocabulary)
    return "; ".join(f"{problem.message} ({problem.hint})" for problem in refused.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        "covered",
        "NOT covered AND (encrypted OR versioned)",
        "state = 'available' OR state <> 'x'",
        "newest_recovery_point.age_hours <= $max_age_hours",
        "newest_recovery_point.age_hours BETWEEN 1 AND 2.5",
        "capability IN ('EBS', 'EC2') AND capability NOT IN ('S3')",
        "any_of([c.cross_region AND c.effective for c in copies])",
        "any_of(list_transform(copies, lambda c: c.effective))",
        "all_of([any_of([t.value = r.name for t in tags]) for r in rules])",
        "any_of([len($regions) = 0 OR one_of(c.destination_region, $regions) for c in copies])",
        "len(rules) > 0 AND max_of([r.retention_days for r in rules]) >= 35",
        "lower(name) LIKE 'a%' AND name NOT LIKE '%b' AND name LIKE 'x!%' ESCAPE '!'",
        "matches_arn(subject, 'arn:*')",
        "days_since(created_at) < 3 AND round(days_since(created_at) * 24, 1) // 2 > 1",
        "CAST(created_at AS DATE) < CAST('2026-01-01' AS DATE)",
        "name || 'x' = state -- a comment",
        "\"name\" = 'a''b'",
        "any_of([true, covered])",
        "contains(name, 'x')",
    ],
)
def test_this_may_be_said(text: str) -> None:
    expression = check(text, DECIDES)
    values = {name: PARAMETERS[name] for name in expression.parameters}
    assert bound_types("resource", [expression.sql], values) == ("BOOLEAN",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("coalesce(covered, true)", "coalesce puts a value"),
        ("ifnull(covered, true)", "in the place of what is not known"),
        ("CASE WHEN covered THEN true ELSE false END", "CASE takes NULL for false"),
        ("covered IS NULL", "IS NULL gives an answer where there is none"),
        ("covered ISNULL", "IS NULL gives an answer"),
        ("covered IS NOT NULL", "IS NOT NULL gives an answer"),
        ("covered IS TRUE", "take NULL for a value"),
        ("covered IS NOT FALSE", "take NULL for a value"),
        ("covered IS DISTINCT FROM true", "take NULL for a value"),
        ("covered IS NOT DISTINCT FROM true", "take NULL for a value"),
        ("greatest(1, 2) = 2", "use max_of"),
        ("least(1, 2) = 2", "use min_of"),
        ("concat('a', name) = 'a'", "use ||"),
        ("concat_ws('a', name) = 'a'", "use ||"),
        ("if(covered, true, false)", "if takes NULL for false"),
        ("list_bool_or([c.effective for c in copies])", "drop what is not known"),
        ("list_aggregate([1], 'sum') = 1", "drop what is not known"),
        ("list_contains($regions, 'a')", "drop what is not known"),
        ("contains($regions, 'a')", "one_of(value, list)"),
        ("capability IN $regions", "one_of(value, list)"),
        ("capability NOT IN $regions", "one_of(value, list)"),
        (
            "any_of([c.effective for c in copies if c.cross_region])",
            "move the condition into the comprehension",
        ),
        ("len([r for r in rules]) = 0", "is not one value"),
        ("any_of(list_transform(copies, c -> c.effective))", "arrow"),
        ("any_of([c.effective for c, i in copies])", "one variable"),
        ("any_of([name.effective for name in copies])", "hides the column"),
        ("any_of([c.effective for c in name])", "name is no list"),
        ("(SELECT true)", "a subquery reaches beyond the row"),
        ("EXISTS (SELECT 1)", "a subquery"),
        ("covered = ANY([true])", "a subquery"),
        ("covered IN (SELECT true)", "a subquery"),
        ("*", "a star is no column"),
        ("COLUMNS('a.*')", "a star is no column"),
        ("#1", "name the column"),
        ("count(*) OVER () > 1", "not part of the control language"),
        ("max(covered)", "did you mean max_of"),
        ("sum(1) FILTER (WHERE covered) > 1", "only plain calls"),
        ("unnest(rules)", "several rows"),
        ("rules[1] = 1", "index"),
        ("rules[1:2] = 1", "slice"),
        ("rules = copies", "is a list, and this place takes one value"),
        ("newest_recovery_point = newest_recovery_point", "name a field of it: exists"),
        ("(covered, covered) = (true, true)", "compare the values one by one"),
        ("{'a': covered} = {'a': true}", "compare the fields one by one"),
        ("state = NULL", "NULL is what is not known"),
        ("state = nullif(name, 'x')", "not part of the control language"),
        ("TRY_CAST(state AS INTEGER) = 1", "use CAST"),
        ("CAST(state AS JSON) = '1'", "casts go to"),
        ("CAST(created_at AS TIMESTAMP) = CAST(name AS TIMESTAMP)", "casts go to"),
        ("name COLLATE nocase = 'A'", "use lower"),
        ("now() > created_at", "days_since"),
        ("random() > 0.5", "the same every time"),
        ("current_date > created_at", "there is no column 'current_date'"),
        ("read_text('/etc/passwd') = ''", "reads no file"),
        ("getenv('HOME') = ''", "no file and no setting"),
        ("getvariable('x') = ''", "not part of the control language"),
        ("main.any_of([true])", "only plain calls"),
        ("name.lower() = 'a'", "only plain calls"),
        ("DEFAULT", "DEFAULT has no meaning"),
        ("? = 1", "is not declared"),
        ("coverd", "did you mean covered or covered_by?"),
        ("any_of([c.efective for c in copies])", "did you mean effective?"),
        ("copies.effective", "write [c.effective for c in ...]"),
        ("name.x = 'a'", "it is a plain value"),
        ("newest_recovery_point.age_hours < $max_age", "did you mean max_age_hours?"),
        ("$regions = 'a'", "is a list"),
        ("state = 1", "a number is compared with a text"),
        ("newest_recovery_point.age_hours <= 'x'", "a number is compared with a text"),
        ("state IN ('a', 1)", "a number is compared with a text"),
        ("covered = $mode", "a boolean is compared with a text"),
        ("state AND covered", "a text is used as a condition"),
        ("NOT name", "a text is used as a condition"),
        ("", "the expression is empty"),
        ("covered AND", "syntax error"),
        ("'", "unterminated"),
        ("covered; DROP TABLE x", "syntax error"),
        ("true); DROP TABLE x; SELECT (true", "more than one expression"),
        ("true) FROM read_csv('x') WHERE (true", "more than one expression"),
        ("true), (true", "more than one expression"),
        ("true) UNION SELECT (true", "more than one expression"),
        ("true) AS x, (true", "more than one expression"),
        ("true) ORDER BY (1", "more than one expression"),
    ],
)
def test_this_is_refused_with_a_reason(text: str, why: str) -> None:
    assert why in refusal(text)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = refusal("coverd AND any_of([c.efective for c in copies]) AND $maximum AND greatest(1, 2) = 1")
    assert all(word in told for word in ("'coverd'", "'efective'", "$maximum", "max_of"))


@pytest.mark.parametrize(
    "text",
    [
        "covered AND " * 100_000 + "covered",
        "(" * 4_000 + "covered" + ")" * 4_000,
        "NOT " * 2_000 + "covered",
        "[" * 3_000 + "]" * 3_000,
        "lower(" * 200 + "name" + ")" * 200,
    ],
)
def test_what_is_too_long_or_too_deep_is_refused_at_once(text: str) -> None:
    assert refusal(text)


def test_a_million_characters_are_not_even_parsed() -> None:
    assert "1,000,000 characters" in refusal("x" * 1_000_000)


def test_columns_and_parameters_are_noted() -> None:
    expression = check(
        "any_of([c.age_hours <= $max_age_hours for c in newest_recovery_points]) AND covered", DECIDES
    )
    assert expression.columns == {"newest_recovery_points", "covered"}
    assert expression.parameters == {"max_age_hours"}


def test_a_row_that_may_be_missing_is_not_counted_for_what_holds_of_every_row() -> None:
    assert "CASE" in check("any_of([c.effective OR true for c in copies])", DECIDES).sql


@pytest.mark.parametrize(
    "text",
    [
        "coalesce(name, 'x')",
        "CASE WHEN covered THEN 'x' ELSE 'y' END",
        "names([r.name for r in rules if r.continuous])",
        "len([c for c in copies if c.effective IS NULL])",
        "tags",
        "$regions",
        "list_sort(list_distinct(flatten([[r.name] for r in rules])))",
    ],
)
def test_texts_may_say_more(text: str) -> None:
    assert isinstance(check(text, TELLS), Expression)


@pytest.mark.parametrize(
    "text", ["(SELECT 1)", "read_text('x')", "*", "coverd", "$unknown", "rules[1].x", "max(name)"]
)
def test_but_not_everything(text: str) -> None:
    assert refusal(text, TELLS)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="covered ()[]{}'\"$?.,;*-+/=<>|&:#ANDORTcfrin\n\\", max_size=40))
def test_whatever_is_written_is_checked_or_refused(text: str) -> None:
    with suppress(RefusedError):
        assert check(text, DECIDES).sql


@pytest.mark.parametrize(
    ("default", "sql_type"),
    [
        (1, "DOUBLE"),
        (1.5, "DOUBLE"),
        (True, "BOOLEAN"),
        ("x", "VARCHAR"),
        ((), "VARCHAR[]"),
        ((1,), "DOUBLE[]"),
    ],
)
def test_parameters_have_the_type_of_their_default(default: object, sql_type: str) -> None:
    assert parameter_type(default) == sql_type

"""The SQL macros that controls are written with. Each keeps the third value: NULL is "not known".

DuckDB's own list functions drop NULLs (`list_bool_or([false, NULL])` is false), so lists are read through
these alone (catalogue, ruling 2): the known members decide where they can, else the answer is NULL.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Macro:
    """A function of the control language: how it is called, what it means, and its SQL."""

    name: str
    arguments: tuple[str, ...]
    doc: str
    sql: str
    lists: frozenset[int] = frozenset()  # positions of the arguments that are lists

    @property
    def definition(self) -> str:
        """The statement that makes the macro."""
        return f"CREATE MACRO {self.name}({', '.join(self.arguments)}) AS ({self.sql})"


def _once(
    name: str, arguments: tuple[str, ...], doc: str, sql: str, lists: frozenset[int] = frozenset()
) -> Macro:
    """Make a macro that evaluates its first argument once.

    DuckDB puts the argument in every place of the body: calls within calls grow without end.
    """
    variable = f"{name}_once"
    body = re.sub(rf"('[^']*')|\b{arguments[0]}\b", lambda match: match[1] or variable, sql)
    return Macro(
        name, arguments, doc, f"list_transform([{arguments[0]}], lambda {variable}: {body})[1]", lists
    )


# True when every member of the list is known: list_count leaves NULLs out.
_COMPLETE: Final = "len(list) = list_count(list)"
_INFINITY: Final = "CAST('inf' AS DOUBLE)"
# The members as numbers; a text like 'nan' is none, and the list is then as incomplete as with a NULL.
_NUMBERS: Final = "list_transform(CAST(list AS DOUBLE[]), lambda member: finite(member))"
_ALL_NUMBERS: Final = f"len(list) = list_count({_NUMBERS})"
_FIRST: Final = frozenset({0})

VERDICT_MACROS: Final = (
    Macro(
        "any_of",
        ("list",),
        "True when a member is true; else NULL when a member is not known; else false. Of []: false.",
        # A true member decides, whatever the unknown ones are; without one, unknown members leave it open.
        f"list_contains(list, true) OR CASE WHEN {_COMPLETE} THEN false END",
        _FIRST,
    ),
    Macro(
        "all_of",
        ("list",),
        "False when a member is false; else NULL when a member is not known; else true. Of []: true.",
        # The mirror image of any_of: a false member decides.
        f"NOT list_contains(list, false) AND CASE WHEN {_COMPLETE} THEN true END",
        _FIRST,
    ),
    Macro(
        "count_of",
        ("list",),
        "How many members are true; NULL when a member is not known.",
        f"CASE WHEN {_COMPLETE} THEN len(list_filter(list, lambda member: member)) END",
        _FIRST,
    ),
    Macro(
        "min_of",
        ("list",),
        "The smallest number; NULL when a member is not known. Of []: infinity, above every limit.",
        # The appended infinity makes the answer for an empty list, and loses against any real member.
        f"CASE WHEN {_ALL_NUMBERS} THEN list_min(list_append(CAST(list AS DOUBLE[]), {_INFINITY})) END",
        _FIRST,
    ),
    Macro(
        "max_of",
        ("list",),
        "The largest number; NULL when a member is not known. Of []: minus infinity, below every limit.",
        f"CASE WHEN {_ALL_NUMBERS} THEN list_max(list_append(CAST(list AS DOUBLE[]), -{_INFINITY})) END",
        _FIRST,
    ),
    Macro(
        "known_length",
        ("list",),
        "How many members there are (written `len(list)`); NULL when the list may be incomplete.",
        f"CASE WHEN {_COMPLETE} THEN len(list) END",
        _FIRST,
    ),
    Macro(
        "one_of",
        ("value", "list"),
        "Whether the value is a member; NULL when it is none of the known ones and one is not known.",
        f"CASE WHEN len(list) = 0 THEN false ELSE list_contains(list, value) "
        # `value = value` is NULL for a NULL value, which may or may not be a member.
        f"OR CASE WHEN {_COMPLETE} AND value = value THEN false END END",
        frozenset({1}),
    ),
    Macro(
        "matches_arn",
        ("arn", "pattern"),
        "Whether the whole ARN fits the pattern: `*` is any text, `?` one character other than `*` (an ARN "
        "that is a pattern itself is not narrowed by it); case counts.",
        # Escaped first, so that only `*` and `?` of the pattern have a meaning.
        r"regexp_full_match(arn, replace(replace(regexp_escape(pattern), '\*', '.*'), '\?', '[^*]'), 's')",
    ),
    Macro(
        "days_since",
        ("moment",),
        "Days from an ISO 8601 time to the clock of the evaluation; 0 for a later one, NULL for no time.",
        "hours_between(moment, evaluation_time()) / 24",
    ),
    Macro(
        "hours_between",
        ("earlier", "later"),
        "Hours from one ISO 8601 time to another; 0 where the second is not later, NULL for no time.",
        # TRY_CAST: a text that is no time gives NULL, not an error of the whole control.
        "CASE WHEN NOT (isfinite(TRY_CAST(later AS TIMESTAMPTZ)) "
        "AND isfinite(TRY_CAST(earlier AS TIMESTAMPTZ))) THEN NULL "
        "WHEN TRY_CAST(later AS TIMESTAMPTZ) <= TRY_CAST(earlier AS TIMESTAMPTZ) THEN 0.0 ELSE "
        "(epoch(TRY_CAST(later AS TIMESTAMPTZ)) - epoch(TRY_CAST(earlier AS TIMESTAMPTZ))) / 3600 END",
    ),
)
"""What `population` and `require` may call, besides the whitelisted functions of DuckDB."""

REASON_MACROS: Final = (
    _once(
        "days",
        ("number",),
        "'35 days', '1 day', 'for ever' for 999999 and more, 'an unknown number of days'.",
        "CASE WHEN number IS NULL THEN 'an unknown number of days' WHEN number >= 999999 THEN 'for ever' "
        "WHEN number = 1 THEN '1 day' ELSE shown_number(number) || ' days' END",
    ),
    _once(
        "for_days",
        ("number",),
        "'for 35 days', 'for 1 day', 'for ever' for 999999 and more, 'for an unknown number of days'.",
        "CASE WHEN number >= 999999 THEN 'for ever' ELSE 'for ' || days(number) END",
    ),
    _once(
        "hours",
        ("number",),
        "'52 hours', '1 hour', 'never' for 999999 and more, 'an unknown number of hours'.",
        "CASE WHEN number IS NULL THEN 'an unknown number of hours' WHEN number >= 999999 THEN 'never' "
        "WHEN number = 1 THEN '1 hour' ELSE shown_number(number) || ' hours' END",
    ),
    _once(
        "counted",
        ("number", "noun"),
        "'3 rules', '1 rule', 'an unknown number of rules': counted(len(rules), 'rule').",
        "CASE WHEN number IS NULL THEN 'an unknown number of ' || noun || 's' "
        "WHEN number = 1 THEN '1 ' || noun ELSE shown_number(number) || ' ' || noun || 's' END",
    ),
    _once(
        "short_name",
        ("arn",),
        "The last part of an ARN: a vault's or a role's own name.",
        "regexp_extract(arn, '([^:]*)$', 1)",
    ),
    _once(
        "sentences",
        ("list",),
        "Sentences as one text, each once and at most five; empty where there is none.",
        "coalesce(array_to_string(list_sort(list_distinct(list))[:5], ' '), '')",
        _FIRST,
    ),
    _once(
        "names",
        ("list",),
        "A list of texts as one: 'a, b, c', at most five of them; no text twice.",
        "CASE WHEN list IS NULL THEN 'unknown' ELSE "
        "array_to_string(list_sort(list_distinct(list))[:5], ', ') "
        "|| CASE WHEN len(list_distinct(list)) > 5 THEN "
        "' and ' || CAST(len(list_distinct(list)) - 5 AS VARCHAR) || ' more' ELSE '' END "
        "|| CASE WHEN len(list) > list_count(list) THEN ' and perhaps others' ELSE '' END END",
        _FIRST,
    ),
)
"""What reasons may call, too. They are for people and decide nothing."""

# Two decimals at most; a whole number without any.
_SHOWN_NUMBER: Final = _once(
    "shown_number",
    ("number",),
    "",
    "CASE WHEN abs(number) = CAST('inf' AS DOUBLE) THEN 'none' "
    "ELSE regexp_replace(printf('%.2f', CAST(number AS DOUBLE)), '\\.?0+$', '') END",
)
# An overflow or a text like 'nan' gives no number, and 'infinity' no date: what rests on it is not known.
_FINITE: Final = _once("finite", ("number",), "", "CASE WHEN isfinite(number) THEN number END")
_SHOWN_MOMENT: Final = _once(
    "shown_moment",
    ("moment",),
    "",
    "CASE WHEN regexp_matches(moment, '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d[0-9:.]*(Z|\\+00:00)$') "
    "THEN moment[1:10] || ' ' || moment[12:16] || ' UTC' ELSE moment END",
)


# Reversed, because the verdict macros are defined after those that they call.
ALL_MACROS: Final = (_FINITE, *reversed(VERDICT_MACROS), _SHOWN_NUMBER, _SHOWN_MOMENT, *REASON_MACROS)
"""All macros; a macro comes after those that it calls."""


def macro_statements(as_of: datetime) -> tuple[str, ...]:
    """Return the statements that create all macros; `as_of`: the clock of the evaluation (aware)."""
    clock = as_of.astimezone(UTC).isoformat(sep=" ")
    now = f"CREATE MACRO evaluation_time() AS (TIMESTAMPTZ '{clock}')"
    # Else a time without an offset would be read in the machine's time zone.
    return (
        "SET TimeZone = 'UTC'",
        # A division by zero is NULL, then, also in `audit query`.
        "SET error_on_division_by_zero = false",
        "SET ieee_floating_point_ops = false",
        now,
        *(macro.definition for macro in ALL_MACROS),
    )

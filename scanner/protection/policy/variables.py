"""Policy variables: `${aws:PrincipalAccount}` in a condition, replaced where its value is known.

Only documents of Version 2012-10-17 have them; in older ones, and in those without a Version, the text is
meant literally. Source: IAM User Guide, "Policy variables", "Version".
"""

from collections.abc import Mapping
from dataclasses import replace

from scanner.protection.policy.document import Clause
from scanner.protection.policy.domains import Domain
from scanner.protection.policy.match import has_wildcard

_OPEN = "${"
# No real value has more of them; a longer one is left open.
_MOST_VARIABLES = 8


def resolved(clause: Clause, domains: Mapping[str, Domain]) -> Clause:
    """Give the clause with the variables replaced that have one known value; the others stay."""
    if clause.literal or not any(_OPEN in value for value in clause.values):
        return clause
    return replace(clause, values=tuple(_filled(value, domains) for value in clause.values))


def _filled(value: str, domains: Mapping[str, Domain]) -> str:
    """Replace each variable by its value; a value with wildcards or a default stays as it is."""
    if value.count(_OPEN) > _MOST_VARIABLES:
        return value
    head, *rest = value.split(_OPEN)
    parts = [head]
    for piece in rest:
        name, closing, tail = piece.partition("}")
        known = _value(domains.get(name.strip().lower())) if closing else None
        parts.append(f"{_OPEN}{piece}" if known is None else known + tail)
    return "".join(parts)


def _value(domain: Domain | None) -> str | None:
    if domain is None or domain.present is not True or len(domain.members) != 1:
        return None
    cells = domain.members[0]
    return cells[0] if len(cells) == 1 and not has_wildcard(cells[0]) else None

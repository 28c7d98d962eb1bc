"""Scans to share with outsiders: each name is replaced by a pseudonym, the same one everywhere in the scan.

vocabulary   the program's own words, which stay
pseudonyms   one name, account, ARN or sentence -> its pseudonym; pure functions of the text and a key
values       a value of the facts, by the name of its column
scan         a whole scan, its findings and resources as they stream by; the tree of `audit explain`

Formats treat a redacted scan like any other. Everything except the program's own words, its numbers and
dates, Regions and AWS types counts as a name: a kind of value that was not thought of is redacted, not shown.
Numbers and dates that are names (of a table, a tag, an owner) are redacted wherever they occur.
"""

from scanner.report.redact.pseudonyms import Pseudonyms, new_key
from scanner.report.redact.scan import redacted, redacted_explanation

__all__ = ["Pseudonyms", "new_key", "redacted", "redacted_explanation"]

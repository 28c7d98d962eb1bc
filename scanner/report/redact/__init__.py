"""Scans for sharing outside: every name is a pseudonym, the same one wherever the name stood.

vocabulary   the words of the program itself, which may stay
pseudonyms   one name, account, ARN or sentence -> its pseudonym; pure functions of the text and a key
values       a value of the facts, by the name of its column
scan         a whole scan, its findings and resources as they pass; explanation: what `audit explain` tells

Formats know nothing of this: they draw a redacted scan like any other. What is no word of the program's own,
no number, date, Region or AWS type is a name, so that what nobody thought of is redacted rather than shown.
"""

from scanner.report.redact.pseudonyms import Pseudonyms, new_key
from scanner.report.redact.scan import redacted, redacted_explanation

__all__ = ["Pseudonyms", "new_key", "redacted", "redacted_explanation"]

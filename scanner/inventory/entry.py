"""Whether an account could be entered at all: the role that a scan assumes there may be refused."""

from dataclasses import replace

from scanner.evidence.answers import Answers
from scanner.model.reading import ENTRY, Gap


def entry_refusal(*read: Answers) -> Gap | None:
    """Return the refusal of the account's role (about: its ARN), where that is why nothing was read.

    `read`: the answers of the place in question, then those of the account's global services, which count
    where the first ones are empty. A role that was refused once and assumed at another try, or another way
    in, hides nothing.
    """
    answers = next((each for each in read if each.operations), read[0])
    if len(answers.operations) != 1 or not answers.operations <= ENTRY:
        return None
    (operation,) = answers.operations
    refused = answers.every(operation)
    if any(answer.gap is None for answer in refused):
        return None
    last = refused[-1]
    role = last.parameters.get("RoleArn")
    return replace(last.gap, about=role if isinstance(role, str) else "") if last.gap else None

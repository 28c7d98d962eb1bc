"""IAM policies on vaults, keys and roles: parsed once, asked precise questions, three answers.

    document = parse(text)                      never raises; `readable`, `problem`, `exists`
    admits_account(document, …)  -> Answer      does it let an account as a whole do something?
    key_allows_account(document, …) -> Answer   … use a KMS key for all of these actions?
    admits_service(document, …)  -> Answer      … a service principal (a role's trust policy)?
    admits_outside(document, …)  -> Answer      does any Allow reach outside the organisation?
    outsiders(document, …)       -> Outsiders   … and whom?
    who_can(document, …)         -> Admission   which principals can do an action?
    denied_to_all(document, …)   -> Denial      is an action denied to everybody but some?

An explicit Deny wins, the default is deny, and what cannot be decided is None with the statement that
stopped it. Source: IAM User Guide, "Policy evaluation logic"; ruling 11 of the catalogue of controls.
Session policies, identity policies, permission boundaries and SCPs are no part of it.
"""

from scanner.protection.policy.actors import who_can
from scanner.protection.policy.admits import (
    FURTHER_KEY_ACTIONS,
    MINIMUM_KEY_ACTIONS,
    SOURCE_KEY_ACTIONS,
    admits_account,
    admits_service,
    key_allows_account,
)
from scanner.protection.policy.answers import Admission, Answer, Denial, Outsiders, Ternary, Undecided
from scanner.protection.policy.context_keys import Context
from scanner.protection.policy.denial import denied_to_all
from scanner.protection.policy.document import Document, parse
from scanner.protection.policy.external_access import admits_outside, outsiders

__all__ = [
    "FURTHER_KEY_ACTIONS",
    "MINIMUM_KEY_ACTIONS",
    "SOURCE_KEY_ACTIONS",
    "Admission",
    "Answer",
    "Context",
    "Denial",
    "Document",
    "Outsiders",
    "Ternary",
    "Undecided",
    "admits_account",
    "admits_outside",
    "admits_service",
    "denied_to_all",
    "key_allows_account",
    "outsiders",
    "parse",
    "who_can",
]

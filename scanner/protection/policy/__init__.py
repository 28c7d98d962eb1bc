"""Evaluation of IAM resource policies on vaults, keys and roles, with three-valued answers.

    document = parse(text)              never raises; see `readable`, `problem`, `exists`
    admits_account(document, …)         does it allow an account as a whole an action?
    key_allows_account(document, …)     does it allow an account all of these actions with a KMS key?
    admits_service(document, …)         does it allow a service principal an action (a role's trust policy)?
    admits_external_principals(…)       does any Allow admit a principal outside the organisation?
    external_principals(document, …)    which principals outside the organisation are admitted?
    who_can(document, …)                which principals can do an action?
    denied_to_all(document, …)          is an action denied to all principals except some?

An explicit Deny wins, and the default is deny. If the answer is None, the reason names the statement that
cannot be evaluated. Source: IAM User Guide, "Policy evaluation logic"; ruling 11 of the catalogue of
controls. Session policies, identity policies, permissions boundaries and SCPs are not evaluated.
"""

from scanner.model.known import Answer, Ternary
from scanner.protection.policy.actors import who_can
from scanner.protection.policy.admits import (
    FURTHER_KEY_ACTIONS,
    MINIMUM_KEY_ACTIONS,
    SOURCE_KEY_ACTIONS,
    admits_account,
    admits_service,
    key_allows_account,
)
from scanner.protection.policy.context_keys import Context
from scanner.protection.policy.denial import denied_to_all
from scanner.protection.policy.document import (
    Admission,
    Denial,
    Document,
    ExternalPrincipals,
    Undecided,
    parse,
)
from scanner.protection.policy.external_access import admits_external_principals, external_principals

__all__ = [
    "FURTHER_KEY_ACTIONS",
    "MINIMUM_KEY_ACTIONS",
    "SOURCE_KEY_ACTIONS",
    "Admission",
    "Answer",
    "Context",
    "Denial",
    "Document",
    "ExternalPrincipals",
    "Ternary",
    "Undecided",
    "admits_account",
    "admits_external_principals",
    "admits_service",
    "denied_to_all",
    "external_principals",
    "key_allows_account",
    "parse",
    "who_can",
]

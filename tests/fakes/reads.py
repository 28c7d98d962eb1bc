"""Which operations the parsers look up in a bundle."""

import sys
from collections.abc import Iterable
from typing import Any, cast

from scanner.evidence.answers import Answers
from scanner.evidence.bundle import Bundle
from scanner.inventory.shard import parse_shard
from scanner.services import catalogue
from scanner.services.organizations import parse_account, parse_governance, parse_organization


class Watched:
    """The answers of a shard, with a note of every operation that is looked up.

    A look-up by the catalogue does not count: it checks every required list, whether it is parsed or not.
    """

    def __init__(self, answers: Answers, operations: set[str]) -> None:
        self._answers = answers
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answers, name)

    def every(self, name: str) -> Any:
        self._note(name)
        return self._answers.every(name)

    def one(self, name: str, about: str = "", /, **parameters: str) -> Any:
        self._note(name)
        return self._answers.one(name, about, **parameters)

    def read(self, name: str, about: str = "", /, **parameters: str) -> Any:
        self._note(name)
        return self._answers.read(name, about, **parameters)

    def _note(self, name: str) -> None:
        if sys._getframe(2).f_globals["__name__"] != catalogue.__name__:
            self._operations.add(name)


def operations_read(bundles: Iterable[Bundle]) -> set[str]:
    """Parse everything in the bundles; return the operations that were looked up."""
    operations: set[str] = set()

    def watched(answers: Answers) -> Answers:
        return cast("Answers", Watched(answers, operations))

    for bundle in bundles:
        organization = watched(bundle.organization_answers())
        parse_organization(organization, bundle.manifest)
        parse_governance(organization)
        for shard, status in bundle.scope():
            account = watched(bundle.account_answers(shard.account))
            parse_shard(watched(bundle.answers(shard)), account, status)
            parse_account(account, organization)
    return operations

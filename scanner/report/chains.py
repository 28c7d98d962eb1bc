"""The chains of the resources that a report shows: from the fact tables, else from what findings tell."""

from collections.abc import Collection
from dataclasses import replace

from scanner.model.explanation import Node
from scanner.report.explain.facts import Facts
from scanner.report.explain.many import resource_chains
from scanner.report.view import ResourceView, View
from scanner.report.words import title
from scanner.storage.rows import StoredRows
from scanner.storage.table_files import NoTableError


class Chains:
    """The chains of a view's resources. What it learns of the files of the fact tables serves all calls.

    Only a population that is the scan's own table has the other tables: one that was changed on its way into
    the report (names replaced, say) must not be undone by reading the facts behind it.
    """

    def __init__(self, view: View) -> None:
        inventory = view.inventory
        has_facts = isinstance(inventory, StoredRows) and not view.notice
        self._facts = Facts(inventory.tables) if has_facts and isinstance(inventory, StoredRows) else None

    def of(self, resources: Collection[ResourceView]) -> dict[str, Node]:
        """Return the chains of resources by subject, from facts where there are some.

        Raises:
            BundleError: a table cannot be read.
        """
        nodes = self._from_facts([each.subject for each in resources])
        others = (each for each in resources if each.subject not in nodes)
        return nodes | {each.subject: _of_findings(each) for each in others if each.chain.told}

    def _from_facts(self, subjects: Collection[str]) -> dict[str, Node]:
        if self._facts is not None:
            try:
                return dict(resource_chains(self._facts, subjects))
            except NoTableError:  # the details of findings have less, and are there
                self._facts = None
        return {}


def _of_findings(resource: ResourceView) -> Node:
    root = resource.chain.root
    label = root.label or title(resource.subject, resource.name)
    return replace(root, label=label, subject=resource.subject)

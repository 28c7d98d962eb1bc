"""The chains of the resources that a report shows: from the fact tables, else from what findings tell."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from scanner.model.explanation import Node
from scanner.report.explain.many import resource_chains
from scanner.report.view import View
from scanner.report.words import title
from scanner.storage.rows import StoredRows
from scanner.storage.table_files import NoTableError


def chains(view: View, subjects: Collection[str]) -> Iterator[tuple[str, Node]]:
    """Give the chains of `subjects`, each once; of those that nothing tells of, none.

    Only a population that is the scan's own table has the other tables beside it: one that was changed on
    its way into the report (names replaced, say) must not be undone by reading the facts behind it.
    """
    told: set[str] = set()
    if isinstance(view.inventory, StoredRows) and not view.notice:
        try:
            for subject, node in resource_chains(view.inventory.tables, subjects):
                told.add(subject)
                yield subject, node
        except NoTableError:  # the details of findings tell less, and are there
            pass
    for each in view.resources:
        if each.subject in subjects and each.subject not in told and each.chain.told:
            root = each.chain.root
            label = root.label or title(each.subject, each.name)
            yield each.subject, replace(root, label=label, subject=each.subject)

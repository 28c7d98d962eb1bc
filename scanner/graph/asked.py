"""What one backup selection says of one resource, where it or the resource may not have been read."""

from scanner.graph.unlisted import STACK
from scanner.model.inventory import BackupSelection, Resource, SelectionTerms
from scanner.model.names import parse_arn
from scanner.model.reading import Known, Unread
from scanner.model.ternary import Answer
from scanner.protection.opt_in import OptIn
from scanner.protection.selection import could_select, selects
from scanner.protection.wildcards import wildcard


def selects_in_graph(selection: BackupSelection, resource: Resource, opt_in: OptIn) -> Answer:
    """Say whether a selection selects a resource; of a stack that was not listed only by its name."""
    if isinstance(selection.terms, Unread):
        return Answer(None, f"the backup selection {selection.name} was not read")
    if (
        resource.type == STACK
        and isinstance(resource.tags, Unread)
        and not names_stacks(selection.terms.value)
    ):
        return Answer(value=False, because="it names no stack")
    return selects(selection.terms.value, resource, opt_in)


def names_stacks(terms: SelectionTerms) -> bool:
    """Whether Resources names stacks. What selects all types selects the stack's resources themselves."""
    return any(arn and arn.service == "cloudformation" for arn in map(parse_arn, terms.resources))


def could_select_of(selection: BackupSelection, kind: tuple[str, str]) -> bool:
    """Whether a selection could select resources of a kind: the service and the prefix of their ARNs."""
    return isinstance(selection.terms, Unread) or could_select(selection.terms.value, *kind)


def excludes_any(selection: BackupSelection, arns: tuple[str, ...]) -> bool:
    """Whether NotResources names one of the ARNs."""
    terms = selection.terms
    entries = terms.value.not_resources if isinstance(terms, Known) else ()
    return any(wildcard(entry, arn) for entry in entries for arn in arns)


def may_name_stacks(selection: BackupSelection) -> bool:
    """Whether a selection names stacks, or was not read."""
    return isinstance(selection.terms, Unread) or names_stacks(selection.terms.value)

"""What one backup selection says of one resource, where it or the resource may not have been read."""

from collections.abc import Iterable

from scanner.graph.unlisted import STACK
from scanner.model.inventory import BackupSelection, Resource, SelectionTerms
from scanner.model.names import parse_arn
from scanner.model.reading import Gap, Known, Unread
from scanner.model.ternary import Answer, Ternary, any_of, negate
from scanner.protection.opt_in import OptIn
from scanner.protection.selection import could_select, reach_of, selects
from scanner.protection.tag_conditions import condition_holds, is_negative, wildcard


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


def leaves_out(selection: BackupSelection, inside: Iterable[Resource]) -> Ternary:
    """Whether the backup of a stack leaves something out that lies in it, or what that lies in.

    NotResources and the conditions with Not leave out (AWS Backup developer guide, "CloudFormation stack
    backups"; facts 3.4). None: tags that would say so were not read.
    """
    if isinstance(selection.terms, Unread):
        return False  # then nothing is known of the selection at all, and its own answer says so
    terms = selection.terms.value
    return any_of(_left_out(terms, resource) for resource in inside)


def _left_out(terms: SelectionTerms, resource: Resource) -> Ternary:
    if any(wildcard(entry, resource.arn) for entry in terms.not_resources):
        return True
    tags = resource.tags.value if isinstance(resource.tags, Known) else None
    return any_of(negate(condition_holds(one, tags)) for one in terms.conditions if is_negative(one))


def missing_read(selection: BackupSelection, resource: Resource, opt_in: OptIn) -> Gap | None:
    """Give the read without which it is not known whether a selection selects a resource."""
    if isinstance(selection.terms, Unread):
        return selection.terms.gap
    reach = reach_of(selection.terms.value, resource, opt_in)
    return None if reach is None else reach.gap(resource, opt_in)


def may_name_stacks(selection: BackupSelection) -> bool:
    """Whether a selection names stacks, or was not read."""
    return isinstance(selection.terms, Unread) or names_stacks(selection.terms.value)

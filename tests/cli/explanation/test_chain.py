"""A chain in a few lines: what holds gives way to what does not, and what is left out is counted."""

from scanner.cli.explanation.chain import left_out, short_chain
from scanner.model.explanation import Node, NodeKind, Verdict


def link(label: str, verdict: Verdict, because: str = "") -> Node:
    return Node(kind=NodeKind.LINK, label=label, verdict=verdict, because=because)


def labels(node: Node) -> list[str]:
    return [part.label for part in node.walk()]


def test_links_that_hold_are_left_out_and_counted() -> None:
    vault = Node(
        kind=NodeKind.VAULT,
        label="main",
        verdict=Verdict.HOLDS,
        children=(link("lock", Verdict.HOLDS), link("key", Verdict.BROKEN), link("policy", Verdict.UNKNOWN)),
    )
    root = Node(kind=NodeKind.RESOURCE, label="db", verdict=Verdict.HOLDS, children=(vault,))
    shown = short_chain(root)
    assert labels(shown) == ["db", "main", "key", "policy"]
    assert left_out(root, shown) == "1 intact"


def test_links_with_the_same_reason_are_one_and_count_as_many() -> None:
    links = tuple(link(name, Verdict.BROKEN, "No backup.") for name in ("region", "key", "vault"))
    root = Node(kind=NodeKind.RESOURCE, label="db", children=(*links, link("lock", Verdict.BROKEN, "None.")))
    shown = short_chain(root)
    assert labels(shown) == ["db", "region; key; vault", "lock"]
    assert left_out(root, shown) == ""


def test_a_group_stays_only_for_what_does_not_hold_in_it() -> None:
    groups = tuple(
        Node(kind=NodeKind.GROUP, label=verdict.value, children=(link("x", verdict),)) for verdict in Verdict
    )
    root = Node(kind=NodeKind.RESOURCE, label="db", children=groups)
    assert labels(short_chain(root)) == ["db", "broken", "x", "unknown", "x"]


def test_what_is_broken_is_shown_before_what_is_unknown_where_there_is_no_room() -> None:
    links = (link("a", Verdict.UNKNOWN), link("b", Verdict.BROKEN), link("c", Verdict.UNKNOWN))
    root = Node(kind=NodeKind.RESOURCE, label="db", verdict=Verdict.HOLDS, children=links)
    shown = short_chain(root, lines=2)
    assert labels(shown) == ["db", "b"]
    assert left_out(root, shown) == "2 unknown"


def test_a_copy_says_by_itself_why_it_is_broken() -> None:
    copy = Node(
        kind=NodeKind.COPY,
        label="dr",
        verdict=Verdict.BROKEN,
        because="There is no such vault.",
        children=(link("Destination exists", Verdict.BROKEN), link("Lock", Verdict.UNKNOWN)),
    )
    root = Node(kind=NodeKind.RULE, label="daily", verdict=Verdict.HOLDS, children=(copy,))
    shown = short_chain(root)
    assert labels(shown) == ["daily", "dr"]
    assert left_out(root, shown) == "1 broken, 1 unknown"


def test_a_long_chain_has_its_parents() -> None:
    node = link("last", Verdict.BROKEN)
    for number in range(5):
        node = Node(kind=NodeKind.LINK, label=f"{number}", verdict=Verdict.HOLDS, children=(node,))
    assert labels(short_chain(node))[-1] == "last"
    assert labels(short_chain(node, lines=3)) == ["4", "3", "2"]

"""`explain`: the chain of one subject of a judged scan, from its fact rows alone.

find   which row is meant           gather   the rows that it names         advice   what controls say of it
resource, structures, and what they are made of (selections, rules, vaults, copies, around): rows -> tree
document, svg   the tree as JSON and as a picture       evidence   the recorded answers it rests on
"""

from pathlib import Path

from scanner.errors import BundleError
from scanner.evidence.manifest import read_manifest, rfc3339
from scanner.evidence.scan_files import FACTS, FINDINGS, ScanFiles
from scanner.findings.schema import FOLDER
from scanner.model.explanation import Explanation, Node
from scanner.report.explain.advice import advice
from scanner.report.explain.facts import Facts
from scanner.report.explain.find import Found, find
from scanner.report.explain.queries import gather
from scanner.report.explain.resource import resource_node
from scanner.report.explain.rows import Related, text
from scanner.report.explain.structures import STRUCTURES

__all__ = ["explain", "tell"]


def explain(scan: Path, wanted: str) -> Explanation:
    """Explain what `wanted` names in a judged scan: an ARN, a name of findings, or a bare name or id.

    Raises:
        UsageError: nothing is called that, or several things are.
        BundleError: the folder holds no judged scan, or a file is not the one that its manifest names.
    """
    manifest = read_manifest(scan)
    if not (scan / FACTS).is_dir():
        raise BundleError(f"{scan} contains no evaluated scan: run audit evaluate first.")
    files = ScanFiles(scan, manifest)
    facts = Facts(files.facts)
    found = find(facts, wanted)
    root = tell(found, gather(facts, found))
    files.checked(*FINDINGS)
    told, owner = advice(scan, root, files.checked(FOLDER))
    account = text(found.row, "account")
    names = {each.id: each.name for each in manifest.accounts}
    return Explanation(
        scan_id=manifest.scan_id,
        as_of=rfc3339(manifest.evaluated_as_of) or "",
        subject=text(found.row, "subject"),
        subject_type=text(found.row, "subject_type"),
        account=account,
        account_name=next((name or "" for id_, name in names.items() if id_ == account), ""),
        region=text(found.row, "region"),
        name=text(found.row, "name"),
        root=root,
        advice=told,
        owner=owner,
    )


def tell(found: Found, related: Related) -> Node:
    """Make the tree of a subject from its row and those that it names."""
    teller = STRUCTURES.get(found.table, resource_node)
    return teller(found.row, related)

"""`audit explain`: how one subject of an evaluated scan is protected, as a tree built from its fact rows.

queries    finds the row of the subject, and reads the related rows
walks      the protection graph of these rows
resource, structures, with copies, vaults, around   build the tree: a walk of the graph
advice     the findings about it                    evidence   the recorded answers that support it
"""

from functools import partial
from pathlib import Path

from scanner.errors import BundleError
from scanner.evidence.manifest import read_manifest, rfc3339
from scanner.evidence.scan_files import FACTS, FINDINGS, INVENTORY, ScanFiles
from scanner.findings.schema import FOLDER
from scanner.model.explanation import Explanation, Node
from scanner.report.explain.advice import advice
from scanner.report.explain.queries import Facts, SubjectRow, find_subject, related_rows
from scanner.report.explain.resource import resource_node
from scanner.report.explain.rows import Related, text
from scanner.report.explain.structures import TREE_BUILDERS
from scanner.report.explain.walks import walked

__all__ = ["explain", "subject_tree"]


def explain(scan: Path, wanted: str) -> Explanation:
    """Explain the subject that `wanted` names in an evaluated scan: by ARN, subject of findings, name or id.

    Raises:
        UsageError: no subject or several match.
        BundleError: the folder contains no evaluated scan, or a file differs from the manifest's checksum.
    """
    manifest = read_manifest(scan)
    if not (scan / FACTS).is_dir():
        raise BundleError(f"{scan} contains no evaluated scan: run audit evaluate first.")
    files = ScanFiles(scan, manifest)
    facts = Facts(files.facts, partial(files.table, INVENTORY))
    subject = find_subject(facts, wanted)
    root = subject_tree(subject, related_rows(facts, subject))
    files.checked(*FINDINGS)
    files.check_report("summary.json")
    findings_advice, owner = advice(scan, root, files.checked(FOLDER))
    account = text(subject.row, "account")
    names = {account_record.id: account_record.name for account_record in manifest.accounts}
    return Explanation(
        scan_id=manifest.scan_id,
        as_of=rfc3339(manifest.evaluated_as_of) or "",
        subject=text(subject.row, "subject"),
        subject_type=text(subject.row, "subject_type"),
        account=account,
        account_name=next((name or "" for id_, name in names.items() if id_ == account), ""),
        region=text(subject.row, "region"),
        name=text(subject.row, "name"),
        root=root,
        advice=findings_advice,
        owner=owner,
    )


def subject_tree(subject: SubjectRow, related: Related) -> Node:
    """Build the tree of a subject from its row and the related rows."""
    build = TREE_BUILDERS.get(subject.table, resource_node)
    return build(subject.row, walked(subject.row, related))

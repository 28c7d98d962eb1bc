"""Where an evaluation is written, and what it replaces there: only with --force."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app.earlier_judgement import check_is_free, collection_manifest, is_of_judgement
from scanner.cli.scan.destination import Destination, means_of, temporary
from scanner.errors import UsageError
from scanner.storage.place import is_place, place_of

if TYPE_CHECKING:
    from scanner.storage.s3_replace import Replacement


@dataclass(frozen=True, slots=True)
class Output:
    """The folder of an evaluation. `replacement`: of an earlier one in S3.

    `is_in_place`: the bundle is at the same location in S3, so only the evaluation is uploaded.
    """

    folder: Path
    replacement: "Replacement | None" = None
    is_in_place: bool = False

    def names(self) -> list[str] | None:
        """Return the names of the files to upload; None: all."""
        if not self.is_in_place:
            return None
        from scanner.storage.s3 import files_of  # noqa: PLC0415 -- loads the AWS client

        # The evidence is there already, and must not be uploaded again.
        return [name for name in files_of(self.folder) if is_of_judgement(name)]


def output_of(bundle: str, source: Path, goal: Destination, *, force: bool) -> Output:
    """Return where to write the evaluation of a bundle, whose files are in `source`.

    Raises:
        UsageError: another evaluation is there, and `force` is not set; or the evidence of another scan.
    """
    if goal.place is None:
        folder = goal.folder or source
        check_is_free(source, folder, force=force)
        return Output(folder)
    from scanner.storage.s3_replace import Replacement, contents_of  # noqa: PLC0415 -- loads the AWS client

    # The same location: the evidence stays, and only its evaluation is replaced.
    if is_place(bundle) and place_of(bundle) == goal.place:
        check_is_free(source, source, force=force, shown=f"{goal.place}")
        return Output(source, Replacement(collection_manifest(source), is_of_judgement), is_in_place=True)
    contents = contents_of(goal.place, means_of(goal))
    if contents.has_evidence:
        raise UsageError(f"{goal.place} contains the evidence of a scan: name another location with --out.")
    if contents.has_manifest and not force:
        raise UsageError(
            f"{goal.place} contains an evaluated scan: name another location with --out, or replace it with "
            "--force."
        )
    # A manifest shows an evaluation; without one there is nothing to remove.
    return Output(temporary(), Replacement(None, is_of_judgement) if contents.has_manifest else None)

"""What an account's global services told, read from its evidence instead of being asked again."""

from pathlib import Path

from scanner.collect.shards import AccountView
from scanner.evidence.reader import read_lines
from scanner.evidence.writer import Failure
from scanner.services import ec2, s3
from scanner.services.base import text


def recall_account(folder: Path, file: str) -> AccountView | Failure:
    """Read an account's `aws-global` evidence; a Failure when the account could not be entered at all.

    The view is what `shards.collect_global` gave when the file was written. BundleError: it is unreadable.
    """
    lines = tuple(read_lines(folder, file))
    regions, places = None, {}
    for line in lines:
        if line.error is not None and line.name == "sts:AssumeRole":
            return Failure(line.error.code, line.error.message, line.error.status, line.error.attempts)
        if line.response is not None and line.name == "ec2:DescribeRegions":
            regions = ec2.enabled(line.response)
        if line.response is not None and line.name == "s3:GetBucketLocation":
            places[str(line.parameters.get("Bucket"))] = s3.region_of(
                text(line.response, "LocationConstraint")
            )
    pages = (line.response for line in lines if line.response is not None and line.name == "s3:ListBuckets")
    return AccountView(regions, s3.by_region(pages, lambda name: places.get(name, "")))

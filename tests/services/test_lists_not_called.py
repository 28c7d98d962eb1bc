"""Lists that were not called: empty where another answer shows it, gaps otherwise."""

from typing import Any, Final

import pytest

from scanner.inventory.shard import parse_shard
from scanner.model.inventory import ShardInventory, ShardStatus
from scanner.model.known import GapKind, Known, Reading
from scanner.model.resource_types import RESOURCE_LISTS
from scanner.services.catalogue import SHARD_LISTS
from scanner.services.supported import TYPE_OF_SERVICE
from tests.fakes.bundles import Line, ShardScript, answers_of
from tests.fakes.readings import missing as gaps_of
from tests.fakes.readings import shard

SUPPORTED: Final = "backup:GetSupportedResourceTypes"
EVERY: Final = (*TYPE_OF_SERVICE.values(), "Aurora", "DynamoDB", "EBS", "EC2", "EFS", "RDS", "S3")
LATER: Final = tuple(name for name in SHARD_LISTS if name.partition(":")[0] in TYPE_OF_SERVICE)
ONTAP: Final = {"FileSystemId": "fs-1", "FileSystemType": "ONTAP"}
LUSTRE: Final = {"FileSystemId": "fs-2", "FileSystemType": "LUSTRE"}
NO_RIGHT: Final = "User: u is not authorized to perform: timestream:DescribeEndpoints on resource: *"
NO_CUSTOMER: Final = (
    "Only existing Timestream for LiveAnalytics customers can access the service. "
    "Reach out to AWS support for more information."
)


def read(script: ShardScript, *unasked: str) -> ShardInventory:
    """Parse a shard in which the lists `unasked` have no line."""
    lines: list[Line] = list(script.complete().lines())
    kept = [line for line in lines if f"{line['service']}:{line['operation']}" not in unasked]
    globally = ShardScript(script.account, "aws-global").complete().lines()
    return parse_shard(
        answers_of(kept, script.account, script.region),
        answers_of(globally, script.account, "aws-global"),
        ShardStatus.COMPLETE,
    )


def naming(*types: str) -> ShardScript:
    return shard().call(SUPPORTED, {"ResourceTypes": list(types)})


def told(reading: Reading[None]) -> str:
    return "read" if isinstance(reading, Known) else reading.gap.kind.value


def failed(operation: str, message: str, script: ShardScript) -> ShardScript:
    return script.call(operation, error="AccessDeniedException", message=message)


def test_every_type_has_a_list() -> None:
    assert {TYPE_OF_SERVICE[name.partition(":")[0]] for name in LATER} == set(TYPE_OF_SERVICE.values())
    assert set(LATER) <= set(RESOURCE_LISTS)


@pytest.mark.parametrize("name", [name for name in LATER if name != "fsx:DescribeVolumes"])
def test_a_list_that_nobody_asked_for_is_a_gap(name: str) -> None:
    for script in (shard(), naming(*EVERY), naming()):
        found = read(script, name)
        assert told(found.lists[name]) == "never asked"
        assert gaps_of(found) == [(name, "", GapKind.NEVER_ASKED)]


@pytest.mark.parametrize("name", LATER)
def test_a_list_of_what_is_not_supported_is_empty(name: str) -> None:
    kind = TYPE_OF_SERVICE[name.partition(":")[0]]
    lists = tuple(one for one in LATER if TYPE_OF_SERVICE[one.partition(":")[0]] == kind)
    found = read(naming(*(one for one in EVERY if one != kind)), *lists)
    left_out = found.lists[name]
    assert isinstance(left_out, Known)
    assert len(left_out.refs) == 1
    assert found.gaps == ()
    assert found.status is ShardStatus.COMPLETE


def test_an_answer_that_failed_leaves_lists_out_of_nothing() -> None:
    script = shard().call(SUPPORTED, error="AccessDeniedException")
    found = read(script, "fsx:DescribeFileSystems", "eks:ListClusters")
    assert told(found.lists["eks:ListClusters"]) == "never asked"
    assert ("eks:ListClusters", "", GapKind.NEVER_ASKED) in gaps_of(found)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({}, "refused"), ({"maxResults": 5, "include": ["all"]}, "refused"), ({"other": "y"}, "never asked")],
)
def test_a_list_that_was_refused_is_a_gap_whatever_is_supported(
    parameters: dict[str, Any], expected: str
) -> None:
    others = [one for one in EVERY if one != "EKS"]
    script = naming(*others).call("eks:ListClusters", error="AccessDeniedException", **parameters)
    assert told(read(script).lists["eks:ListClusters"]) == expected


def test_a_type_that_nobody_here_has_heard_of_is_a_missing_read() -> None:
    found = read(naming(*EVERY, "Tomorrow"))
    assert gaps_of(found) == [(SUPPORTED, "Tomorrow", GapKind.NEVER_ASKED)]
    assert found.status is ShardStatus.PARTIAL
    assert "does not list" in found.gaps[0].message
    assert found.gaps[0].ref is not None


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        ([], "read"),
        ([{"FileSystemId": "fs-2", "FileSystemType": "LUSTRE"}], "read"),
        ([ONTAP], "never asked"),
    ],
)
def test_volumes_need_a_file_system_of_ontap(systems: list[dict[str, Any]], expected: str) -> None:
    script = shard().listed("fsx:DescribeFileSystems", *systems)
    assert told(read(script, "fsx:DescribeVolumes").lists["fsx:DescribeVolumes"]) == expected


def test_volumes_are_open_where_file_systems_are() -> None:
    script = shard().call("fsx:DescribeFileSystems", error="AccessDeniedException")
    assert told(read(script, "fsx:DescribeVolumes").lists["fsx:DescribeVolumes"]) == "never asked"


ENDPOINTS: Final = "timestream-write:DescribeEndpoints"
TABLES: Final = "timestream-write:ListTables"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (failed(ENDPOINTS, NO_CUSTOMER, shard()), "read"),
        (
            failed(ENDPOINTS, NO_RIGHT, shard()),
            "refused",
        ),
        (shard().call(ENDPOINTS, {"Endpoints": [{"Address": "a"}]}), "never asked"),
        (shard(), "never asked"),
    ],
)
def test_timestream_says_where_to_ask_or_that_there_is_nothing(script: ShardScript, expected: str) -> None:
    found = read(script, TABLES)
    assert told(found.lists[TABLES]) == expected
    assert [gap.operation for gap in found.gaps] == ([] if expected == "read" else [TABLES])


def test_tables_are_none_where_the_list_itself_says_so() -> None:
    found = read(failed(TABLES, NO_CUSTOMER, shard()))
    assert told(found.lists[TABLES]) == "read"
    assert found.gaps == ()

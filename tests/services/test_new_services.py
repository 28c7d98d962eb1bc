"""What it takes to add a list and a service, done in a copy of the source.

A list that AWS refuses has to be a gap although only its declaration names it: else a refused read would
become "complete, none there".
"""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGINATION: Final = "evidence/pagination.json"  # generated

LIST: Final = ("backup/assurance.py", "ListScanJobs")
QUEUES: Final = '''"""Amazon SQS, as if AWS Backup could back up queues."""

from collections.abc import Iterator
from typing import Final

from scanner.model.inventory import Encryption, Resource
from scanner.model.known import Known
from scanner.services.base import Operation
from scanner.services.caller import Caller, record_all
from scanner.services.sources import Sources

OPERATIONS: Final = (Operation("sqs", "ListQueues", "sqs:ListQueues", page=1000),)


def collect(caller: Caller) -> None:
    """Record queues."""
    record_all(caller.pages("sqs", "ListQueues"))


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse queues."""
    for answer in sources.answers.every("sqs:ListQueues"):
        for page in answer.pages:
            for url in page.texts("QueueUrls"):
                name = url.rpartition("/")[2]
                yield Resource(
                    arn=sources.arn("sqs", name),
                    type="Queue",
                    capability="EFS",
                    account=sources.shard.account,
                    region=sources.shard.region,
                    name=name,
                    state=None,
                    tags=Known({}, (page.ref,)),
                    encryption=Known(Encryption(encrypted=True), (page.ref,)),
                    refs=(page.ref,),
                )
'''
ROW: Final = """RESOURCE_TYPES: Final = (
    ResourceType(name="Queue", client="sqs", lists=_list("sqs:ListQueues", "sqs:"), everywhere=True),
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package."""
    return Path(shutil.copytree(ROOT / "scanner", tmp_path / "source" / "scanner"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is in {path.name} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def scan(copy: Path, *refused: str) -> dict[str, Any]:
    """Scan a fake AWS with the copied package."""
    folder = copy.parents[1] / f"scan-{len(refused)}"
    path = os.pathsep.join((str(copy.parent), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.services.scan_of_a_copy", str(folder), *refused],
        check=True,
        capture_output=True,
        cwd=folder.parent,
        env=os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def changed(copy: Path) -> set[str]:
    """Return the files of the copy that differ from the package, or are new."""

    def differing(pair: filecmp.dircmp[str], folder: str) -> set[str]:
        here = {f"{folder}{name}" for name in (*pair.diff_files, *pair.right_only)}
        below = (differing(inner, f"{folder}{name}/") for name, inner in pair.subdirs.items())
        return here.union(*below)

    return differing(filecmp.dircmp(ROOT / "scanner", copy, ignore=["__pycache__"]), "")


def test_a_list_of_an_existing_service_is_one_file(copy: Path) -> None:
    file, name = LIST
    edit(
        copy / "services" / file,
        "OPERATIONS: Final = (\n",
        f'OPERATIONS: Final = (\n    Operation("backup", "{name}", "backup:{name}", _PAGE),\n',
    )
    edit(
        copy / "services" / file,
        "    return caller.in_parallel(",
        f'    record_all(caller.pages("backup", "{name}"))\n    return caller.in_parallel(',
    )
    read, refused = scan(copy), scan(copy, f"backup:{name}")
    assert changed(copy) == {f"services/{file}", PAGINATION}
    assert f"backup:{name}" in read["called"]
    assert (read["status"], read["gaps"], read["unread"]) == ("complete", [], [])
    assert (refused["status"], refused["gaps"], refused["unread"]) == (
        "partial",
        [f"backup:{name}"],
        [f"backup:{name}"],
    )
    # No parser reads it: `test_declarations.py` would name it.
    assert f"backup:{name}" not in read["parsed"]


def test_a_service_with_a_type_is_one_file_and_one_row(copy: Path) -> None:
    (copy / "services" / "sqs.py").write_text(QUEUES, encoding="utf-8")
    edit(copy / "model" / "resource_types.py", "RESOURCE_TYPES: Final = (\n", ROW)
    read, refused = scan(copy), scan(copy, "sqs:ListQueues")
    assert changed(copy) == {"services/sqs.py", "model/resource_types.py", PAGINATION}
    assert "sqs:ListQueues" in read["parsed"]
    assert (read["status"], read["gaps"], read["covers_resources"]) == ("complete", [], False)
    assert (refused["status"], refused["gaps"]) == ("partial", ["sqs:ListQueues"])
    # The plan selects everything: whether that is something depends on the list that was refused.
    assert refused["covers_resources"] is None

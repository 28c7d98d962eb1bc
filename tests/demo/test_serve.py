"""One simulation: it joins, it is the same every time, and it answers many callers at once."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from scanner.demo.serve import Demo, serve
from scanner.demo.story.accounts import SHARDS

_PRINTED = re.compile(r"export AWS_ENDPOINT_URL='([^']+)'")


@contextmanager
def process() -> Iterator[Demo]:
    arguments = [sys.executable, "-m", "scanner.demo"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        assert child.stdout is not None
        found = _PRINTED.match(child.stdout.readline())
        assert found
        yield Demo(found.group(1))
        child.terminate()


@pytest.mark.slow
def test_two_servers_give_the_same_answers(new_walk: Any) -> None:
    """Two new processes: a second simulation in one process finds moto as the first one left it."""
    with process() as one, process() as other:
        walk, again = new_walk(one).everything(), new_walk(other).everything()
    assert list(again.answers) == list(walk.answers)
    for key, answer in walk.answers.items():
        assert again.answers[key] == answer, key
    # The bytes, too; only the credentials of a session differ, and no list call holds those.
    assert [body for _, _, body in again.bodies] == [body for _, _, body in walk.bodies]


def test_a_second_block_joins_the_first(demo: Demo) -> None:
    with serve() as joined:
        assert joined.endpoint == demo.endpoint
    with serve() as still_there:
        assert still_there.endpoint == demo.endpoint


def test_another_seed_needs_another_process(demo: Demo) -> None:
    with pytest.raises(RuntimeError, match=r"already serves"), serve(seed=7):
        pass
    assert demo.endpoint


def test_many_callers_at_once_each_get_their_own_answer(walker: Any, walk: Any) -> None:
    shards = [*SHARDS] * 8
    for account, region in set(shards):
        walker.client(account, "backup", region)
        walker.client(account, "ec2", region)

    def ask(shard: tuple[str, str]) -> None:
        account, region = shard
        vaults = walker.client(account, "backup", region).list_backup_vaults()["BackupVaultList"]
        assert vaults == walk.answers[account, region, "backup", "ListBackupVaults", "[]"]["BackupVaultList"]
        volumes = walker.client(account, "ec2", region).describe_volumes()["Volumes"]
        assert volumes == walk.answers[account, region, "ec2", "DescribeVolumes", "[]"]["Volumes"]

    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(ask, shards))) == len(shards)


def test_the_environment_is_scrubbed(demo: Demo) -> None:
    scrubbed = demo.scrubbed({"PATH": "/bin", "AWS_PROFILE": "real", "AWS_SESSION_TOKEN": "real"})
    assert scrubbed["PATH"] == "/bin"
    assert "AWS_PROFILE" not in scrubbed
    assert "AWS_SESSION_TOKEN" not in scrubbed
    assert scrubbed["AWS_ENDPOINT_URL"] == demo.endpoint

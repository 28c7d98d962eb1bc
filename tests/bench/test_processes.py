"""A command is measured with all that it starts. No figure of time is a matter of tests."""

import sys

import pytest

from bench.processes import CommandFailedError, Cost, measure

HOLD = "import time; held = b'x' * {megabytes}_000_000; time.sleep(0.3)"


def test_output_is_returned() -> None:
    cost, output = measure([sys.executable, "-c", "print('hello')"])
    assert output == b"hello\n"
    assert cost.cpu > 0
    assert cost.wall > 0


def test_memory_of_a_child_counts() -> None:
    child = HOLD.format(megabytes=150)
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    cost, _ = measure([sys.executable, "-c", parent])
    assert 150 < cost.peak < 400


def test_memory_of_a_parent_counts_once_when_it_starts_a_child() -> None:
    starts = "import subprocess\nheld = b'x' * 200_000_000\nfor _ in range(300): subprocess.run(['true'])"
    cost, _ = measure([sys.executable, "-c", starts])
    assert 200 < cost.peak < 350


def test_a_failure_says_what_the_command_said() -> None:
    with pytest.raises(CommandFailedError, match="no such thing"):
        measure([sys.executable, "-c", "import sys; sys.exit('no such thing')"])


def test_the_least_of_two_measurements_counts() -> None:
    assert Cost(2.0, 3.0, 100.0).least(Cost(1.0, 4.0, 90.0)) == Cost(1.0, 3.0, 90.0)

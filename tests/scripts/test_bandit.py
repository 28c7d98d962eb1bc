"""Exceptions from bandit's rules, which `make lint` runs: each names one rule, and has a reason."""

import re
from collections.abc import Iterator

from scripts.dependencies import ROOT

# The reason may be that of ruff's rule, which is the same one under another name.
COMPLETE = re.compile(r"# nosec B\d{3} (?:# (?!noqa)[^#]*[a-z]|# noqa: [A-Z0-9, ]+ --? \S)")


def exceptions() -> Iterator[str]:
    for folder in ("scanner", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
                if "nosec" in line:
                    yield f"{path.relative_to(ROOT)}:{number}: {line[line.index('nosec') - 2 :]}"


def test_every_exception_has_a_reason() -> None:
    lines = list(exceptions())
    assert lines
    assert [line for line in lines if not COMPLETE.search(line)] == []


def test_the_pattern_can_refuse() -> None:
    assert not COMPLETE.search("x  # nosec")
    assert not COMPLETE.search("x  # nosec B608")
    assert not COMPLETE.search("x  # nosec B608 # noqa: S608")
    assert COMPLETE.search("x  # nosec B608 # noqa: S608 -- names of the model")
    assert COMPLETE.search("x  # nosec B404 # it starts this program alone")

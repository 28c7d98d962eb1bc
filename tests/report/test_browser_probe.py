"""Whether the browser tests can run on this machine, and what they say where they cannot."""

import pytest

from tests.report.browser import chromium, driver_fault


@pytest.fixture
def _driver_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/usr/bin/chromium")
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", "/bin/false")


@pytest.mark.usefixtures("_driver_without_its_library")
@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_driver_that_does_not_start_skips_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install libatomic1"):
        chromium()


def test_the_reason_of_a_driver_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", "/nowhere/node")
    assert "/nowhere/node" in driver_fault()
    assert "\n" not in driver_fault()

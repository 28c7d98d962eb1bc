"""What all tests rest on, wherever they are started from."""

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import Phase, settings

from scanner.storage.cache import FOLDER

_SIMULATION = Path(__file__).parent / "demo"
_MUTATING = "MUTANT_UNDER_TEST" in os.environ  # `make mutation`

# Controls are compiled once for all tests and the commands that they start, and not in the user's own folder.
os.environ.setdefault(FOLDER, str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "vaultproof"))

settings.register_profile(
    "mutation", max_examples=30, derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate)
)
# How long an example takes says more about what else the machine does than about the code. The same examples
# in every run: a red build has to be about the change. `--hypothesis-profile exploring` looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("exploring", deadline=None, max_examples=1_000)
settings.load_profile("mutation" if _MUTATING else "repeatable")


@pytest.fixture(scope="session", autouse=True)
def heard_ctrl_c() -> Iterator[None]:
    """Hear SIGINT: a shell that starts a job in the background has its programs ignore it, and theirs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def models_read_once() -> Iterator[None]:
    """Decode each of botocore's models once, not in each session: EC2's alone takes a tenth of a second.

    Not that of S3: each client of botocore removes the bucket from the URLs in its model, which moto needs.
    """
    decode = JSONFileLoader().load_file
    decode_once = cache(decode)

    def load_file(_: JSONFileLoader, path: str) -> object:
        return decode(path) if f"{os.sep}s3{os.sep}" in path else decode_once(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


@pytest.fixture(autouse=_MUTATING)
def nothing_remembered() -> None:
    """Forget what cached functions know: what one version of the code answered is no answer of the next."""
    for module in [module for name, module in sys.modules.items() if name.startswith("scanner.")]:
        for thing in vars(module).values():
            if forget := getattr(thing, "cache_clear", None):
                forget()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests: with several workers, none waits for the last file.

    The tests of the simulation come last: they share one until the end of the session, which `mock_aws` in
    another test of the process would empty.
    """
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (_SIMULATION in item.path.parents, -slow[item.path]))


def pytest_collection_finish() -> None:
    """Exclude modules and tests from garbage collection: `release_memory` takes a third of a second else."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Exclude what fixtures hold for many tests, too: the simulated organisation, a judged scan."""
    value = yield
    if fixturedef.scope != "function":
        gc.collect()
        gc.freeze()
    return value

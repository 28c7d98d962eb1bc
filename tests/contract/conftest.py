"""The sample bundle in memory, and what is judged of it, for all modules that change its evidence."""

from pathlib import Path
from typing import Final

import pytest

from tests.contract.variants import Recorded, recorded

SAMPLE: Final = Path(__file__).parents[2] / "sample_reports" / "bundle"
ACCOUNTS: Final = frozenset(("222222222222", "333333333333"))
REGIONS: Final = frozenset(("eu-central-1", "eu-west-1"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return recorded(SAMPLE, tmp_path_factory.mktemp("sample"), ACCOUNTS, REGIONS)

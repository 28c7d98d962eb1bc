import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from scanner.evaluate import compiled as module
from scanner.evaluate.compiled import compile_control, save_compiled
from scanner.evaluate.compiler import compiled
from scanner.evaluate.controls import loader
from scanner.evaluate.controls.loader import load_controls
from scanner.storage.cache import FOLDER

LIST = """
import sys
from scanner.evaluate.controls.selection import select
select(("all",))
print("duckdb" in sys.modules, "pyarrow" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    forget()
    return tmp_path


def forget() -> None:
    module._cache.cache_clear()
    module._compile.cache_clear()
    loader._parsed.cache_clear()


@pytest.mark.slow
def test_a_cached_control_equals_a_compiled_one(folder: Path) -> None:
    controls = load_controls()
    save_compiled()
    forget()
    assert len(orjson.loads(next(folder.iterdir()).read_bytes())) == len(controls)
    for control in controls:
        assert compile_control(control) == compiled(control)


def test_a_document_that_lacks_something_is_compiled_again(folder: Path) -> None:
    control = load_controls(("vault-locked",))[0]
    save_compiled()
    (file,) = folder.iterdir()
    documents = orjson.loads(file.read_bytes())
    file.write_bytes(orjson.dumps({key: {"sql": "SELECT 1"} for key in documents}))
    forget()
    assert compile_control(control) == compiled(control)


def test_a_second_process_needs_no_database_to_load_controls(folder: Path) -> None:
    def loaded() -> str:
        done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert loaded() == "True True"
    assert list(folder.iterdir())
    assert loaded() == "False False"

import os
from pathlib import Path

import pytest

from scanner.storage.cache import FOLDER, OFF, Cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    return tmp_path / "cache"


def saved(version: str = "1", **documents: dict[str, str]) -> None:
    cache = Cache("controls", version)
    for key, document in documents.items():
        cache.put(key, document)
    cache.save()


def test_what_was_saved_is_there_for_the_next_process() -> None:
    saved(a={"sql": "SELECT 1"})
    assert Cache("controls", "1").get("a") == {"sql": "SELECT 1"}


def test_another_version_reads_nothing_of_it() -> None:
    saved(a={"sql": "SELECT 1"})
    assert Cache("controls", "2").get("a") is None


def test_two_processes_that_save_lose_nothing() -> None:
    first, second = Cache("controls", "1"), Cache("controls", "1")
    first.put("a", {"sql": "1"})
    second.put("b", {"sql": "2"})
    first.save()
    second.save()
    again = Cache("controls", "1")
    assert (again.get("a"), again.get("b")) == ({"sql": "1"}, {"sql": "2"})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": null}', b"\xff\xfe"])
def test_a_broken_file_is_an_empty_cache(folder: Path, content: bytes) -> None:
    saved(a={"sql": "1"})
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert Cache("controls", "1").get("a") is None
    saved(a={"sql": "2"})
    assert Cache("controls", "1").get("a") == {"sql": "2"}


def test_a_file_that_others_can_write_is_not_trusted(folder: Path) -> None:
    saved(a={"sql": "1"})
    (file,) = folder.iterdir()
    file.chmod(0o666)
    assert Cache("controls", "1").get("a") is None


def test_files_of_old_versions_go(folder: Path) -> None:
    for version in "123456":
        saved(version, a={"sql": version})
        (file,) = folder.glob(f"controls-{version}.json")
        os.utime(file, (int(version), int(version)))
    assert sorted(file.name for file in folder.iterdir()) == [f"controls-{each}.json" for each in "3456"]


def test_a_folder_that_cannot_be_made_is_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "cache"))
    saved(a={"sql": "1"})
    assert Cache("controls", "1").get("a") is None


def test_off_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, OFF)
    saved(a={"sql": "1"})
    assert not folder.exists()
    assert not Path(OFF).exists()
    assert Cache("controls", "1").get("a") is None


def test_only_a_file_of_ones_own_or_of_root_is_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(a={"sql": "SELECT 1"})
    (file,) = folder.iterdir()
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert (Cache("controls", "1").get("a") is not None) == (owner == 0)

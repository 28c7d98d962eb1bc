"""The reader of botocore's files reads what botocore reads."""

import gzip
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

from scanner.collect.endpoints import FastFiles, model_loader

TEXT = '{"b": {"z": 1, "a": [1.5, "\\u00e9"]}, "a": null}'


@pytest.mark.parametrize("extension", [".json", ".json.gz"])
def test_files_are_read_as_botocore_reads_them(tmp_path: Path, extension: str) -> None:
    content = TEXT.encode()
    (tmp_path / f"file{extension}").write_bytes(content if extension == ".json" else gzip.compress(content))
    name = str(tmp_path / "file")
    ours, theirs = FastFiles().load_file(name), JSONFileLoader().load_file(name)
    assert ours == theirs
    assert list(ours) == list(theirs)
    assert list(ours["b"]) == list(theirs["b"])


@pytest.mark.parametrize("text", ["NaN", '"\\ud800"', "[1e999]"])
def test_what_only_botocore_accepts_is_left_to_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "file.json").write_text(text)
    name = str(tmp_path / "file")
    assert repr(FastFiles().load_file(name)) == repr(JSONFileLoader().load_file(name))


def test_a_broken_file_is_an_error_of_botocore(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text('{"cut')
    with pytest.raises(ValueError, match="Unterminated"):
        FastFiles().load_file(str(tmp_path / "file"))


def test_no_file_is_nothing(tmp_path: Path) -> None:
    assert FastFiles().load_file(str(tmp_path / "none")) is None


def test_own_models_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "backup" / "2999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {}, "operations": {}}')
    assert model_loader(str(tmp_path)).load_service_model("backup", "service-2")["operations"] == {}
    assert model_loader(None).load_service_model("backup", "service-2")["operations"]

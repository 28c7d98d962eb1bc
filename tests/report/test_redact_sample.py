"""The sample bundle, redacted: of all words in its evidence, only those of AWS and of ours are left."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from scanner.app import judgement as app
from scanner.app.criteria import Judgement
from scanner.evaluate.controls.loader import load_controls
from scanner.model.decisions import TagWay
from scanner.report.read import read_scan
from scanner.report.redact import Pseudonyms, redacted
from scanner.report.redact.vocabulary import TOKEN, core, vocabulary
from scanner.report.view.view import build
from scanner.report.write import FORMATS

pytestmark = pytest.mark.slow

BUNDLE: Final = Path(__file__).parents[2] / "sample_reports" / "bundle"
FORMS: Final = ("json", "csv", "inventory", "sarif", "junit", "markdown", "html")
COMMON: Final = {"applied", "approval-team", "click", "https"}
"""Words that templates and schemas contain, too."""


def texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from texts(value)
    elif isinstance(content, list):
        for each in content:
            yield from texts(each)


def words(content: Any) -> Iterator[str]:
    for text in texts(content):
        yield from TOKEN.findall(text)


def originals() -> set[str]:
    """Return the words of the evidence except our own words, numbers, dates, Regions and files."""
    result: set[str] = set()
    for path in BUNDLE.rglob("*.jsonl.gz"):
        with gzip.open(path) as lines:
            for line in lines:
                result.update(words(orjson.loads(line)))
    result.update(words(orjson.loads((BUNDLE / "manifest.json").read_bytes())))
    plain = Pseudonyms(b"any key of sixteen bytes")
    return {
        word
        for word in map(core, result)
        if len(word) > 3
        and (word.lower() not in vocabulary() or re.fullmatch("[0-9]{12}", word))
        and plain.words(word) != word
        and not word.endswith(".jsonl.gz")
    } - COMMON


def test_no_word_of_the_evidence_is_left(tmp_path: Path) -> None:
    judgement = Judgement(controls=load_controls(("all",)), owners=(TagWay(("team", "owner", "env")),))
    app.evaluate(BUNDLE, tmp_path, judgement, ())
    view = build(redacted(read_scan(tmp_path), Pseudonyms(b"any key of sixteen bytes")))
    wanted = originals()
    assert len(wanted) > 1_000
    for form in FORMS:
        text = b"".join(FORMATS[form].make(view)).decode()
        assert not {core(word) for word in TOKEN.findall(text)} & wanted, form

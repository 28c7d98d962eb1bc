"""A misspelt word gets the words that resemble it, in any case."""

import pytest

from scanner.evaluate.problem import suggestion


@pytest.mark.parametrize(
    ("word", "words", "sentence"),
    [
        ("s3", ["S3", "EC2"], "did you mean S3?"),
        ("coverd", ["covered", "covers", "cover", "cove"], "did you mean covered, cover or covers?"),
        ("vaultlocked", ["vault-locked", "x"], "did you mean vault-locked?"),
        ("Postgres", ["RDS", "S3"], "known are RDS, S3"),
        ("a", [], "there are none"),
    ],
)
def test_words_that_resemble_it(word: str, words: list[str], sentence: str) -> None:
    assert suggestion(word, words) == sentence

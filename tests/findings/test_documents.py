"""Documents written from columns are the bytes of findings' own documents."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from scanner.findings.documents import documents
from scanner.findings.filed import Filed
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.model.finding import Finding, Status
from scanner.storage.encoding import encode
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS, findings

WITH_TEXTS = [status for status in Status if status not in WITHOUT_TEXTS]


@settings(max_examples=25, deadline=None)
@given(findings())
def test_any_findings_have_the_same_documents(found: tuple[Finding, ...]) -> None:
    with TemporaryDirectory() as folder:
        filed = Filed(write_filed(Path(folder), found), CONTROLS)
        written = b",".join(documents(filed, WITH_TEXTS))
    expected = [encode(each.document()) for each in found if each.status in WITH_TEXTS]
    assert written == b",".join(expected)


def test_texts_that_are_not_filed_are_refused(tmp_path: Path) -> None:
    filed = Filed(write_filed(tmp_path, ()), CONTROLS)
    with pytest.raises(ValueError, match="not filed"):
        next(documents(filed, [Status.FAIL, Status.PASS]))

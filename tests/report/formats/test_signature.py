"""What PDF and HTML print of the signature of a scan."""

import re
from dataclasses import replace

import pytest

from scanner.model.scan import Scan
from scanner.model.signing import Signing, SigningKey
from scanner.report.formats.html import report_html
from scanner.report.formats.pdf import document_html
from scanner.report.redact import Pseudonyms, redacted
from scanner.report.view.view import build

DIGEST, FINGERPRINT = "d" * 64, "f" * 64
ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def signing(algorithm: str, key_id: str = ARN) -> Signing:
    return Signing(DIGEST, SigningKey(key_id, FINGERPRINT, algorithm))


def texts(scan: Scan) -> list[str]:
    """Return the documents as text, without tags."""
    view = build(scan)
    pages = (document_html(view, ()), report_html(view).decode())
    return [
        " ".join(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL).split()) for page in pages
    ]


@pytest.mark.parametrize("algorithm", ["ECDSA_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256", "ED25519_SHA_512"])
def test_a_signed_scan_names_its_key_and_the_judgement(scan: Scan, algorithm: str) -> None:
    for text in texts(replace(scan, signing=signing(algorithm))):
        assert all(word in text for word in (ARN, FINGERPRINT, DIGEST, algorithm))
        assert "not signed" not in text


def test_the_document_says_how_openssl_verifies_each_kind_of_key(scan: Scan) -> None:
    hashed = "openssl dgst -sha256 -verify public.pem -signature signature.bin message.bin"
    raw = "openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in message.bin"
    for algorithm, command, other in (("ECDSA_SHA_256", hashed, raw), ("ED25519_SHA_512", raw, hashed)):
        document, _ = texts(replace(scan, signing=signing(algorithm)))
        assert command in document
        assert other not in document


def test_an_unsigned_scan_says_so(scan: Scan) -> None:
    document, page = texts(replace(scan, signing=Signing(DIGEST)))
    assert "This scan was not signed when this document was written." in document
    assert "It is not signed: checksums do not show who wrote the scan." in page
    assert DIGEST in document
    assert DIGEST in page
    document, page = texts(scan)  # another program wrote the manifest
    assert "was not signed when this document was written" in document
    assert "It is not signed" in page


def test_a_redacted_copy_shows_neither_key_nor_digest(scan: Scan) -> None:
    copy = redacted(replace(scan, signing=signing("ECDSA_SHA_256")), Pseudonyms(b"a key of 16 bytes or more"))
    document, page = texts(copy)
    assert "A redacted copy is not signed" in document
    for text in (document, page):
        assert not any(word in text for word in (ARN, FINGERPRINT, DIGEST))


def test_a_hostile_key_id_is_text(scan: Scan) -> None:
    view = build(replace(scan, signing=signing("ECDSA_SHA_256", "<b onload=x>")))
    assert "<b onload" not in document_html(view, ())
    assert b"<b onload" not in report_html(view)

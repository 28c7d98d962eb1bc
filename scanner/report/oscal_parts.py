"""The small parts that an OSCAL document is made of: UUIDs, tokens, properties, texts that are no markup."""

import re
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from scanner.evidence.manifest import rfc3339
from scanner.model.manifest import Manifest
from scanner.model.unicode import mended
from scanner.report.words import clip, one_line

NAMESPACE: Final = "urn:vaultproof:oscal:1"
"""The namespace of our properties."""

_UUIDS: Final = UUID("0c7d2f4e-5b0a-5d55-9d0f-6f3f5a0f9a11")
_LONGEST: Final = 8_000
_MARK: Final = re.compile(r"[^A-Za-z0-9._-]")
_ENHANCEMENT: Final = re.compile(r"\((\d+)\)")
_MARKS: Final = re.compile(r"[\\`*\[\]<>&~^${}|!]|(?<![^\W_])_|_(?![^\W_])")
_BLOCK: Final = re.compile(r"^(\d*)([#+=.)-])")
"""What begins a heading, a list or a rule."""

_NIST: Final = "nist-800-53-r5"
_DIGEST: Final = 8

Document = dict[str, Any]


def uuid(*parts: str) -> str:
    """Give the version 5 UUID of what has these names: the same at each writing."""
    return str(uuid5(_UUIDS, mended("\n".join(parts))))


def scan_key(manifest: Manifest) -> str:
    """Give what tells a scan from another, one that another program left without an id included."""
    return f"{manifest.scan_id} {rfc3339(manifest.evaluated_as_of)}"


def line(text: str) -> str:
    """Write an OSCAL string: one line, not empty, nothing hidden, no white space about it."""
    return one_line(mended(text)).strip() or "(empty)"


def prose(text: str) -> str:
    """Write OSCAL markup (CommonMark, on one line) that says what the text says: all marks are escaped."""
    words = clip(" ".join(one_line(mended(text)).split()), _LONGEST)
    return _BLOCK.sub(r"\1\\\2", _MARKS.sub(r"\\\g<0>", words)) or "(empty)"


def prop(name: str, value: object, remarks: str = "") -> Document:
    """Give a property of our namespace."""
    told = {"remarks": prose(remarks)} if remarks else {}
    return {"name": name, "ns": NAMESPACE, "value": line(str(value)), **told}


def control_id(framework: str, requirement: str) -> str:
    """Give the token of a requirement.

    Those of NIST SP 800-53 are the ids of NIST's own OSCAL catalog (`CP-9(3)`: `cp-9.3`). Of the other
    frameworks there is no catalog that all agree on: the token has the framework's name before it.
    """
    if framework == _NIST:
        return _token(_ENHANCEMENT.sub(r".\1", requirement).lower(), requirement.lower())
    spelled = _ENHANCEMENT.sub(r"-\1", requirement)
    return _token(f"{framework}_{spelled}", f"{framework}_{requirement}")


def _token(text: str, exact: str) -> str:
    """Make a token of a text; where signs are lost, a digest keeps it apart from others."""
    clean = _MARK.sub("-", mended(text))
    if clean != text:
        clean += "-" + sha256(mended(exact).encode()).hexdigest()[:_DIGEST]
    return clean if clean[:1].isalpha() else f"_{clean}"

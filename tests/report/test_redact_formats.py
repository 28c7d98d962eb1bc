"""Nothing of the original is left in any format: unique words are planted everywhere, and looked for."""

import base64
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import orjson
import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from scanner.app import judgement as app
from scanner.app.criteria import Judgement
from scanner.app.reports import explain
from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.decisions.waivers import WaiverRule
from scanner.model.decisions import (
    ContactWay,
    Match,
    OwnedBy,
    RuleWay,
    TagWay,
    Tier,
    Tiers,
    Waiver,
    WaiverState,
    WaiverUse,
)
from scanner.model.finding import Status
from scanner.model.scan import REDACTED, Scan
from scanner.model.timeline import FirstSeen, FirstSeenTimes, Timeline, TrendPoint
from scanner.report.formats.explanation import explanation_json, explanation_svg
from scanner.report.read import read_scan
from scanner.report.redact import Pseudonyms, redacted, redacted_explanation
from scanner.report.view.view import build
from scanner.report.write import FORMATS
from tests.fakes.bundles import BundleBuilder, admits, copy_to, key_arn, rule, vault_arn
from tests.report.conftest import ACCOUNTS, CLOCK, HOSTILE, made_scan

if TYPE_CHECKING:
    from scanner.model.finding import Finding

KEY = b"0123456789abcdef0123456789abcdef"
HERE, THERE = "834720165293", "518293746502"
CONTROLS = (
    "account-region-assessed",
    "copy-destination-admits-source",
    "plan-protects-something",
    "recovery-point-not-orphaned",
    "resource-backed-up-recently",
    "resource-cross-account-copy",
    "resource-in-backup-plan",
    "rule-target-vault-exists",
    "selection-matches-resources",
    "selection-role-usable",
    "survives-account-compromise",
    "vault-customer-managed-key",
    "vault-locked",
    "vault-manual-deletion-denied",
)
_LETTERS = "bcdfghjklmnp"
_LEAST_CODED = 7
"""Characters of base64 that are too many for a coincidence."""


class Plants:
    """Gives unique words, and remembers them. They are in no dictionary, and no part of another word."""

    def __init__(self) -> None:
        self.words: set[str] = {HERE, THERE}
        self._numbers, self._turns = count(1), count()

    def word(self) -> str:
        number = next(self._numbers)
        word = "Qz" + "".join(_LETTERS[int(digit)] for digit in f"{number:04d}") + "xw"
        self.words.add(word)
        return word

    def name(self) -> str:
        """Return a name of any kind: a word, a number, a date, an IPv6, IPv4 or MAC address, an e-mail."""
        number = next(self._numbers)
        kinds = (
            f"7391{number:04d}",
            f"1987-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
            f"fd7a:115c:a1e0:{number:x}::{number + 7:x}",
            f"172.31.{number % 250}.{number % 199 + 20}",
            f"00:1b:44:11:3a:{number % 256:02x}",
            f"Q{number}z@Acme-{number}x.example",
            f"{number:05d}-77",
            f"9{number:011d}",
        )
        word = kinds[next(self._turns) % len(kinds)]
        self.words.add(word)
        return word

    def hex(self) -> str:
        number = next(self._numbers)
        word = f"{0xE4C7_B1D9_3A5F_0000_0 + number * 0x1357:017x}"
        self.words.add(word)
        return word


@pytest.fixture(scope="module")
def plants() -> Plants:
    return Plants()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, plants: Plants) -> Path:
    """Judge a bundle that has a unique word in every place that a customer fills."""
    word, name = plants.word, plants.name
    scope = {"accounts": [], "regions": [], "organization_id": f"o-{word()}", "management_account": THERE,
             "excluded": [{"account": THERE, "reason": f"the sandbox of {word()}"}]}  # fmt: skip
    bundle = BundleBuilder(
        tmp_path_factory.mktemp("planted"),
        scan_id=word(),
        caller={"arn": f"arn:aws:sts::{THERE}:assumed-role/{word()}/{word()}", "account": THERE},
        tool={"name": word(), "version": word()},
        scope=scope,
    )
    bundle.manifest["accounts"] += [
        {
            "id": HERE,
            "name": name(),
            "status": "ACTIVE",
            "ou_path": f"o-{word()}/r-{word()}/ou-{word()}-{word()}/",
        }
    ]
    shard = bundle.shard(HERE)
    bundle.manifest["accounts"].pop()  # the builder's own, without a name
    vault, other, key, volume = name(), word(), plants.hex(), plants.hex()
    shard.vault(vault, policy=admits(THERE), key=key_arn(key, HERE)).vault(other)
    shard.call("backup:GetBackupVaultAccessPolicy", error="AccessDeniedException",
               message=f"User: arn:aws:iam::{HERE}:user/{word()}: no", BackupVaultName=word())  # fmt: skip
    shard.key(key)
    terms = rule(name(), vault, CopyActions=[copy_to(vault_arn(name(), THERE))])
    tags = {"team": name(), word(): word(), name(): name(), "Name": name()}
    role = f"arn:aws:iam::{HERE}:role/{word()}"
    selection = {"SelectionName": name(), "Resources": ["*"], "IamRoleArn": role}
    shard.plan(name(), rules=[terms, rule(name(), name())], selections=[selection])
    shard.plan(name(), rules=[rule(name(), vault)], selections=[])
    shard.volume(f"vol-{volume}", tags).volume(f"vol-{plants.hex()}", {"team": name()})
    shard.volume(f"vol-{plants.hex()}").table(word(), {word(): word()})
    shard.volume(f"vol-{plants.hex()}", {"Name": name(), name(): name()}).table(name(), {name(): name()})
    shard.table(name(), {}).table(name(), {"team": name()}).vault(name()).vault(name())
    shard.instance(f"i-{plants.hex()}", {"Name": f"{word()} {word()}"})
    shard.instance(f"i-{plants.hex()}", {"Name": name(), "address": name()})
    shard.point(vault, f"arn:aws:ec2:eu-west-1:{HERE}:volume/vol-{volume}")
    shard.point(vault, f"arn:aws:ec2:eu-west-1:{HERE}:volume/vol-{plants.hex()}", hours_ago=900)
    org = bundle.organization(HERE, THERE)
    org.listed(
        "organizations:ListAccounts", {"Id": HERE, "Email": f"{word()}@{word()}.example", "Name": word()}
    )
    waiver = Waiver(word(), f"{word()}@{word()}.com", word(), f"as {word()} said", "2030-01-31")
    ways = (
        RuleWay(1, OwnedBy(types=("DynamoDB", "vault")), word()),
        TagWay(("team", word())),
        ContactWay(("email",)),
    )
    folder = bundle.write()
    judgement = Judgement(
        controls=_controls(plants),
        parameters={"resource-cross-account-copy": {"accounts": [THERE]}},
        waivers=(WaiverRule("vault-locked", "*", waiver),),
        owners=ways,
    )
    app.evaluate(folder, folder, judgement, ())
    return folder


def _controls(plants: Plants) -> Any:
    """Take all controls, and one of somebody's own that has words of theirs."""
    every = load_controls(CONTROLS)
    word = plants.word
    own = next(each for each in every if each.id == "vault-locked")
    own = replace(
        own,
        id="our-own-control",
        title=f"As {word()} wants it",
        motivation=f"Because of {word()}.",
        frameworks={**own.frameworks, word(): (word(),)},
        remediation=replace(own.remediation, text=f"Ask {word()}.", cli=f"aws {word()}"),
    )
    return (*every, own)


@pytest.fixture(scope="module")
def scan(planted: Path, plants: Plants) -> Scan:
    word, name = plants.word, plants.name
    original = read_scan(planted)
    match = Match(tags=((name(), (name(), f"{word()}*")),), accounts=(HERE,), organizational_units=(word(),),
                  types=(word(),), subjects=(f"arn:aws:ec2:*:{HERE}:volume/{word()}*",))  # fmt: skip
    settled = Tier(name(), match, {"resource-cross-account-copy": {"accounts": [THERE]}})
    waiver = Waiver(name(), name(), name(), name(), "2030-01-31")
    use = WaiverUse(
        waiver=waiver,
        control="vault-locked",
        subject=f"*{word()}*",
        state=WaiverState.UNUSED,
        covers=0,
        open=0,
    )
    full = replace(
        original,
        tiers=Tiers((settled,), (settled,)),
        waivers=(use,),
        unit_names={f"ou-{word()}": name()},
    )
    return redacted(full, Pseudonyms(KEY))


def everything(content: bytes, name: str) -> Iterator[str]:
    """Give all that a file says: as it stands, and unpacked."""
    yield content.decode("utf-8", "replace")
    if name.endswith(".html"):
        for found in re.findall(rb"[A-Za-z0-9+/]{80,}={0,2}", content):
            for form in (47, -15):
                try:
                    yield zlib.decompress(base64.b64decode(found + b"=="), form).decode("utf-8", "replace")
                except (ValueError, zlib.error):
                    continue
    elif name.endswith(".parquet"):
        table = pq.read_table(io.BytesIO(content))
        yield str(table.to_pylist()) + str(table.schema)
    elif name.endswith(".pdf"):
        yield from _of_pdf(PdfReader(io.BytesIO(content)))


def _of_pdf(reader: PdfReader) -> Iterator[str]:
    for page in reader.pages:
        yield page.extract_text()
    yield f"{reader.metadata} {reader.xmp_metadata}"
    for name, versions in reader.attachments.items():
        yield name
        for content in versions:
            yield from everything(content, name)


def left(content: bytes, name: str, words: set[str]) -> set[str]:
    result = "\n".join(everything(content, name)).lower()
    result += result.replace("\n", "")  # a PDF breaks long words
    return {word for word in words if any(form in result for form in spellings(word))}


@cache
def spellings(word: str) -> set[str]:
    """Return how formats write a word: escaped for URLs, XML and JSON, as base64; in lower case."""
    coded = {
        base64.b64encode(bytes(shift) + word.encode())[4 * (shift > 0) : -4].decode() for shift in range(3)
    }
    plain = {
        word,
        quote(word, safe=""),
        quote(word),
        escape(word),
        quoteattr(word)[1:-1],
        json.dumps(word)[1:-1],
    }
    return {form.lower() for form in plain | {form for form in coded if len(form) > _LEAST_CODED}}


def test_the_original_is_full_of_what_was_planted(planted: Path, plants: Plants) -> None:
    """The other tests would pass over an empty report, too."""
    content = (planted / "findings.json").read_bytes()
    assert len(left(content, "findings.json", plants.words)) > len(plants.words) * 2 // 3


def forms() -> Iterator[Any]:
    for form in FORMATS:
        if form == "pdf":
            yield pytest.param(form, marks=pytest.mark.slow)
        elif form != "pdf-letter":
            yield form


@pytest.mark.parametrize("form", tuple(forms()))
def test_nothing_that_was_planted_is_left(scan: Scan, plants: Plants, form: str) -> None:
    content = b"".join(FORMATS[form].make(build(scan)))
    assert left(content, FORMATS[form].file, plants.words) == set()
    assert len(content) > 500


def test_the_answers_are_the_same(planted: Path, scan: Scan) -> None:
    def answers(findings: Any) -> list[tuple[str, str, str, str]]:
        return [(each.control, each.status, each.region, each.subject_type) for each in findings]

    original = read_scan(planted)
    assert answers(scan.findings) == answers(original.findings)
    assert len(scan.findings) == len(original.findings)
    assert build(scan).counts == build(original).counts


def test_the_document_says_that_it_is_redacted(scan: Scan) -> None:
    document = orjson.loads(b"".join(FORMATS["json"].make(build(scan))))
    assert document["redacted"] is True
    assert document["summary"]["limitations"][0] == REDACTED
    for form in ("html", "markdown"):
        text = b"".join(FORMATS[form].make(build(scan))).decode()
        assert REDACTED in text
    assert "redacted" not in orjson.loads(b"".join(FORMATS["json"].make(build(made_scan()))))


@pytest.mark.slow
def test_an_explanation_is_redacted_too(planted: Path, plants: Plants) -> None:
    subjects = {each.subject for each in read_scan(planted).findings}
    for subject in sorted(subjects):
        result = redacted_explanation(explain(planted, subject), Pseudonyms(KEY))
        for content in (explanation_json(result), explanation_svg(result)):
            assert left(content, "told.json", plants.words) == set(), subject


def test_a_scan_with_hostile_names_is_redacted() -> None:
    scan = redacted(made_scan(), Pseudonyms(KEY))
    words = {
        *ACCOUNTS,
        *filter(None, ACCOUNTS.values()),
        *HOSTILE,
        "acme12345",
        "alice",
        "W-17",
        "evil.example",
    }
    for form in ("json", "csv", "html", "sarif", "markdown", "junit"):
        content = b"".join(FORMATS[form].make(build(scan)))
        assert left(content, FORMATS[form].file, words) == set()


def test_every_part_of_a_scan_is_redacted() -> None:
    """Whoever adds a part says here that it is redacted, too (`redact/scan.py`)."""
    assert {each.name for each in fields(Scan)} == {
        "assessment", "blast_radius", "changes", "controls", "count_inherited_backup", "coverage",
        "fail_on_unknown", "findings", "first_seen", "frameworks", "gaps", "limitations", "manifest",
        "parameters", "protection_groups", "reconciliation", "redacted", "report", "resources",
        "root_causes", "selection", "signing", "structures", "tiers", "timeline", "unit_names",
        "unsupported", "waivers",
    }  # fmt: skip


def test_findings_keep_the_time_when_they_were_first_seen(planted: Path) -> None:
    original = read_scan(planted)
    named = {each.fingerprint for each in original.findings if each.status is Status.FAIL}
    times = FirstSeenTimes((each, FirstSeen(CLOCK)) for each in sorted(named))
    points = (TrendPoint(scan_id="night-of-acme", evaluated_as_of=CLOCK, failed={}, totals={}, score=None),)
    series = Timeline(points, notes=("s3://scans-of-acme/x is left out: it cannot be read.",))
    scan = redacted(replace(original, first_seen=times, timeline=series), Pseudonyms(KEY))
    assert scan.first_seen is not None
    assert len(scan.first_seen) == len(named)
    for finding in scan.findings:
        expected = FirstSeen(CLOCK) if finding.status is Status.FAIL else None
        assert scan.first_seen.get(finding.fingerprint) == expected
    assert "acme" not in str(scan.timeline)


def test_findings_stream_and_come_again(scan: Scan) -> None:
    first: list[Finding] = list(scan.findings)
    assert [each.document() for each in first] == [each.document() for each in scan.findings]
    assert all(re.fullmatch("000[0-9]{9}", each.account) for each in first)

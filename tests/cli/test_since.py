"""`--since` as a person types it: what became of findings, in every report, and drawn again later."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.model.changes import Kind
from scanner.report.read import read_scan
from tests.fakes.bundles import AS_OF, REGION, BundleBuilder, refuse, rule, volume_arn

ALL = ("vol-1", "vol-2", "vol-3")
CONTROL = "resource-in-backup-plan"
SCHEMAS = [
    json.loads(path.read_text("utf-8"))
    for path in (Path(__file__).parents[2] / "docs/schema").glob("*.schema.json")
]
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS
)


def bundle(folder: Path, chosen: tuple[str, ...], volumes: tuple[str, ...], *, refused: bool = False) -> Path:
    builder = BundleBuilder(folder, scan_id=folder.name)
    shard = builder.shard()
    resources = [volume_arn(each) for each in chosen]
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": resources}])
    for each in volumes:
        shard.volume(each, {"Name": f"secret-{each}"})
    lines = builder.lines()
    statuses = {REGION: "partial"} if refused else {}
    return builder.record(**statuses).write(refuse(lines, "ec2:DescribeVolumes") if refused else lines)


def audited(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(audit, [*words, "--quiet"])
    assert result.exit_code == code, result.stderr
    return result.stderr


def judged(folder: Path, *words: str) -> None:
    audited("evaluate", str(folder), "--controls", CONTROL, "--format", "html,markdown", *words)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = bundle(tmp_path_factory.mktemp("scans") / "old", ("vol-1",), ALL)
    judged(folder)
    return folder


@pytest.fixture(scope="module")
def now(old: Path) -> Path:
    """Return a later scan: vol-2 is fixed, vol-3 deleted, vol-4 new."""
    folder = bundle(old.with_name("now"), ("vol-1", "vol-2"), ("vol-1", "vol-2", "vol-4"))
    judged(folder, "--since", str(old))
    return folder


def changes(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / "summary.json").read_bytes())
    schema = next(each for each in SCHEMAS if each["$id"].endswith(":summary:1"))
    Draft202012Validator(schema, registry=REGISTRY).validate(document)
    assert json.loads((folder / "findings.json").read_bytes())["summary"] == document["summary"]
    told: dict[str, Any] = document["summary"]["changes"]
    return told


def kinds(folder: Path) -> dict[str, str]:
    return {each["subject"].rpartition("/")[2]: each["kind"] for each in changes(folder)["worst"]}


def test_mended(now: Path) -> None:
    assert kinds(now) == {"vol-2": "fixed", "vol-3": "deleted", "vol-4": "new"}
    told = changes(now)
    assert told["since"]["scan_id"] == "old"
    assert (told["since"]["totals"]["fail"], told["since"]["totals"]["judged"]) == (2, 3)
    assert told["alarm"] == "critical"
    assert told["counts"]["same"] == 1
    page = (now / "report.html").read_text("utf-8")
    for text in ('id="changes"', 'href="#changes"', "Deleted", "secret-vol-4", "of 3 evaluated"):
        assert text in page
    summary = (now / "summary.md").read_text("utf-8")
    assert "1 new, 1 fixed, 1 deleted" in summary
    assert "Then 2 of 3 evaluated checks failed, now 1 of 3" in summary


def test_subjects_that_are_in_the_report_are_linked_and_others_are_not(now: Path) -> None:
    page = (now / "report.html").read_text("utf-8")
    section = page[page.index('<section id="changes"') :].partition("</section>")[0]
    assert section.count(f"#/?at={CONTROL}") == 2
    assert "volume%2Fvol-4" in section
    assert "volume%2Fvol-3" not in section


def test_what_was_refused_is_not_known_and_never_fixed(tmp_path: Path, old: Path) -> None:
    folder = bundle(tmp_path / "now", ("vol-1",), ALL, refused=True)
    judged(folder, "--since", str(old))
    told = changes(folder)["counts"]
    assert (told["not_known"], told["fixed"], told["deleted"]) == (2, 0, 0)
    assert "Failed, now unknown" in (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(("refused", "kind"), [(False, "deleted"), (True, "not_known")])
def test_the_evidence_says_what_was_read_where_the_manifest_does_not(
    tmp_path: Path,
    old: Path,
    refused: bool,  # noqa: FBT001
    kind: str,
) -> None:
    folder = bundle(tmp_path / "now", ("vol-1",), ("vol-1",), refused=refused)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["shards"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    judged(folder, "--since", str(old))
    found = kinds(folder)
    assert found["vol-2"] == found["vol-3"] == kind


def test_a_waiver_that_ended(tmp_path: Path) -> None:
    day = (AS_OF - timedelta(days=2)).date()
    waiver = f"""
waivers:
  - {{id: W-1, control: {CONTROL}, subject: "{volume_arn("vol-2")}", owner: me, approver: you,
      reason: "It is rebuilt every night.", expires: "{day.isoformat()}"}}
"""
    config = tmp_path / "audit.yaml"
    config.write_text(waiver)
    was, now = (bundle(tmp_path / name, ("vol-1",), ("vol-1", "vol-2")) for name in ("was", "now"))
    judged(was, "--config", str(config), "--as-of", (AS_OF - timedelta(days=5)).isoformat())
    judged(now, "--config", str(config), "--since", str(was))
    assert kinds(now)["vol-2"] == "waiver_ended"
    assert "Waiver ended" in (now / "report.html").read_text("utf-8")


def test_reopened_with_before(tmp_path: Path, old: Path) -> None:
    mended = bundle(tmp_path / "mended", ALL, ALL)
    judged(mended)
    again = bundle(tmp_path / "again", ("vol-1",), ALL)
    judged(again, "--since", str(mended))
    assert set(kinds(again).values()) == {"new"}
    audited("report", str(again), "--format", "summary", "--since", str(mended), "--before", str(old))
    told = json.loads((again / "summary.json").read_bytes())["summary"]["changes"]
    assert told["counts"]["reopened"] == 2


def test_drawn_again_from_the_folder(tmp_path: Path, now: Path) -> None:
    audited("report", str(now), "--format", "html,markdown,json", "--out", str(tmp_path / "again"))
    for name in ("report.html", "summary.md", "findings.json"):
        one, two = (place / name for place in (now, tmp_path / "again"))
        section = [_changes_of(path.read_text("utf-8")) for path in (one, two)]
        assert section[0] == section[1]
    held = read_scan(now).changes
    assert held is not None
    assert held.counts[Kind.FIXED] == 1


def _changes_of(text: str) -> str:
    if text.startswith("{"):
        return json.dumps(json.loads(text)["summary"]["changes"])
    _, _, behind = text.partition('<section id="changes"' if "<html" in text else "**Since")
    assert behind
    return behind.partition("</section>" if "<html" in text else "\n")[0]


def test_without_since_there_are_none(old: Path) -> None:
    assert "changes" not in json.loads((old / "summary.json").read_bytes())["summary"]
    assert 'id="changes"' not in (old / "report.html").read_text("utf-8")


def test_redacted(tmp_path: Path, old: Path) -> None:
    """Names of the former scan are pseudonyms, too, and equal ones where they are equal."""
    folder = bundle(tmp_path / "now", ("vol-1", "vol-2"), ("vol-1", "vol-2", "vol-4"))
    judged(folder, "--since", str(old), "--redact")
    audited("report", str(folder), "--format", "html", "--redact", "--out", str(tmp_path / "shared"))
    for page in (folder / "redacted" / "report.html", tmp_path / "shared" / "report.html"):
        text = page.read_text("utf-8")
        section = _changes_of(text)
        assert "Deleted" in section
        for name in ("secret", "vol-2", "vol-3", "vol-4", "111111111111"):
            assert name not in section
        assert section.count("#/?at=") == 2


@pytest.mark.parametrize("command", ["evaluate", "report", "run"])
def test_mistakes_are_told_before_anything_is_done(tmp_path: Path, old: Path, command: str) -> None:
    words = [command] if command == "run" else [command, str(old)]
    out = ["--out", str(tmp_path / "out")]
    told = audited(*words, *out, "--since", str(tmp_path / "none"), code=6)
    assert "manifest.json" in told
    assert "--before" in audited(*words, *out, "--before", str(old), code=2)
    assert not (tmp_path / "out").exists()


def test_a_scan_is_not_held_against_itself(old: Path) -> None:
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    for words in (("evaluate", "--force"), ("report",)):
        assert "an earlier one" in audited(*words, str(old), "--since", str(old), code=2)
    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before

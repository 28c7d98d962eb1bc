import re
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from scanner.errors import ConfigurationError
from scanner.model.compliance import TagScope
from scanner.model.decisions import ContactWay, Match, OwnedBy, RuleWay, TagWay, Waiver
from scanner.model.formats import Format
from scanner.settings.settings import ScopeSettings, Settings, WaiverRule, load_settings

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"

_NAMES = [repr(name) for name in get_args(Format)]
FORMATS = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"

WAIVER = """\
  - id: W-1
    control: vault-locked
    subject: arn:aws:backup:*:backup-vault:lab-*
    owner: me
    approver: you
    reason: a lab
    expires: 2020-01-31
"""


@pytest.fixture
def write(tmp_path: Path) -> "Writer":
    return Writer(tmp_path / "audit.yaml")


class Writer:
    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, text: str) -> Settings:
        self.path.write_text(text, encoding="utf-8")
        return load_settings(self.path)

    def mistakes(self, text: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.load(text)
        return [str(mistake).replace(f"{self.path}:", "") for mistake in caught.value.mistakes]


def example() -> str:
    block = re.search(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return block[1]


def keys_of(section: type[BaseModel]) -> set[str]:
    found = set(section.model_fields)
    for field in section.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= keys_of(part)
    return found


def test_the_example_of_the_guide_loads(write: Writer) -> None:
    settings = write.load(example())
    assert settings.scope.exclude[0].account == "123456789012"
    assert settings.scope.session_seconds == 3600
    assert settings.parameters.controls["resource-backed-up-recently"] == {"max_age_hours": 26}
    assert settings.waivers[0].expires == date(2027, 3, 31)
    assert settings.outputs.formats == ("html", "pdf", "json")
    assert settings.tiers[0].tier({}).match == Match(tags=(("tier", ("critical",)),))
    assert settings.overrides[1].tier({}).match.regions == ("eu-*",)


def test_the_example_of_the_guide_shows_every_key() -> None:
    shown = set(re.findall(r"^[ -]*([a-z_]+):", example(), re.MULTILINE))
    assert keys_of(Settings) - shown == set()


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "scope: {}\nwaivers: []\n"])
def test_an_empty_file_says_nothing(write: Writer, text: str) -> None:
    assert write.load(text).model_dump() == Settings().model_dump()


def test_an_account_id_keeps_its_leading_zeros_without_quotes(write: Writer) -> None:
    scope = write.load("scope:\n  accounts: [012345678901, 123456789012, '000000000001']\n").scope
    assert scope == ScopeSettings(accounts=("012345678901", "123456789012", "000000000001"))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("scop: {}", "1: unknown key scop (did you mean scope?)"),
        ("scope:\n  region: [eu-west-1]", "2: unknown key scope.region (did you mean regions?)"),
        (
            "outputs:\n  zzz: 1",
            "2: unknown key outputs.zzz (valid keys: bucket_owner, directory, formats, kms_key)",
        ),
        (
            "notify:\n  topic: backup-audit",
            (
                '2: notify.topic: must be written as AWS writes it, not "backup-audit" '
                "(the ARN of an SNS topic, like arn:aws:sns:eu-west-1:111111111111:backup-audit)"
            ),
        ),
        (
            "notify: {security_hub: {role: x}}",
            "1: unknown key notify.security_hub.role (did you mean role_name?)",
        ),
        (
            "scope:\n  accounts:\n    - 111111111111\n    - 12345",
            "4: scope.accounts.1: must be text, not 12345 (an account id has twelve digits)",
        ),
        (
            "scope:\n  accounts: ['12345']",
            (
                '2: scope.accounts.0: must be written as AWS writes it, not "12345" '
                "(an account id has twelve digits)"
            ),
        ),
        (
            "scope:\n  regions: eu-west-1",
            '2: scope.regions: must be a list, not "eu-west-1" (like eu-west-1)',
        ),
        (
            "scope:\n  regions: [EU-WEST-1]",
            '2: scope.regions.0: must be written as AWS writes it, not "EU-WEST-1" (like eu-west-1)',
        ),
        (
            "scope:\n  role_name: arn:aws:iam::111111111111:role/x",
            (
                "2: scope.role_name: must be written as AWS writes it, not "
                '"arn:aws:iam::111111111111:role/x" (only the name of the role, not an ARN)'
            ),
        ),
        (
            "scope:\n  session_seconds: 60",
            "2: scope.session_seconds: input should be greater than or equal to 900, not 60",
        ),
        ("scope:\n  session_seconds: '3600'", '2: scope.session_seconds: must be a whole number, not "3600"'),
        ("scope:\n  organization: yes", '2: scope.organization: must be true or false, not "yes"'),
        (
            "scope:\n  exclude:\n    - account: 111111111111",
            "3: scope.exclude.0.reason is missing",
        ),
        (
            "outputs:\n  formats: [html, docx]",
            f'2: outputs.formats.1: input should be {FORMATS}, not "docx"',
        ),
        ("controls: [' ']", '1: controls.0: must not be empty, not " "'),
        ("scope:", "1: scope: must be a mapping, not nothing"),
        ("- a\n- b", '1: the file: must be a mapping, not ["a","b"]'),
        ("parameters:\n  controls: {x: 3}", "2: parameters.controls.x: must be a mapping, not 3"),
        (f"waivers:\n{WAIVER}{WAIVER}", "9: the waiver W-1 occurs twice"),
        (
            f"waivers:\n{WAIVER.replace('2020-01-31', 'never')}",
            '8: waivers.0.expires: must be a date like 2026-12-31, not "never"',
        ),
        (
            f"waivers:\n{WAIVER.replace('2020-01-31', '20200131')}",
            "8: waivers.0.expires: must be a date like 2026-12-31, not 20200131",
        ),
        (f"waivers:\n{WAIVER.replace('    owner: me', '')}", "2: waivers.0.owner is missing"),
        ("scope: &a {}", "1: the anchor &a is not supported (write the value out where it is used)"),
    ],
)
def test_a_mistake_says_where_what_and_what_to_do(write: Writer, text: str, mistake: str) -> None:
    assert write.mistakes(text) == [mistake]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write: Writer) -> None:
    text = "scope:\n  regions: [x]\n  bogus: 1\nnotify: []\nscope: {}\noutputs: {formats: [svg]}\n"
    assert [mistake.split(":")[0] for mistake in write.mistakes(text)] == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize("text", ["a: [", "a: \x00", "[" * 60])
def test_broken_yaml_is_a_mistake(write: Writer, text: str) -> None:
    assert len(write.mistakes(text)) == 1


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: the file cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_a_file_that_is_no_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not UTF-8 text"):
        load_settings(tmp_path / "audit.yaml")


def waiver_rule(subject: str) -> WaiverRule:
    return WaiverRule(
        id="W-1",
        control="vault-locked",
        subject=subject,
        owner="me",
        approver="you",
        reason="a lab",
        expires=date(2020, 1, 31),
    )


def test_an_expired_waiver_is_no_mistake(write: Writer) -> None:
    (waiver,) = write.load(f"waivers:\n{WAIVER}").waivers
    assert waiver.waiver() == Waiver("W-1", "me", "you", "a lab", "2020-01-31")


OWNERS = """\
owners:
  - tag: team
  - match: {tags: {env: prod}, types: [RDS]}
    owner: dba
  - account_contact: [name]
  - owner: everybody
"""


def test_the_ways_to_an_owner_keep_their_order_and_rules_are_counted(write: Writer) -> None:
    assert write.load(OWNERS).owner_ways() == (
        TagWay(("team",)),
        RuleWay(1, OwnedBy(types=("RDS",), tags=(("env", ("prod",)),)), "dba"),
        ContactWay(("name",)),
        RuleWay(2, OwnedBy(), "everybody"),
    )


def test_an_entry_of_owners_says_one_thing(write: Writer) -> None:
    text = "owners:\n  - {}\n  - {tag: a, owner: b}\n  - match: {}\n  - {tag: a, match: {}}\n"
    one = "an entry of owners has exactly one of tag, account_contact and owner"
    hint = "(write an entry for each: the first that finds an owner applies)"
    assert write.mistakes(text) == [
        f"2: {one} {hint}",
        f"3: {one} {hint}",
        f"4: {one} {hint}",
        "5: a match needs an owner (add the key owner)",
    ]


def test_a_contact_that_is_not_read_is_refused(write: Writer) -> None:
    (result,) = write.mistakes("owners:\n  - account_contact: [billing]\n")
    assert result.startswith("2: owners.0.account_contact.0: input should be 'email' or 'name'")


def test_the_scope_of_a_framework(write: Writer) -> None:
    settings = write.load("frameworks: {pci-dss-4: {scope: {tags: {data: [cde, 'card*'], env: prod}}}}")
    assert settings.framework_scopes() == {
        "pci-dss-4": TagScope((("data", ("cde", "card*")), ("env", ("prod",))))
    }
    assert write.load("{}").framework_scopes() == {}


@pytest.mark.parametrize(
    ("scope", "mistake"),
    [
        ("{}", "1: frameworks.hipaa.scope is missing"),
        ("{scop: {}}", "1: unknown key frameworks.hipaa.scop"),
        ("{scope: {}}", "1: frameworks.hipaa.scope.tags is missing"),
        ("{scope: {tag: {a: b}}}", "1: unknown key frameworks.hipaa.scope.tag"),
        ("{scope: {tags: {}}}", "1: frameworks.hipaa.scope.tags: must not be empty"),
        ("{scope: {tags: {a: []}}}", "1: frameworks.hipaa.scope.tags.a: must not be empty"),
        ("{scope: {tags: {a: 1}}}", "1: frameworks.hipaa.scope.tags.a"),
    ],
)
def test_a_scope_of_another_shape(write: Writer, scope: str, mistake: str) -> None:
    mistakes = write.mistakes(f"frameworks: {{hipaa: {scope}}}")
    assert any(each.startswith(mistake) for each in mistakes), mistakes
    if mistake.startswith("1: unknown key"):
        assert any("did you mean" in each for each in mistakes), mistakes

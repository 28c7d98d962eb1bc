"""Pseudonyms: the same everywhere, of the shape of the original, and of no use without the key."""

import re
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.report.redact.pseudonyms import Pseudonyms, new_key
from scanner.report.redact.values import Values
from scanner.report.redact.vocabulary import tokens, vocabulary

KEY = b"a key of sixteen bytes and more"
PLAN = "arn:aws:backup:eu-west-1:111111111111:backup-plan:9a0b3c4d-1111-2222-3333-444455556666"


def names(*sought: str) -> Pseudonyms:
    return Pseudonyms(KEY, sought)


def test_accounts_have_twelve_digits_and_are_never_confused() -> None:
    result = names()
    made = {result.account(f"{n:012d}") for n in range(100_000_000_000, 100_000_005_000)}
    assert len(made) == 5_000
    assert all(re.fullmatch(r"000[0-9]{9}", each) for each in made)
    assert result.account("") == ""
    assert result.account("3") == names().account("3") != "3"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("arn:aws:ec2:eu-west-1:111111111111:volume/vol-0a1b2c3d4e5f60718",
         r"arn:aws:ec2:eu-west-1:000\d{9}:volume/vol-[0-9a-f]{17}"),
        ("arn:aws-cn:rds:cn-north-1:111111111111:db:payroll",
         r"arn:aws-cn:rds:cn-north-1:000\d{9}:db:name-\w{12}"),
        ("arn:aws:s3:::volume/key", r"arn:aws:s3:::name-\w{12}/name-\w{12}"),
        ("arn:aws:iam::111111111111:root", r"arn:aws:iam::000\d{9}:root"),
        ("arn:aws:iam::aws:policy/AWSBackupFullAccess", "arn:aws:iam::aws:policy/AWSBackupFullAccess"),
        ("arn:aws:iam::111111111111:role/team/backup role",
         r"arn:aws:iam::000\d{9}:role/name-\w{12}/name-\w{12}"),
        (PLAN, r"arn:aws:backup:eu-west-1:000\d{9}:backup-plan:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        (f"{PLAN}#nightly->arn:aws:backup:eu-west-1:222222222222:backup-vault:main",
         r"arn:aws:backup:[^#]+#name-\w{12}->arn:aws:backup:eu-west-1:000\d{9}:backup-vault:name-\w{12}"),
        ("aws:account:111111111111", r"aws:account:000\d{9}"),
        ("aws:account-region:111111111111/eu-west-1", r"aws:account-region:000\d{9}/eu-west-1"),
        ("billing / nightly -> archive", r"name-\w{12} / name-\w{12} -> name-\w{12}"),
        ("o-abc123def4/r-ab12/ou-ab12-34cd56ef/", r"o-\w{12}/r-\w{12}/ou-\w{12}-\w{12}/"),
        ("root@example.com", r"\w{12}@example\.invalid"),
        ("0808CF8A-5D63-4001-9B41-307B0E512E85", r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"),
        ("volume/vol-12345678", r"volume/vol-[0-9a-f]{8}"),
        ("aws/backup", "aws/backup"),
        ("", ""),
        ("*", r"\*"),
    ],
)  # fmt: skip
def test_the_shape_stays_and_the_name_goes(name: str, shape: str) -> None:
    result = names().name(name)
    assert re.fullmatch(shape, result), result
    plain = {"", "*", "aws/backup", "arn:aws:iam::aws:policy/AWSBackupFullAccess"}
    assert (result == name) is (name in plain)


def test_a_name_has_one_pseudonym_wherever_it_stands() -> None:
    result = names()
    vault = result.name("archive-7")
    assert result.name("arn:aws:backup:eu-west-1:111111111111:backup-vault:archive-7").endswith(f":{vault}")
    assert result.name("plan / rule -> archive-7").endswith(f" {vault}")
    assert result.sentence("There is no vault archive-7.") == f"There is no vault {vault}."
    assert result.words("archive-7") == vault


def test_another_key_gives_other_pseudonyms_and_the_same_key_the_same() -> None:
    one, other, again = names(), Pseudonyms(new_key()), names()
    for name in ("archive-7", PLAN, "vol-0a1b2c3d", "root@example.com"):
        assert one.name(name) == again.name(name) != other.name(name)
    assert one.account("111111111111") == again.account("111111111111") != other.account("111111111111")
    with pytest.raises(ValueError, match="16 are needed"):
        Pseudonyms(b"short")


@pytest.mark.parametrize(
    "text",
    [
        "The newest usable recovery point is 154 hours old. At most 24 hours are allowed.",
        "backup:GetBackupPlan in eu-west-1 was refused (AccessDeniedException).",
        "The next start is 2026-11-20T15:00 (Etc/UTC).",
        "The vault is locked in governance mode.",
        "The copy is kept for 35 days, from 2026-11-20T15:00:00Z on.",
    ],
)
def test_sentences_of_the_program_stay_as_they_are(text: str) -> None:
    assert names().sentence(text) == text


def test_ordinary_words_are_redacted_where_they_are_known_to_be_names() -> None:
    text = "The plan governance keeps resources: governance."
    assert names().sentence(text) == text
    result = names("governance")
    name = result.name("governance")
    assert result.sentence(text) == f"The plan {name} keeps resources: {name}."
    assert names().sentence("It is governance.", ("governance",)) == f"It is {name}."


def test_names_with_blanks_are_redacted_whole() -> None:
    result = names("landing zone")
    assert (
        result.sentence("The plan landing zone is full.")
        == f"The plan {result.name('landing zone')} is full."
    )


PLAIN = ("35", "3.5", "2026-11-20", "2026-11-20T15:00:00.000Z", "0.1.0", "05:40:00Z", "4711")


def test_numbers_and_dates_of_the_program_stay() -> None:
    result = names()
    for plain in (*PLAIN, "eu-west-1", "us-gov-west-1"):
        assert result.words(plain) == plain
        assert result.sentence(f"Since {plain} (of 12).") == f"Since {plain} (of 12)."


def test_a_region_is_no_name_but_numbers_and_dates_can_be() -> None:
    result = names()
    assert result.name("eu-west-1") == "eu-west-1"
    for name in (*PLAIN, "123456789012", "1234567890123", "eu-payments-1", "10.0.0.1", "2026-payments"):
        assert result.name(name) != name


@pytest.mark.parametrize("name", ["4711", "2026-11-20", "20260101", "1.2.3", "eu-payments"])
def test_a_number_or_date_that_is_a_name_is_found_in_sentences(name: str) -> None:
    result = names()
    shown = result.sentence(f"The plan {name} has a rule '{name}' since 2025-01-31, 35 days.", (name,))
    pseudonym = result.name(name)
    assert shown == f"The plan {pseudonym} has a rule '{pseudonym}' since 2025-01-31, 35 days."


NUMBERED = st.one_of(
    st.integers(min_value=1_000, max_value=10**11).map(str),
    st.dates().map(str),
    st.datetimes().map(lambda instant: f"{instant.isoformat(timespec='seconds')}Z"),
    st.floats(min_value=1_000, max_value=10**9).map(lambda number: f"{number:.3f}"),
)
IDENTIFYING = st.one_of(
    st.integers(min_value=0, max_value=10**12 - 1).map("{:012d}".format),
    st.ip_addresses(v=6).map(str).filter(lambda text: len(text) > 4),
    st.ip_addresses(v=6).map(lambda address: address.exploded.upper()),
    st.ip_addresses(v=4).map(str),
    st.binary(min_size=6, max_size=6).map(lambda data: data.hex(":")),
    st.emails().filter(lambda mail: not mail.startswith("'")),
)
FRAMES = st.sampled_from(("The vault {} exists.", "plan {}: refused", "(at {})", "{}, for 35 days", "“{}”"))


@given(NUMBERED, FRAMES)
def test_no_number_or_date_that_is_a_name_is_left(name: str, frame: str) -> None:
    result = Pseudonyms(KEY)
    assert name not in result.name(name)
    assert name not in result.sentence(frame.format(name), (name,))
    assert name not in str(Values(result).mapping({"name": name, "tags": [{"key": name, "value": name}]}))


@given(IDENTIFYING, FRAMES)
@example("100::", "plan {}: refused")
def test_accounts_addresses_and_mails_are_recognized_without_being_known(name: str, frame: str) -> None:
    result = Pseudonyms(KEY)
    for text in (result.name(name), result.sentence(frame.format(name)), result.words(name)):
        assert name.lower() not in text.lower()


def test_numbers_that_are_accounts_are_replaced() -> None:
    result = Pseudonyms(KEY)
    values = Values(result)
    result.account("000123456789")
    shown = values.mapping(
        {"count": 35, "size": 12345678901, "ids": [834720165293, 834720165293.0, 123456789], "on": True}
    )
    assert (shown["count"], shown["size"]) == (35, 12345678901)
    first, second, third = shown["ids"]
    assert f"{first:012d}" == result.account("834720165293")
    assert first == second
    assert f"{third:012d}" == result.account("000123456789")
    assert shown["on"] is True


REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}[a-f]?")
"""What has the form of a Region stays."""

WORD = st.text(st.characters(codec="utf-8"), min_size=5, max_size=30).filter(
    lambda text: (
        not {each for each in tokens(text) if each in vocabulary()}
        and sum(letter.isalpha() for letter in text) > 3
    )
)


@given(WORD, st.sampled_from(("{}", "The vault {} exists.", "{}: {}", "plan {}/{} (refused)", "“{}”")))
def test_no_word_that_is_not_the_programs_own_is_left(name: str, frame: str) -> None:
    result = Pseudonyms(KEY).sentence(frame.format(*[name] * 2))
    left = {
        each
        for each in tokens(name)
        if len(each) > 4 and not each.replace(".", "").isdigit() and not REGION.fullmatch(each)
    }
    assert not left & set(tokens(result))


def test_arns_in_sentences_are_found_with_what_ends_a_sentence_behind_them() -> None:
    result = names()
    for before, behind in product(("", "of ", "("), ("", ".", ", and", ").", ": no")):
        text = f"{before}{PLAN}{behind}"
        assert result.sentence(text) == f"{before}{result.name(PLAN)}{behind}"

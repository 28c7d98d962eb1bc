"""Events: what the function takes, and the sentence for what it does not."""

import pytest

from scanner.distributed.events import Collect, Scan, parse_event
from scanner.distributed.options import environment_of
from scanner.errors import UsageError

VARIABLES = {
    "VAULTPROOF_EVIDENCE_BUCKET": "evidence-bucket",
    "VAULTPROOF_WORK_BUCKET": "work-bucket",
    "VAULTPROOF_BUCKET_OWNER": "111111111111",
}


def test_an_event_without_an_action_is_a_whole_scan() -> None:
    event = parse_event({"scan": {"accounts": ["111111111111"], "regions": ["eu-west-1"]}})
    assert isinstance(event, Scan)
    assert event.scan.regions == ("eu-west-1",)


def test_the_steps_name_their_scan() -> None:
    event = parse_event({"action": "collect", "scan_id": "night-1", "scan": {}, "account": "111111111111"})
    assert isinstance(event, Collect)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        ({"action": "dance"}, "action"),
        ({"Records": [{"eventSource": "aws:s3"}]}, "Records"),
        ({"scan": {"region": ["eu-west-1"]}}, "scan.region"),
        ({"scan": {"accounts": ["production"]}}, "scan.accounts"),
        ({"action": "open", "scan_id": "../other"}, "scan_id"),
        ({"action": "judge", "scan_id": "a", "batch": -1}, "batch"),
        ({"scan": {"session_seconds": 7200}}, "after one hour"),
    ],
)
def test_another_event_is_refused_in_one_sentence(event: object, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_event(event)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_action_of_any_length_gives_a_short_sentence() -> None:
    with pytest.raises(UsageError) as refused:
        parse_event({"action": "x" * 100_000})
    assert len(str(refused.value)) < 1_000


def test_the_environment_names_buckets_and_their_owner() -> None:
    environment = environment_of({**VARIABLES, "VAULTPROOF_CONFIG": "s3://settings-bucket/audit.yaml"})
    assert str(environment.work("night-1")) == "s3://work-bucket/work/night-1"
    assert environment.means.owner == {"ExpectedBucketOwner": "111111111111"}


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        environment_of({key: value for key, value in VARIABLES.items() if key != name})


def test_an_owner_that_is_no_account_is_refused() -> None:
    with pytest.raises(UsageError, match="VAULTPROOF_BUCKET_OWNER"):
        environment_of({**VARIABLES, "VAULTPROOF_BUCKET_OWNER": "us"})


def test_a_time_without_an_offset_is_utc() -> None:
    for text in ("2026-11-22", "2026-11-22T00:00:00", "2026-11-22T00:00:00Z"):
        as_of = parse_event({"scan": {"as_of": text}}).scan.as_of
        assert as_of is not None
        assert as_of.isoformat() == "2026-11-22T00:00:00+00:00"

"""What the check of the stages says of ratios; that needs no measuring."""

from bench.check import CHECKED, excessive, limit, problems

RECORDED = {"findings": 20.0, "html": 10.0, "summary": 0.1}


def test_a_stage_may_take_a_third_more_or_one_floor() -> None:
    assert limit(20.0) == 26.0
    assert limit(0.1) == 1.1


def test_ratios_within_their_limits_are_no_problem() -> None:
    ratios = {"findings": 25.9, "html": 5.0, "summary": 1.09}
    assert excessive(ratios, RECORDED) == []
    assert list(problems(ratios, RECORDED)) == []


def test_a_problem_names_the_stage_its_ratios_and_the_remedy() -> None:
    ratios = {"findings": 26.1, "html": 10.0, "summary": 0.1}
    assert excessive(ratios, RECORDED) == ["findings"]
    (problem,) = problems(ratios, RECORDED)
    assert problem == (
        "Stage 'findings' takes 26.1 times the floor; 20.0 was recorded, and the limit is 26.0. "
        "Make it faster, or record the new ratio: make bench-record"
    )


def test_a_stage_that_only_one_side_knows_is_a_problem() -> None:
    new, gone = problems({"html": 10.0, "summary": 0.1, "epub": 1.0}, RECORDED)
    assert new == "Stage 'epub' is not in recorded.json. Record it: make bench-record"
    assert gone.startswith("Stage 'findings' of recorded.json was not measured")


def test_what_depends_on_the_number_of_cores_is_not_compared() -> None:
    assert "findings" in CHECKED
    assert not [name for name in CHECKED if "processes" in name]

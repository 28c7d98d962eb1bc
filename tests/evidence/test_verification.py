"""The result of a verification."""

from scanner.evidence.verification import Check, CheckResult, any_failed


def test_only_a_failed_check_refuses_the_scan() -> None:
    others = [Check("signature", result, "") for result in CheckResult if result is not CheckResult.FAILED]
    assert not any_failed(others)
    assert any_failed([*others, Check("chain", CheckResult.FAILED, "")])


def test_results_are_the_words_of_the_contract() -> None:
    assert [result.value for result in CheckResult] == ["ok", "failed", "missing", "not_checked"]

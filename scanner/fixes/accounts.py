"""Settings of the Region and of the organisation, and roles."""

from scanner.fixes.draft import Entry, NoFixError
from scanner.fixes.policies import add_statement, admit_service
from scanner.fixes.problem import Problem, Workbench
from scanner.model.root_causes import RootCause


def opt_in(bench: Workbench, problem: Problem) -> None:
    """Opt the Region in to a resource type."""
    cause = problem.cause
    entry = bench.draft.region_settings(cause.account, cause.region)
    preference = entry.document["ResourceTypeOptInPreference"]
    # UpdateRegionSettings refuses names that the Region does not know.
    if cause.about not in preference:
        raise NoFixError(f"AWS Backup lists no service opt-in for {cause.about} in {cause.region}.")
    preference[cause.about] = True
    entry.because_of(
        cause,
        f"Selections that match {cause.about} resources by tags back these up from now on: more is stored.",
    )


def enable_cross_account(bench: Workbench, problem: Problem) -> None:
    """Turn on cross-account backup in the management account."""
    entry = bench.draft.global_settings()
    # All global settings of AWS Backup are text, the flags too.
    entry.document["GlobalSettings"] = {"isCrossAccountBackupEnabled": "true"}
    entry.because_of(
        problem.cause, "Copy actions to other accounts work from now on: copies are stored there."
    )


def create_role(bench: Workbench, problem: Problem) -> None:
    """Create a role that a selection names, with AWS's managed policies for backup and restore."""
    entry = bench.draft.role(problem.cause.subject)
    # The recorded roles have it after all, so that creating it would fail.
    if entry.before is not None:
        raise NoFixError("The role exists since.")
    trust_backup(entry, problem.cause)


def trust_backup(entry: Entry, cause: RootCause) -> None:
    """Let AWS Backup assume a new role."""
    add_statement(entry.document.setdefault("AssumeRolePolicyDocument", {}), admit_service())
    entry.because_of(
        cause,
        "The role gets the AWS managed policies AWSBackupServiceRolePolicyForBackup and ...ForRestores; S3 "
        "needs the "
        "two policies for S3 as well.",
    )


def admit_backup(bench: Workbench, problem: Problem) -> None:
    """Let AWS Backup assume a role."""
    entry = bench.draft.role(problem.cause.subject)
    add_statement(entry.document.setdefault("AssumeRolePolicyDocument", {}), admit_service())
    entry.because_of(problem.cause, "The statement is added to the trust policy of the role.")

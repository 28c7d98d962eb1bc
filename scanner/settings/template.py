"""A first audit.yaml, as `audit init` writes it: what is known is set, and the rest is there as comments."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

DEFAULT_ROLE: Final = "VaultproofReadOnly"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a team says about its audits, or what a scan shows of them.

    `unread`: accounts that a scan could not read, with the reason. `owner_tags`: keys of tags that name
    owners. `tiers`: values of a tag `tier`. `source`: the scan; empty: none.
    """

    organization: bool = False
    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    role_name: str = ""
    external_id: str = ""
    controls: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    directory: str = ""
    fail_on: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    owner_tags: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    source: str = ""


def settings_text(answers: Answers) -> str:
    """Return the text of the file."""
    sections = (_head, _scope, _controls, _tiers, _waivers, _owners, _report, _frameworks, _outputs)
    # An empty line between sections.
    return "\n".join("\n".join(section(answers)) + "\n" for section in sections)


def _head(answers: Answers) -> Iterator[str]:
    origin = f" from the scan {_value(answers.source)}" if answers.source else ""
    yield f"# The settings of the audits, begun by `audit init`{origin}."
    yield "# Check them with `audit config check audit.yaml`; use them with `audit run --config audit.yaml`."
    yield "# docs/configuration.md documents every key. Every key is optional."


def _scope(answers: Answers) -> Iterator[str]:
    yield "scope:"
    yield "  # Scan all accounts of the organisation. False: only the account of the credentials."
    yield f"  organization: {_value(answers.organization)}"
    yield "  # Only these accounts, or only accounts in or below these organizational units. Empty: all."
    yield from _list("  ", "accounts", answers.accounts, '["111111111111"]')
    yield from _list("  ", "organizational_units", answers.units, "[ou-ab12-34cd56ef]")
    yield "  # The Regions to scan. Empty: all that are enabled in each account."
    yield from _list("  ", "regions", answers.regions, "[eu-west-1, eu-central-1]")
    yield "  # The role to assume in each account (`audit policy` prints it), and its external id."
    yield _or_comment("  ", "role_name", answers.role_name, DEFAULT_ROLE)
    yield _or_comment("  ", "external_id", answers.external_id, "an-external-id")
    yield "  # Accounts to leave out on purpose. The report lists them with the reason."
    # An example, if the scan has no account to suggest.
    unread = answers.unread or {"123456789012": "A sandbox that is emptied every night."}
    if answers.unread:
        yield "  # The scan could not read these. Give the role to them, or leave them out:"
    yield "  # exclude:"
    for account, reason in unread.items():
        yield f"  #   - account: {_value(account)}"
        yield f"  #     reason: {_value(reason)}"


def _controls(answers: Answers) -> Iterator[str]:
    yield "# The controls to evaluate: ids, packs (`audit controls list --packs`), your own folders, or all."
    yield "# Without this key scans evaluate the pack baseline: what nearly every organisation wants"
    yield "# (`audit controls show baseline`). They collect everything, so `audit evaluate --controls all`"
    yield "# needs no new scan. With this key they collect what its controls need, or all with --collect all."
    yield from _list("", "controls", answers.controls, "[baseline]")
    yield ""
    yield "# Parameters of controls (`audit controls show ID` has them with their defaults)."
    yield "# parameters:"
    yield "#   controls:"
    yield "#     resource-backed-up-recently: {max_age_hours: 26}"
    yield "#     vault-locked: {mode: compliance}"


def _tiers(answers: Answers) -> Iterator[str]:
    yield "# Stricter or weaker parameters for some resources. The first tier that matches applies."
    if answers.tiers:
        yield "# The scan has resources with these values of the tag `tier`:"
    yield "# tiers:"
    for value in answers.tiers or ("critical",):
        yield f"#   - name: {_value(value)}"
        yield f"#     match: {{tags: {{tier: {_value(value)}}}}}"
        yield "#     parameters:"
        yield "#       resource-backed-up-recently: {max_age_hours: 5}"


def _waivers(_answers: Answers) -> Iterator[str]:
    yield "# Failures that are accepted until a date. All keys are required."
    yield "# waivers:"
    yield "#   - id: W-1"
    yield "#     control: resource-in-backup-plan"
    yield '#     subject: "arn:aws:rds:*:444444444444:db:playground"'
    yield "#     owner: team@example.com"
    yield "#     approver: head@example.com"
    yield "#     reason: Its data is made again every night."
    yield "#     expires: 2027-01-31"


def _owners(answers: Answers) -> Iterator[str]:
    yield "# Who owns a finding: the value of a tag, else a contact of the account."
    mark = "" if answers.owner_tags else "# "
    yield f"{mark}owners:"
    yield f"{mark}  - tag: [{', '.join(map(_value, answers.owner_tags or ('owner', 'team')))}]"
    yield f"{mark}  - account_contact: [email]"


def _report(_answers: Answers) -> Iterator[str]:
    yield "# What the cover of a report says, the exceptions in its annex (all, high or none), and the"
    yield "# baseline of NIST SP 800-53 that the audit is about (low, moderate, high or none)."
    yield "# report:"
    yield "#   organization: Example AG"
    yield "#   prepared_by: Internal audit, Jane Doe"
    yield "#   period: {start: 2026-10-01, end: 2026-12-31}"
    yield "#   annex: high"
    yield "#   nist_baseline: moderate"


def _frameworks(_answers: Answers) -> Iterator[str]:
    yield "# Resources that a framework concerns, by their tags. Without it, all resources count."
    yield "# frameworks:"
    yield "#   hipaa: {scope: {tags: {data: [ephi]}}}"


def _outputs(answers: Answers) -> Iterator[str]:
    yield "# Where scans are written, a folder or s3://bucket/prefix, and the reports to write."
    if answers.directory or answers.formats:
        yield "outputs:"
        yield _or_comment("  ", "directory", answers.directory, '"scans/{date}"')
        yield from _list("  ", "formats", answers.formats, "[html, json]")
    else:
        yield "# outputs:"
        yield '#   directory: "scans/{date}"'
        yield "#   formats: [html, json]"
    yield ""
    yield "# End with exit code 10 on failures of this severity or worse."
    yield _or_comment("", "fail_on", answers.fail_on, "high")


def _list(indent: str, key: str, values: Iterable[str], example: str) -> Iterator[str]:
    listed = ", ".join(map(_value, values))
    yield f"{indent}{key}: [{listed}]" if listed else f"{indent}# {key}: {example}"


def _or_comment(indent: str, key: str, value: str, example: str) -> str:
    return f"{indent}{key}: {_value(value)}" if value else f"{indent}# {key}: {example}"


def _value(value: object) -> str:
    """Return a value in YAML; JSON is YAML, and quotes whatever a tag may contain."""
    return json.dumps(value)

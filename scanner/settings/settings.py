"""audit.yaml: the configuration of a team's audits. docs/configuration.md documents all of it.

All mistakes in the file are reported at once, with their lines, before the first call to AWS. A missing key
is None or empty here: the command line and the defaults of the program apply.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import (
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from scanner.errors import ConfigurationError, Mistake
from scanner.model.compliance import TagScope
from scanner.model.decisions import ContactWay, OwnedBy, RuleWay, TagWay, Waiver, Way
from scanner.model.finding import Severity
from scanner.model.formats import Format
from scanner.model.report_details import Annex, BaselineChoice, Period, ReportDetails
from scanner.settings.tiers import (
    OneOrMore,
    OverrideSettings,
    Section,
    TagKey,
    TagValue,
    Text,
    Texts,
    TierSettings,
    UnitText,
    listed,
    repeated,
    written,
)
from scanner.yamlfile import MAX_BYTES, YamlDocument, read_yaml
from scanner.yamlfile import Path as KeyPath

AccountText = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
RegionText = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$")]
# IAM and STS API references: AssumeRole, CreateRole.
RoleText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@/-]{1,512}$")]
ExternalIdText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$")]
SessionText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@-]{2,64}$")]


class ExcludedAccount(Section):
    """An account that is excluded on purpose. The reason goes into the report."""

    account: AccountText
    reason: Text


class ScopeSettings(Section):
    """The accounts and Regions to scan, and the role that is assumed in each account."""

    organization: bool | None = None
    accounts: tuple[AccountText, ...] = ()
    organizational_units: tuple[UnitText, ...] = ()
    regions: tuple[RegionText, ...] = ()
    exclude: tuple[ExcludedAccount, ...] = ()
    role_name: RoleText | None = None
    external_id: ExternalIdText | None = None
    session_name: SessionText | None = None
    session_seconds: Annotated[int, Field(ge=900, le=43_200)] | None = None


class ParameterSettings(Section):
    """Parameters for all controls, and those of single controls by id."""

    count_inherited_backup: bool = True
    controls: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)


class WaiverRule(Section):
    """The acceptance of one control's failures on the subjects that match a pattern."""

    id: Text
    control: Text
    subject: Text
    owner: Text
    approver: Text
    reason: Text
    expires: date

    def waiver(self) -> Waiver:
        """Return the waiver as findings have it."""
        return Waiver(self.id, self.owner, self.approver, self.reason, self.expires.isoformat())


class OwnedBySettings(Section):
    """The criteria of a rule about owners; all of them apply."""

    accounts: tuple[Text, ...] = ()
    organizational_units: tuple[UnitText, ...] = ()
    types: tuple[Text, ...] = ()
    regions: tuple[Text, ...] = ()
    tags: Mapping[Text, Texts] = Field(default_factory=dict)
    subjects: tuple[Text, ...] = ()

    def concerns(self) -> OwnedBy:
        """Return the criteria for the model."""
        criteria = self.model_dump(exclude={"tags"})
        return OwnedBy(**criteria, tags=tuple(self.tags.items()))


class OwnerSettings(Section):
    """One way to determine owners: a tag, a contact of the account, or a rule with a name."""

    tag: Texts | None = None
    account_contact: tuple[Literal["email", "name"], ...] = ()
    match: OwnedBySettings | None = None
    owner: Text | None = None

    @property
    def ways(self) -> int:
        """The number of ways that the section names: it has to be one."""
        return sum(map(bool, (self.tag, self.account_contact, self.owner)))


class OutputSettings(Section):
    """The destination of a scan (a folder, or `s3://bucket/prefix`), and the report formats."""

    directory: Text | None = None
    kms_key: Text | None = None
    bucket_owner: AccountText | None = None
    formats: tuple[Format, ...] = ()


class TagScopeSettings(Section):
    """The tags of the resources that a framework concerns: all of the keys, each with one of the values."""

    tags: Annotated[Mapping[TagKey, Annotated[tuple[TagValue, ...], *OneOrMore]], Field(min_length=1)]


class FrameworkSettings(Section):
    """What audit.yaml says of a framework."""

    scope: TagScopeSettings


WeightNumber = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class ScoreSettings(Section):
    """The weight of a check in the score, by the severity of its control."""

    weights: Mapping[Literal["critical", "high", "medium", "low", "info"], WeightNumber] = Field(
        default_factory=dict
    )


# SNS and EventBridge API references: Publish, PutEvents.
TopicText = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,251}(\.fifo)?$")
]
EventBusText = Annotated[
    str,
    StringConstraints(
        pattern=r"^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[/.A-Za-z0-9_-]{1,256}$"
    ),
]


class SecurityHubSettings(Section):
    """The findings to import into Security Hub, and the role for importing in each account."""

    role_name: RoleText | None = None
    external_id: ExternalIdText | None = None
    passed: bool = False


class NotifySettings(Section):
    """The targets of notifications: an SNS topic, an EventBridge event bus, Security Hub."""

    topic: TopicText | None = None
    severity: Severity = Severity.HIGH
    always: bool = False
    event_bus: EventBusText | None = None
    security_hub: SecurityHubSettings | None = None


# AWS KMS API reference, "Sign"; an alias has letters, digits, `/`, `_` and `-`.
KmsKeyText = Annotated[
    str,
    StringConstraints(
        pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key/[A-Za-z0-9-]+|alias/[A-Za-z0-9/_-]+)$"
    ),
]


class SignSettings(Section):
    """The key that signs scans, a file or a key in AWS KMS, and the time stamping authority."""

    key: Text | None = None
    kms_key: KmsKeyText | None = None
    timestamp_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+")] | None = None


NameText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class PeriodSettings(Section):
    """The period of an audit: its first and its last day."""

    start: date
    end: date


class ReportSettings(Section):
    """What reports say that no scan can know, and which parts they have."""

    organization: NameText | None = None
    prepared_by: NameText | None = None
    period: PeriodSettings | None = None
    annex: Annex | None = None
    nist_baseline: BaselineChoice | None = None

    def details(self) -> ReportDetails:
        """Return the settings for the model."""
        period = self.period
        return ReportDetails(
            self.organization or "",
            self.prepared_by or "",
            None if period is None else Period(period.start, period.end),
            self.annex,
            self.nist_baseline,
        )


class Settings(Section):
    """The whole file. An empty or missing file is `Settings()`."""

    scope: ScopeSettings = ScopeSettings()
    controls: tuple[Text, ...] = ()
    parameters: ParameterSettings = ParameterSettings()
    waivers: tuple[WaiverRule, ...] = ()
    tiers: tuple[TierSettings, ...] = ()
    overrides: tuple[OverrideSettings, ...] = ()
    owners: tuple[OwnerSettings, ...] = ()
    outputs: OutputSettings = OutputSettings()
    report: ReportSettings = ReportSettings()
    frameworks: Mapping[Text, FrameworkSettings] = Field(default_factory=dict)
    score: ScoreSettings = ScoreSettings()
    notify: NotifySettings = NotifySettings()
    sign: SignSettings = SignSettings()
    since: Text | None = None
    fail_on: Severity | None = None
    require_complete: bool = False
    allow_partial: bool = False

    _file: str = PrivateAttr("audit.yaml")
    _document: YamlDocument | None = PrivateAttr(None)
    _tier_names: tuple[str, ...] = PrivateAttr(())

    def owner_ways(self) -> tuple[Way, ...]:
        """Return the ways to determine owners, in the order of the file. Rules are counted from 1."""
        ways: list[Way] = []
        rules = 0
        for section in self.owners:
            if section.tag:
                ways.append(TagWay(section.tag))
            elif section.account_contact:
                ways.append(ContactWay(section.account_contact))
            else:
                rules += 1
                ways.append(
                    RuleWay(rules, (section.match or OwnedBySettings()).concerns(), section.owner or "")
                )
        return tuple(ways)

    def framework_scopes(self) -> dict[str, TagScope]:
        """Return the declared scopes by framework, in the order of the file."""
        return {
            name: TagScope(tuple(framework.scope.tags.items())) for name, framework in self.frameworks.items()
        }

    def mistake(self, path: KeyPath, message: str, hint: str = "") -> Mistake:
        """Return a mistake about the value at `path`, with file and line."""
        # Tiers may be a mapping in the file but are a list here, so the path has to be translated back.
        line = self._document.line(written(path, self._tier_names)) if self._document else 0
        return Mistake(self._file, line, message, hint)


def load_settings(path: Path) -> Settings:
    """Read and check audit.yaml. ConfigurationError has every mistake in it, in the file's order."""
    file = str(path)
    document, mistakes = read_yaml(_text(path), file)
    if document is None:
        raise ConfigurationError(mistakes)
    settings, more = _parse(document, file)
    if settings is None or mistakes:
        raise ConfigurationError(
            # A set, because YAML and shape may complain about the same line.
            tuple(sorted({*mistakes, *more}, key=lambda mistake: (mistake.line, mistake.message)))
        )
    return settings


def _text(path: Path) -> str:
    try:
        # Opening a named pipe waits for a writer; the shell's `<(...)` has one, below /dev/fd.
        if path.is_fifo() and not path.is_relative_to("/dev"):
            raise ConfigurationError((Mistake(str(path), 0, "the file is a pipe", "name a regular file"),))
        with path.open("rb") as file:
            # A byte more than allowed: `read_yaml` then refuses the file as too large.
            return file.read(MAX_BYTES + 1).decode()
    except OSError as error:
        mistake = Mistake(str(path), 0, f"the file cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        mistake = Mistake(str(path), 0, "the file is not UTF-8 text")
    raise ConfigurationError((mistake,))


def _parse(document: YamlDocument, file: str) -> tuple[Settings | None, list[Mistake]]:
    data, tier_names = listed({} if document.data is None else document.data)
    try:
        # By way of JSON, pydantic is strict (no "35" for 35) and still reads lists and dates.
        settings = Settings.model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        return None, [_explain(detail, document, file, tier_names) for detail in error.errors()]
    settings._file, settings._document = file, document  # noqa: SLF001 -- its own private attributes
    settings._tier_names = tier_names  # noqa: SLF001 -- as above
    # Only a file of the right shape can be checked further.
    names = (settings.mistake(*repetition) for repetition in repeated(settings.tiers))
    more = [
        *_repeated_waivers(settings),
        *_owners_without_one_way(settings),
        *names,
        *_two_signing_keys(settings),
        *_reversed_period(settings),
    ]
    return (None if more else settings), more


def _explain(detail: ErrorDetails, document: YamlDocument, file: str, tier_names: tuple[str, ...]) -> Mistake:
    """Describe an error of pydantic for the person who wrote the file."""
    path = detail["loc"]
    in_file = written(path, tier_names)
    # Pydantic's path is empty for the document itself.
    name = ".".join(str(step) for step in in_file) or "the file"
    line = document.line(in_file)
    match detail["type"]:
        case "extra_forbidden":
            return Mistake(file, line, f"unknown key {name}", _suggest(str(path[-1]), _keys(path[:-1])))
        case "missing":
            return Mistake(file, line, f"{name} is missing")
        case "empty_match":
            hint = "put what applies to everything into `parameters`"
            return Mistake(file, line, f"{name}: {detail['msg']}", hint)
        case kind:
            wanted = _WANTED.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
            return Mistake(file, line, f"{name}: {wanted}, not {_shown(detail['input'])}", _hint(path))


_WANTED: Final = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most 200 characters",
    "too_short": "must not be empty",
    "string_pattern_mismatch": "must be written as AWS writes it",
    "date_from_datetime_parsing": "must be a date like 2026-12-31",
    "date_parsing": "must be a date like 2026-12-31",
    "date_type": "must be a date like 2026-12-31",
    "date_from_datetime_inexact": "must be a date like 2026-12-31",
}

_HINTS: Final = {
    "accounts": "an account id has twelve digits",
    "account": "an account id has twelve digits",
    "bucket_owner": "an account id has twelve digits",
    "organizational_units": "like ou-ab12-34cd56ef, or r-ab12 for the root",
    "regions": "like eu-west-1",
    "role_name": "only the name of the role, not an ARN",
    "kms_key": "the ARN of a key or an alias in AWS KMS",
    "timestamp_url": "the address of a time stamping authority, like https://tsa.example.com/tsr",
    "topic": "the ARN of an SNS topic, like arn:aws:sns:eu-west-1:111111111111:backup-audit",
    "event_bus": "the name or ARN of an event bus, like default",
    "name": "of letters, digits, `.`, `_` and `-`",
    "tags": "values are text: put quotes around a number",
}


def _shown(value: object) -> str:
    text = "nothing" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 -- a message stays one line


def _hint(path: tuple[int | str, ...]) -> str:
    return next((_HINTS[step] for step in reversed(path) if isinstance(step, str) and step in _HINTS), "")


def _suggest(word: str, keys: list[str]) -> str:
    near = get_close_matches(word, keys, n=1)
    return f"did you mean {near[0]}?" if near else f"valid keys: {', '.join(sorted(keys))}"


def _keys(path: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the section at `path` may have."""
    section: Any = Settings
    for step in path:
        # Positions in lists have no keys of their own, and names in a mapping (`frameworks`) are no fields.
        if isinstance(step, str) and step in section.model_fields:
            section = _section(section.model_fields[step].annotation)
    return list(section.model_fields)


def _section(annotation: Any) -> Any:  # noqa: ANN401 -- a typing construct
    """Return the section class of a field, or of the tuple or mapping that the field holds."""
    members = getattr(annotation, "__args__", ())
    sections = (member for member in members if isinstance(member, type) and issubclass(member, Section))
    return next(sections, annotation)


def _repeated_waivers(settings: Settings) -> Iterator[Mistake]:
    seen: set[str] = set()
    for position, waiver in enumerate(settings.waivers):
        if waiver.id in seen:
            yield settings.mistake(("waivers", position, "id"), f"the waiver {waiver.id} occurs twice")
        seen.add(waiver.id)


def _two_signing_keys(settings: Settings) -> Iterator[Mistake]:
    if settings.sign.key is not None and settings.sign.kms_key is not None:
        yield settings.mistake(("sign", "kms_key"), "sign has both key and kms_key", "remove one of them")


def _reversed_period(settings: Settings) -> Iterator[Mistake]:
    period = settings.report.period
    if period is not None and period.end < period.start:
        yield settings.mistake(
            ("report", "period", "end"), "report.period ends before it starts", "exchange the two days"
        )


def _owners_without_one_way(settings: Settings) -> Iterator[Mistake]:
    for position, section in enumerate(settings.owners):
        path = ("owners", position)
        if section.ways != 1:
            message = "an entry of owners has exactly one of tag, account_contact and owner"
            yield settings.mistake(
                path, message, "write an entry for each: the first that finds an owner applies"
            )
        elif section.match is not None and section.owner is None:
            yield settings.mistake((*path, "match"), "a match needs an owner", "add the key owner")

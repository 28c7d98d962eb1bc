"""Events of the Lambda function: JSON that is validated first of all."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from scanner.errors import UsageError
from scanner.model.manifest import CollectMode

LONGEST_SESSION: Final = 3600
"""Seconds: the longest session of a role that a role assumes (IAM user guide, "Role chaining")."""

AccountText = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Instant = Annotated[datetime, AfterValidator(lambda at: at.replace(tzinfo=at.tzinfo or UTC))]
"""A time; UTC where it has no offset, as `--as-of`."""

ScanId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")]


class _Part(BaseModel):
    # An option with a typing mistake must not be ignored: another scope would be scanned.
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScanOptions(_Part):
    """The scope of a scan, and what it is judged against. Defaults are those of audit.yaml."""

    organization: bool | None = None
    accounts: tuple[AccountText, ...] = ()
    organizational_units: tuple[Text, ...] = ()
    regions: tuple[Text, ...] = ()
    role_name: Text | None = None
    external_id: Text | None = None
    session_name: Text | None = None
    session_seconds: Annotated[int, Field(ge=900, le=43_200)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    controls: tuple[Text, ...] = ()
    collect: CollectMode | None = None
    formats: tuple[Text, ...] = ()
    as_of: Instant | None = None


class _Step(_Part):
    scan_id: ScanId
    scan: ScanOptions = ScanOptions()


class Scan(_Part):
    """A whole scan in one invocation. The default of `scan_id` is the request id."""

    action: Literal["scan"]
    scan_id: ScanId | None = None
    scan: ScanOptions = ScanOptions()


class Open(_Step):
    """Resolve the scope, and list the accounts to collect."""

    action: Literal["open"]


class Collect(_Step):
    """Collect an account, or what is left of it."""

    action: Literal["collect"]
    account: AccountText


class Failed(BaseModel):
    """The error output of Step Functions for a failed task. Other keys are ignored."""

    model_config = ConfigDict(frozen=True)

    Error: str = ""
    Cause: str = ""


class Note(_Step):
    """Record that an account could not be read."""

    action: Literal["note"]
    account: AccountText
    error: Failed = Failed()


class Gather(_Step):
    """Combine the accounts into one scan, and divide them into batches to judge."""

    action: Literal["gather"]


class Judge(_Step):
    """Judge a batch of accounts."""

    action: Literal["judge"]
    batch: Annotated[int, Field(ge=0)]


class Finish(_Step):
    """Write the scan into the evidence bucket, with its reports."""

    action: Literal["finish"]


Event = Scan | Open | Collect | Note | Gather | Judge | Finish

_EVENTS: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Field(discriminator="action")])


def parse_event(document: object) -> Event:
    """Parse an event. UsageError: it is not an event of this function."""
    if not isinstance(document, dict):
        raise UsageError('The event is not a JSON object: send {"action": "scan", "scan": {...}}.')
    try:
        # An event without an action is a whole scan.
        event = _EVENTS.validate_python({"action": "scan", **document})
    except ValidationError as problem:
        # The chained error would repeat the input in the log.
        raise UsageError(f"The event is not valid: {_first(problem)}") from None
    seconds = event.scan.session_seconds
    if seconds is not None and seconds > LONGEST_SESSION:
        raise UsageError(
            f"session_seconds is {seconds}: AWS ends the session of a role that is assumed by a role after "
            f"one hour. Set it to {LONGEST_SESSION} or less; sessions are renewed as long as the scan runs."
        )
    return event


def _first(problem: ValidationError) -> str:
    """Describe the first mistake. The input is not repeated, as it may be anything."""
    detail = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    # The first part is the name of the event's class.
    place = ".".join(str(part) for part in detail["loc"][1:]) or "action"
    return f"{place}: {detail['msg'][:300]}."

"""The answers in a shard's evidence: lines grouped by call, with pages joined.

Of two lines for the same call a response takes precedence over an error, else the later one. A list whose
last page has a next token that no line uses was read in part (evidence format, "One evidence line"). The
order of the lines never matters. An answer that is not about what was requested is a failed read, and rows
that contradict each other are left out (`evidence.identity`).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.evidence.identity import (
    RowIdentity,
    contradictions,
    is_of_shard,
    is_same,
    mismatch,
    without_rows,
)
from scanner.evidence.lines import MISMATCH, CallError, EvidenceLine
from scanner.evidence.shape import Shape
from scanner.model.known import CONTRADICTION, EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.manifest import CollectedReads, named_left_out
from scanner.model.names import Shard

REMOVED_BY_CHANGE: Final = "RemovedByChange"
"""In a list of a what-if bundle, the names of what a planned change removes: they contradict no list."""

# Parts of codes, since services spell them differently: AccessDeniedException, UnauthorizedOperation.
_REFUSALS: Final = (
    "AccessDenied",
    "Unauthorized",
    "NotAuthorized",
    "Forbidden",
    "AuthFailure",
    "OptInRequired",
)

_HARMLESS: Final = {"DryRun", "ExpectedBucketOwner", "GrantTokens"}
"""Parameters that do not change an answer."""

_EMPTY: Final[tuple[object, ...]] = (None, "", [], {})
"""Values that mean the same as leaving the parameter out."""

Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pagination:
    """How an operation paginates: the keys of the output token, the input token and the page size."""

    input: str
    output: str
    more: str = ""
    page_size: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One call with all its pages. `gap`: what is missing; None where it was read to the end."""

    parameters: Mapping[str, Any]
    pages: tuple[Shape, ...]
    gap: Gap | None
    absent: bool = False  # AWS answered "there is none" with an error
    code: str = ""  # of that error
    refs: tuple[EvidenceRef, ...] = ()
    at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    """When the latest of its pages was recorded."""


_FAILED_SHARD: Final = "The manifest records that reading this account-Region failed."


class Answers:
    """The answers of one shard, by operation and parameters.

    `failed`: the manifest records that reading the shard failed. Then no list counts as complete, even if its
    last page is there; answers about a single thing do count (catalogue, ruling 16). `reads`: what the scan
    collected; None: everything.
    """

    def __init__(
        self,
        shard: Shard,
        lines: Iterable[EvidenceLine],
        *,
        failed: bool = False,
        reads: CollectedReads | None = None,
    ) -> None:
        self.shard = shard
        self._failed = failed
        self._reads = reads
        calls: dict[str, dict[Parameters, dict[str, EvidenceLine]]] = defaultdict(lambda: defaultdict(dict))
        for line in self._fitting(lines):
            parameters, token = _identity(line)
            pages = calls[line.name][parameters]
            if (rival := pages.get(token)) is None or _beats(line, rival):
                pages[token] = line
        self._answers = {
            name: {
                parameters: self._join(name, by_parameters[parameters])
                # The latest call is the last one, so that its rows replace those of earlier calls.
                for parameters in sorted(by_parameters, key=lambda call: (_latest(by_parameters[call]), call))
            }
            for name, by_parameters in calls.items()
        }

    @property
    def operations(self) -> frozenset[str]:
        """The operations that have at least one line."""
        return frozenset(self._answers)

    def every(self, name: str) -> tuple[Answer, ...]:
        """Return all answers of an operation, whatever their parameters, the latest last."""
        return tuple(self._answers.get(name, {}).values())

    def one(self, name: str, about: str = "", /, **parameters: str) -> Answer:
        """Return the answer to the call with exactly these parameters; a gap where no line records it."""
        wanted = tuple(sorted((key, str(value)) for key, value in parameters.items()))
        answers = self._answers.get(name, {})
        if (answer := answers.get(wanted)) is not None:
            return answer
        gap = self.gap(name, about or " ".join(parameters.values()), GapKind.NEVER_ASKED)
        return Answer(parameters, (), gap)

    def doubt(self, gap: Gap, contradicted: Collection[Answer]) -> None:
        """Treat answers of the gap's operation as not fully read, since another read contradicts them."""
        answers = self._answers[gap.operation]
        for parameters, answer in answers.items():
            if any(answer is candidate for candidate in contradicted):
                answers[parameters] = replace(answer, gap=gap)

    def read(self, name: str, about: str = "", /, **parameters: str) -> Reading[None]:
        """Check whether one call was answered completely."""
        answer = self.one(name, about, **parameters)
        return Known(None, answer.refs) if answer.gap is None else Unread(answer.gap)

    def gap(self, name: str, about: str, kind: GapKind) -> Gap:
        """Return a gap of this shard; for a call that was not made, with whether the scan left it out."""
        gap = Gap(self.shard.account, self.shard.region, name, about, kind)
        return named_left_out(gap, self._reads)

    def _fitting(self, lines: Iterable[EvidenceLine]) -> Iterable[EvidenceLine]:
        """Return lines; as failed reads those whose answers are not about what was requested.

        If no answer that names an account and a Region is of the shard, the file is another shard's: then
        the answers that name none are not of this one, either.
        """
        fitting: list[EvidenceLine] = []
        places: set[bool | None] = set()
        for line in lines:
            if line.response is None:
                fitting.append(line)
                continue
            problem = mismatch(line.name, line.parameters, line.response, self.shard)
            # Only until an answer is certainly of this shard, because the check of each line costs time.
            if problem or True not in places:
                places.add(is_of_shard(line.name, line.parameters, line.response, self.shard))
            fitting.append(_unfit(line, problem) if problem else line)
        if False not in places or True in places:
            return fitting
        place = f"{self.shard.account}/{self.shard.region}"
        return [
            _unfit(line, f"its file has answers of another account or Region than {place}.")
            for line in fitting
        ]

    def _contradiction(self, name: str, identity: RowIdentity, pages: tuple[Shape, Shape]) -> Gap:
        about = " ".join(part for part in identity if part)
        first, second = (page.ref for page in pages)
        message = f"lines {first.line} and {second.line} of {second.file} both describe it, and differ."
        gap = self.gap(name, about, GapKind.FAILED)
        return replace(gap, code=CONTRADICTION, message=message, ref=second)

    def _join(self, name: str, pages: Mapping[str, EvidenceLine]) -> Answer:
        tokens, gap = self._follow(name, pages)
        if gap is None and self._failed and name in pagination():
            gap = replace(self.gap(name, _about(pages), GapKind.HALF_READ), message=_FAILED_SHARD)
        # Pages that a broken chain does not reach (the first one is missing) still show what exists. If the
        # chain is complete, they are left over from an earlier read of the list.
        stray = sorted(pages.keys() - set(tokens)) if gap is not None else []
        chain = [pages[token] for token in (*stray, *tokens)]
        answered = [line for line in chain if line.response is not None]
        answer_pages = tuple(Shape(line.response or {}, line.name, line.ref) for line in answered)
        # Rows that contradict each other are left out; the others of the list still show what exists.
        if different := contradictions(name, answer_pages):
            answer_pages = tuple(without_rows(name, page, different) for page in answer_pages)
            gap = gap or self._contradiction(name, *next(iter(different.items())))
        return Answer(
            parameters=chain[0].parameters,
            pages=answer_pages,
            gap=gap,
            # All lines are errors, and each of them is an answer (`_is_answer`).
            absent=not answered and gap is None,
            code=chain[-1].error.code if not answered and gap is None and chain[-1].error else "",
            refs=tuple(line.ref for line in chain),
            at=max(map(_moment, chain)),
        )

    def _follow(self, name: str, pages: Mapping[str, EvidenceLine]) -> tuple[list[str], Gap | None]:
        """Follow the pages from the first to the last. Return the tokens followed, and what is missing."""
        about = _about(pages)
        walked: dict[str, None] = {}
        token = ""  # nosec B105 # a token of pagination, no password
        # Edited evidence may have tokens that lead in a circle.
        while token in pages and token not in walked:
            walked[token] = None
            line = pages[token]
            if line.error is not None:
                return list(walked), None if _is_answer(line) else self._error_gap(line, line.error, about)
            token = _next_token(line)
            if not token:
                return list(walked), self.gap(name, about, GapKind.HALF_READ) if _has_more(line) else None
        return list(walked), self.gap(name, about, GapKind.HALF_READ)

    def _error_gap(self, line: EvidenceLine, error: CallError, about: str) -> Gap:
        return Gap(
            account=self.shard.account,
            region=self.shard.region,
            operation=line.name,
            about=about,
            kind=error_kind(error.code),
            code=error.code,
            message=error.message,
            ref=line.ref,
        )


def _unfit(line: EvidenceLine, problem: str) -> EvidenceLine:
    return replace(line, response=None, error=CallError(MISMATCH, problem, 0))


def error_kind(code: str) -> GapKind:
    """Return whether AWS refused a call with this error, or the call failed."""
    return GapKind.REFUSED if any(word in code for word in _REFUSALS) else GapKind.FAILED


def _about(pages: Mapping[str, EvidenceLine]) -> str:
    """Return the values of a call's parameters, which say what it is about."""
    return " ".join(value for _, value in _identity(next(iter(pages.values())))[0])


def _beats(line: EvidenceLine, rival: EvidenceLine) -> bool:
    """Check whether a line takes precedence. At the same instant its content decides, never its position."""
    if (line.response is None) != (rival.response is None):
        return line.response is not None
    if line.at == rival.at or _moment(line) == _moment(rival):
        return _content(line) > _content(rival)
    return _moment(line) > _moment(rival)


def _moment(line: EvidenceLine) -> datetime:
    """Return when a call was made. As text, `…00.5Z` would sort before `…00Z`. Unknown times sort first."""
    try:
        moment = datetime.fromisoformat(line.at)
    except ValueError:
        return _NEVER
    # Other programs may omit the offset.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


def _latest(pages: Mapping[str, EvidenceLine]) -> datetime:
    return max(_moment(line) for line in pages.values())


def _content(line: EvidenceLine) -> bytes:
    return _canonical([line.response, line.error, line.at], line.ref)


def _canonical(value: object, ref: EvidenceRef) -> bytes:
    """Return the same bytes for equal values. BundleError: the value is nested too deeply to be written."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as problem:
        raise BundleError(
            f"{ref.file}: line {ref.line} cannot be compared with others: {problem}. "
            "The bundle cannot be trusted: restore it from a copy, or scan again."
        ) from problem


def _identity(line: EvidenceLine) -> tuple[Parameters, str]:
    """Return a call's parameters and its page token. Page size and parameters without effect are left out."""
    paging = pagination().get(line.name)
    skipped = () if paging is None else (paging.input, paging.page_size)
    token = "" if paging is None else str(line.parameters.get(paging.input) or "")
    parameters = sorted(
        (key, value if isinstance(value, str) else _canonical(value, line.ref).decode())
        for key, value in line.parameters.items()
        if key not in skipped and key not in _HARMLESS and value not in _EMPTY
    )
    return tuple(parameters), token


def _next_token(line: EvidenceLine) -> str:
    paging = pagination().get(line.name)
    response = line.response or {}
    if paging is None or (paging.more and response.get(paging.more) is False):
        return ""
    token = response.get(paging.output)
    # A token that is not a string matches no line, so the list counts as read in part.
    return "" if token in (None, "") else str(token)


def _has_more(line: EvidenceLine) -> bool:
    """Check whether an answer without a token says that there is more, or has an unreadable flag.

    Without a token the rest cannot be requested.
    """
    paging = pagination().get(line.name)
    return bool(paging and paging.more and (line.response or {}).get(paging.more) not in (None, False))


def _is_answer(line: EvidenceLine) -> bool:
    error = line.error
    if error is None or not says_there_is_none(line.name, error.code, error.message):
        return False
    # A message about another vault does not answer this call.
    requested = str(line.parameters.get("BackupVaultName") or "")
    named = _VAULT_NAME.search(error.message) if requested else None
    return named is None or is_same(requested, named[1].strip("'\".,"))


# `has` and `with` follow the word in messages that name no vault.
_VAULT_NAME: Final = re.compile(r"vault (?!has|with)(\S+)", re.IGNORECASE)
"""AWS names the vault, or its ARN, in the error that says that it has no policy or notifications."""


def says_there_is_none(name: str, code: str, message: str) -> bool:
    """Check whether an error of an operation means "there is none", by its code, or by code and message.

    A code that several errors share is no answer where the message says that the thing itself does not exist.
    """
    is_answer = any(
        code == wanted and words in message
        for wanted, _, words in (entry.partition(": ") for entry in answering_errors().get(name, ()))
    )
    gone = _answer_data()["gone"].get(name, ()) if is_answer else ()
    return is_answer and not any(words in message.lower() for words in gone)


@cache
def pagination() -> Mapping[str, Pagination]:
    """Return how each operation paginates: package data, generated from botocore's paginators and by hand."""
    text = resources.files("scanner.evidence").joinpath("pagination.json").read_bytes()
    return {
        name: Pagination(
            input=str(entry["input"]),
            output=str(entry["output"]),
            more=str(entry.get("more_results") or ""),
            page_size=str(entry.get("page_size") or ""),
        )
        for name, entry in orjson.loads(text).items()
        if isinstance(entry, dict) and "input" in entry
    }


@cache
def answering_errors() -> Mapping[str, tuple[str, ...]]:
    """Return the errors that mean "there is none", by operation: `CODE`, or `CODE: WORDS OF ITS MESSAGE`."""
    return {name: tuple(codes) for name, codes in _answer_data()["answers"].items()}


@cache
def _answer_data() -> Mapping[str, Any]:
    document: Mapping[str, Any] = orjson.loads(
        resources.files("scanner.evidence").joinpath("answers.json").read_bytes()
    )
    return document

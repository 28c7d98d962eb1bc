"""The faults: what may come back instead of the answer, by name."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from scanner.demo.wire.answer import Answer, ApiError, read_answer, write_answer, write_error
from scanner.evidence.answers import pagination
from tests.faults.proxy import Exchange, Fault, head, raw

PATIENCE = 1.0
"""The read time-out of a scan under test, in seconds."""

_THROTTLED = {"json": "ThrottlingException", "rest-json": "ThrottlingException", "query": "Throttling"}
_THROTTLED |= {"ec2": "RequestLimitExceeded", "rest-xml": "SlowDown"}
_DENIED = {"json": "AccessDeniedException", "rest-json": "AccessDeniedException", "query": "AccessDenied"}
_DENIED |= {"ec2": "UnauthorizedOperation", "rest-xml": "AccessDenied"}
_EXPIRED = {"json": "ExpiredTokenException", "rest-json": "ExpiredTokenException", "query": "ExpiredToken"}
_EXPIRED |= {"ec2": "RequestExpired", "rest-xml": "ExpiredToken"}

HTML = b"<!DOCTYPE html><html><head><title>Oops</title></head><body><p>Try later.<br></body></html>"
XHTML = b"<html><head><title>Oops</title></head><body><p>Try later.</p></body></html>"


def refusal(codes: Mapping[str, str], status: int, message: str = "Rate exceeded") -> Fault:
    """An error in the words of the service's protocol."""

    def fault(exchange: Exchange) -> None:
        asked = exchange.asked
        exchange.reply(write_error(asked.model, ApiError(codes[asked.protocol], message, status)))

    return fault


def saying(code: str, status: int, **headers: str) -> Fault:
    """An error whose code is the same in all protocols."""

    def fault(exchange: Exchange) -> None:
        answer = write_error(exchange.asked.model, ApiError(code, "no", status))
        exchange.wire.send(head(answer, **headers) + answer.body)

    return fault


def fixed(body: bytes, status: int = 200, **headers: str | None) -> Fault:
    """Always the same answer."""

    def fault(exchange: Exchange) -> None:
        answer = Answer(status, (("content-type", "application/json"),), body)
        exchange.wire.send(head(answer, **headers) + body)

    return fault


def bent(bend: Callable[[Answer], bytes]) -> Fault:
    """The true answer's bytes, bent; the connection is closed after them."""

    def fault(exchange: Exchange) -> None:
        exchange.wire.send(bend(exchange.fetch()))
        exchange.wire.close()

    return fault


def with_body(change: Callable[[bytes], bytes]) -> Fault:
    """The true answer with another body, its length told rightly."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.fetch()
        exchange.reply(Answer(answer.status, answer.headers, change(answer.body)))

    return fault


def with_json(change: Callable[[Any], Any]) -> Fault:
    """The true answer with its JSON document changed; the XML protocols answer as they do."""

    def changed(body: bytes) -> bytes:
        return body if body.lstrip()[:1] == b"<" else json.dumps(change(json.loads(body))).encode()

    return with_body(changed)


def _chunked(answer: Answer, *, cut: bool) -> bytes:
    pieces = [answer.body[start : start + 7] for start in range(0, len(answer.body), 7)]
    pieces = pieces[: max(1, len(pieces) // 2)] if cut else pieces
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    start = head(answer, content_length=None, transfer_encoding="chunked")
    return start + (chunks[:-4] if cut else chunks + b"0\r\n\r\n")


def _gzipped(answer: Answer, *, whole: bool) -> bytes:
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(answer.body) + packer.flush()
    data = data if whole else data[: len(data) // 2]
    return head(Answer(200, answer.headers, data), content_encoding="gzip") + data


def reset_before(exchange: Exchange) -> None:
    """Nothing, and a reset."""
    exchange.wire.reset()


def reset_after_headers(exchange: Exchange) -> None:
    """The headers, and a reset."""
    exchange.wire.send(head(exchange.fetch()))
    exchange.wire.reset()


def reset_within_body(exchange: Exchange) -> None:
    """Half of the body, and a reset."""
    answer = exchange.fetch()
    exchange.wire.send(head(answer) + answer.body[: len(answer.body) // 2])
    exchange.wire.reset()


def closed_before(exchange: Exchange) -> None:
    """Nothing, in an orderly way."""
    exchange.wire.close()


def closed_between(exchange: Exchange) -> None:
    """The answer, as if the connection stayed open, and its end."""
    exchange.reply(exchange.fetch())
    exchange.wire.close()


def half_closed(exchange: Exchange) -> None:
    """Half of the body, and no more of it; the other half of the connection stays open."""
    answer = exchange.fetch()
    exchange.wire.send(head(answer) + answer.body[: len(answer.body) // 2])
    exchange.wire.half_close()
    exchange.wire.wait(PATIENCE * 1.5)


def black_hole(exchange: Exchange) -> None:
    """Nothing, for longer than anybody waits."""
    exchange.wire.wait(PATIENCE * 1.5)
    exchange.wire.close()


def slow_body(exchange: Exchange) -> None:
    """Half of the body, and the rest after the read time-out."""
    answer = exchange.fetch()
    exchange.wire.send(head(answer) + answer.body[: len(answer.body) // 2])
    exchange.wire.wait(PATIENCE * 1.5)
    exchange.wire.send(answer.body[len(answer.body) // 2 :])


def dripping(exchange: Exchange) -> None:
    """A byte at a time, each well within the read time-out, and no end of it."""
    answer = exchange.fetch()
    exchange.wire.send(head(answer, content_length="1000000"))
    while exchange.wire.is_open:
        exchange.wire.send(b" ")
        exchange.wire.wait(PATIENCE / 20)


def informed(status: int) -> Fault:
    """An interim answer, and the true one after it."""

    def fault(exchange: Exchange) -> None:
        exchange.wire.send(b"HTTP/1.1 %d Early\r\nx-note: wait\r\n\r\n" % status)
        exchange.reply(exchange.fetch())

    return fault


def trailing(exchange: Exchange) -> None:
    """The true answer, and bytes that nobody asked for."""
    exchange.wire.send(raw(exchange.fetch()) + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


def bare(exchange: Exchange) -> None:
    """No HTTP at all."""
    exchange.wire.send(b"SSH-2.0-OpenSSH_9.6\r\n")
    exchange.wire.close()


def redirected(status: int, code: str) -> Callable[[str], Fault]:
    """A redirection to another host, in the words of S3."""

    def to(host: str) -> Fault:
        return saying(code, status, location=f"http://{host}/elsewhere", x_amz_bucket_region="us-west-2")

    return to


def another_operations_body(exchange: Exchange) -> None:
    """A whole answer of the same service, to another question."""
    model = exchange.asked.model.service_model
    answers: dict[str, tuple[str, dict[str, Any]]] = {
        "backup": ("ListBackupJobSummaries", {"BackupJobSummaries": [{"AccountId": "x"}]}),
        "ec2": ("DescribeTags", {"Tags": [{"Key": "x", "Value": "y"}]}),
        "rds": ("DescribeDBSnapshots", {"DBSnapshots": [{"DBSnapshotIdentifier": "x"}]}),
        "s3": ("GetBucketLogging", {"LoggingEnabled": {"TargetBucket": "x", "TargetPrefix": "y"}}),
        "kms": ("ListGrants", {"Grants": [{"GrantId": "x"}], "Truncated": False}),
        "organizations": ("ListHandshakesForAccount", {"Handshakes": [{"Id": "x"}]}),
        "dynamodb": ("ListBackups", {"BackupSummaries": [{"TableName": "x"}]}),
        "efs": ("DescribeMountTargets", {"MountTargets": [{"MountTargetId": "x"}]}),
        "sts": ("GetSessionToken", {"Credentials": {"AccessKeyId": "A" * 20, "SecretAccessKey": "x"}}),
        "resourcegroupstaggingapi": ("GetTagKeys", {"TagKeys": ["x"]}),
        "iam": ("ListUsers", {"Users": [], "IsTruncated": False}),
    }
    name, result = answers.get(exchange.asked.service, ("", {}))
    if name:
        exchange.reply(write_answer(model.operation_model(name), result))
    else:
        exchange.reply(Answer(200, (), b'{"SomethingElse": [{"x": 1}]}'))


Change = Callable[[dict[str, Any], Exchange], dict[str, Any]]


class Paged:
    """Changes the pages of a list: `change` is given the first page, whichever is asked for."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._firsts: dict[str, Answer] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Answer with the first page, changed."""
        asked = exchange.asked
        paging = pagination().get(asked.key)
        answer = self._first(exchange, paging.input if paging else "")
        if paging is None or answer.status != 200:
            exchange.reply(answer)
            return
        result = self._change(read_answer(asked.model, answer), exchange)
        exchange.reply(write_answer(asked.model, result))

    def _first(self, exchange: Exchange, token: str) -> Answer:
        asked = exchange.asked
        about = {name: value for name, value in asked.parameters.items() if name != token}
        question = repr((asked.account, asked.region, asked.key, sorted(about.items(), key=repr)))
        if question not in self._firsts:
            self._firsts[question] = exchange.fetch()
        return self._firsts[question]


def _tokens(name: Callable[[Exchange], str], *, empty: bool = False) -> Change:
    def change(result: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        paging = pagination()[exchange.asked.key]
        kept = {key: [] if empty and isinstance(value, list) else value for key, value in result.items()}
        return {**kept, paging.output: name(exchange), **({paging.more: True} if paging.more else {})}

    return change


def endless() -> Fault:
    """Always a new token."""
    return Paged(_tokens(lambda exchange: f"t{exchange.number}"))


def endless_empty() -> Fault:
    """Empty pages, always with a new token."""
    return Paged(_tokens(lambda exchange: f"t{exchange.number}", empty=True))


def repeated() -> Fault:
    """Always the same token."""
    return Paged(_tokens(lambda _exchange: "again"))


def cycle() -> Fault:
    """Three tokens, over and over."""
    following = {"a": "b", "b": "c", "c": "a"}

    def token(exchange: Exchange) -> str:
        paging = pagination()[exchange.asked.key]
        return following.get(str(exchange.asked.parameters.get(paging.input)), "a")

    return Paged(_tokens(token))


class Extra:
    """Puts a page before the list: an empty one, or the list's own first page."""

    def __init__(self, *, empty: bool) -> None:
        self._empty = empty
        self._firsts: dict[str, Answer] = {}

    def __call__(self, exchange: Exchange) -> None:
        """Answer the first question with a page whose token leads to the true first one."""
        asked = exchange.asked
        paging = pagination().get(asked.key)
        token = asked.parameters.get(paging.input) if paging else None
        if paging is None or token not in (None, "", "extra"):
            exchange.reply(exchange.fetch())
            return
        about = {name: value for name, value in asked.parameters.items() if name != paging.input}
        question = repr((asked.account, asked.region, asked.key, sorted(about.items(), key=repr)))
        if token == "extra":
            exchange.reply(self._firsts[question])
            return
        answer = self._firsts[question] = exchange.fetch()
        if answer.status != 200:
            exchange.reply(answer)
            return
        change = _tokens(lambda _exchange: "extra", empty=self._empty)
        exchange.reply(write_answer(asked.model, change(read_answer(asked.model, answer), exchange)))


def no_marker(result: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """There is more, and no word of how to get it."""
    paging = pagination()[exchange.asked.key]
    return {**result, paging.more: True} if paging.more else {**result, paging.output: "more"}


def _first_list(document: Any) -> str:
    lists = {key: value for key, value in document.items() if isinstance(value, list) and value}
    return next((key for key, value in lists.items() if isinstance(value[0], dict)), "")


def _listed(change: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    def changed(document: Any) -> Any:
        key = _first_list(document)
        return {**document, key: change(document[key])} if key else None

    return changed


def _token_of(value: object, *, last: bool = False) -> Fault:
    """Another token in each page of JSON; `last`: in those that have none."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.fetch()
        paging = pagination().get(exchange.asked.key)
        if paging is None or answer.body.lstrip()[:1] == b"<":
            exchange.reply(answer)
            return
        shape = exchange.asked.model.output_shape
        assert shape
        name = shape.members[paging.output].serialization.get("name", paging.output)
        document = json.loads(answer.body)
        if not (last and document.get(name)):
            document[name] = value
        exchange.reply(Answer(answer.status, answer.headers, json.dumps(document).encode()))

    return fault


def _strings(document: Any) -> Any:
    """Every number and every boolean as a string."""
    if isinstance(document, dict):
        return {key: _strings(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_strings(value) for value in document]
    return str(document) if isinstance(document, bool | int | float) else document


def _doubled(body: bytes) -> bytes:
    """Every top-level key twice, the second time with nothing."""
    if body.lstrip()[:1] == b"<":
        return body
    document = json.loads(body)
    nothing: dict[type, Any] = {list: [], dict: {}, str: ""}
    pairs = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in document.items()]
    pairs += [f"{json.dumps(key)}: {json.dumps(nothing.get(type(value)))}" for key, value in document.items()]
    return ("{" + ", ".join(pairs) + "}").encode()


def _nested(body: bytes) -> bytes:
    if body.lstrip()[:1] == b"<":
        return body.replace(b">", b">" + b"<a>" * 20_000, 1)
    return body.rstrip()[:-1] + b', "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


PASSING: Mapping[str, Callable[[], Fault]] = {
    "throttled": lambda: refusal(_THROTTLED, 400),
    "slow down": lambda: saying("SlowDown", 503),
    "too many requests": lambda: saying("TooManyRequestsException", 429, retry_after="0"),
    "bare 429": lambda: fixed(b"", 429, retry_after="0"),
    "bare 500": lambda: fixed(b"", 500),
    "bare 503": lambda: fixed(b"", 503),
    "internal error": lambda: saying("InternalFailure", 500),
    "html 502": lambda: fixed(HTML, 502, content_type="text/html"),
    "html 503": lambda: fixed(XHTML, 503, content_type="text/html"),
    "html 200": lambda: fixed(HTML, content_type="text/html"),
    "xhtml 200": lambda: fixed(XHTML, content_type="text/html"),
    "507": lambda: fixed(b"", 507),
    "529": lambda: fixed(b"overloaded", 529),
    "408": lambda: fixed(b"", 408),
    "421": lambda: fixed(b"", 421),
    "204": lambda: fixed(b"", 204, content_length=None),
    "204 with a body": lambda: fixed(b"{}", 204),
    "206": lambda: fixed(b"{}", 206),
    "300": lambda: fixed(b"", 300),
    "102": lambda: informed(102),
    "103": lambda: informed(103),
    "reset before": lambda: reset_before,
    "reset after headers": lambda: reset_after_headers,
    "reset within body": lambda: reset_within_body,
    "closed before": lambda: closed_before,
    "closed between": lambda: closed_between,
    "no http": lambda: bare,
    "truncated": lambda: bent(lambda answer: raw(answer)[: -len(answer.body) // 2]),
    "truncated, length right": lambda: with_body(lambda body: body[: len(body) // 2]),
    "truncated by a byte": lambda: with_body(lambda body: body.rstrip()[:-1]),
    "chunks cut off": lambda: bent(lambda answer: _chunked(answer, cut=True)),
    "gzip broken": lambda: bent(lambda answer: _gzipped(answer, whole=False)),
    "empty": lambda: with_body(lambda _body: b""),
    "blank": lambda: with_body(lambda _body: b" \n"),
    "null": lambda: fixed(b"null"),
    "list": lambda: fixed(b"[]"),
    "text": lambda: fixed(b"ok"),
    "garbage": lambda: with_body(lambda body: b"\x00\xff\xfe" + body[::-1]),
    "garbage after": lambda: with_body(lambda body: body + b"}garbage{"),
    "bom": lambda: with_body(lambda body: b"\xef\xbb\xbf" + body),
    "utf-16": lambda: with_body(lambda body: body.decode().encode("utf-16")),
    "duplicate keys": lambda: with_body(_doubled),
    "deep nesting": lambda: with_body(_nested),
    "negative length": lambda: bent(lambda answer: head(answer, content_length="-5") + answer.body),
    "another operation's body": lambda: another_operations_body,
    "null rows": lambda: with_json(_listed(lambda rows: [None, *rows])),
    "rows that are texts": lambda: with_json(_listed(lambda rows: ["x", *rows])),
    "rows that are numbers": lambda: with_json(_listed(lambda _rows: [1, 2])),
    "list that is an object": lambda: with_json(_listed(lambda _rows: {"x": 1})),
    "list that is a text": lambda: with_json(_listed(lambda _rows: "nothing")),
    "numbers as strings": lambda: with_json(_strings),
    "token of a wrong type": lambda: _token_of({"x": 1}),
    "token that is a number": lambda: _token_of(7),
    "token that is true": lambda: _token_of(value=True),
    "clock skew": lambda: saying("RequestTimeTooSkewed", 403),
    "slow body": lambda: slow_body,
    "black hole": lambda: black_hole,
    "half closed": lambda: half_closed,
    "dripping": lambda: dripping,
}
"""Faults after which the same question may be answered; each made anew for a scan."""

FINAL: Mapping[str, Callable[[], Fault]] = {
    "access denied": lambda: refusal(_DENIED, 403, "You may not"),
    "expired": lambda: refusal(_EXPIRED, 403, "The token is expired"),
    "bare 400": lambda: fixed(b"", 400),
    "400 that is no document": lambda: fixed(b"nonsense", 400),
    "400 with html": lambda: fixed(HTML, 400, content_type="text/html"),
    "400 with a list": lambda: fixed(b"[1]", 400),
    "403 cut off": lambda: bent(lambda _answer: b'HTTP/1.1 403 No\r\ncontent-length: 50\r\n\r\n{"__ty'),
    "304": lambda: fixed(b"", 304, content_length=None),
    "404": lambda: fixed(b"", 404),
    "413": lambda: fixed(HTML, 413),
    "418": lambda: fixed(b"", 418),
    "301": lambda: redirected(301, "PermanentRedirect")("foreign.invalid"),
    "307": lambda: redirected(307, "TemporaryRedirect")("foreign.invalid"),
    "huge header": lambda: bent(lambda answer: head(answer, x_huge="x" * 100_000) + answer.body),
    "many headers": lambda: bent(
        lambda answer: head(answer, **{f"x_{number}": "y" for number in range(500)}) + answer.body
    ),
    "endless pages": endless,
    "endless empty pages": endless_empty,
    "repeated token": repeated,
    "cycle of tokens": cycle,
    "no marker": lambda: Paged(no_marker),
}
"""Faults that leave a gap."""

HARMLESS: Mapping[str, Callable[[], Fault]] = {
    "wrong content type": lambda: bent(lambda answer: head(answer, content_type="image/png") + answer.body),
    "chunks": lambda: bent(lambda answer: _chunked(answer, cut=False)),
    "no length": lambda: bent(lambda answer: head(answer, content_length=None) + answer.body),
    "white space": lambda: with_body(
        lambda body: body + b" \r\n\t " if body[:1] == b"<" else b" \r\n\t " + body + b" \n"
    ),
    "date far off": lambda: bent(
        lambda answer: head(answer, date="Thu, 01 Jan 1970 00:00:00 GMT") + answer.body
    ),
    "bytes too many": lambda: trailing,
    "100": lambda: informed(100),
    "lower-case headers": lambda: bent(lambda answer: raw(answer).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    "empty token": lambda: _token_of("", last=True),
    "null token": lambda: _token_of(None, last=True),
    "empty page": lambda: Extra(empty=True),
    "page twice": lambda: Extra(empty=False),
}
"""Oddities that change nothing about the answer."""

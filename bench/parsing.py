"""What reading a page costs by the session's parsers and by boto3's default, and the page's way to disk."""

import zlib
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from xml.etree import ElementTree as ET

import orjson
from botocore.parsers import ResponseParserFactory
from botocore.session import Session

from bench import bodies
from bench.measure import Table, cheapest, ratio
from scanner.collect.parsing.parsers import ParserFactory
from scanner.collect.response_checks import check_parsed, refuse_broken_answer
from scanner.evidence.writer import Call, encode_line
from scanner.model.names import AccountId, RegionName, Shard

_PAGES: Final = (
    ("backup:ListRecoveryPointsByBackupVault", 1000),
    ("ec2:DescribeVolumes", 500),
    ("backup:ListBackupJobs", 1000),
    ("rds:DescribeDBInstances", 100),
)
_LEVELS: Final = (1, 3, 6)


def tables(*, tiny: bool = False) -> list[Table]:
    """Compare the parsers page by page, then the processing of a page with its lower bound."""
    read, way = [], []
    for key, count in _PAGES:
        page = _Page(key, 2 if tiny else count)
        read.append(page.reading(1 if tiny else 15))
        way.append(page.way(1 if tiny else 15))
    return [
        Table(
            "Reading a page: milliseconds of processor",
            ("page", "rows", "KB", "boto3", "ours", "boto3 / ours", "ours, checked", "decoding alone"),
            read,
            ("Checked: that an answer is whole, of the model's types, and says nothing twice.",),
        ),
        Table(
            "A page's whole way into the evidence: milliseconds of processor",
            ("page", "read", "write as a line", *(f"gzip -{level} (KB)" for level in _LEVELS), "all / floor"),
            way,
            ("The floor is decoding and gzip -1. All is reading, writing as a line and gzip -1.",),
        ),
    ]


class _Page:
    def __init__(self, key: str, count: int) -> None:
        service, name = key.split(":")
        self._key, self._count = key, count
        self._body = bodies.body(key, count)
        model: Any = Session().get_service_model(service)
        self._operation = model.operation_model(name)
        self._shape = self._operation.output_shape
        protocol = model.resolved_protocol
        self._json = "json" in protocol
        self._theirs: Any = ResponseParserFactory().create_parser(protocol)
        self._ours: Any = ParserFactory().create_parser(protocol)

    def reading(self, times: int) -> tuple[object, ...]:
        """Return a row of the first table."""
        theirs, ours, checked, floor = cheapest(
            times,
            partial(self._read, self._theirs),
            partial(self._read, self._ours),
            self._read_checked,
            self._decode,
        )
        size = f"{len(self._body) / 1000:.0f}"
        figures = f"{theirs:.1f}", f"{ours:.1f}", ratio(theirs, ours), f"{checked:.1f}", f"{floor:.1f}"
        return self._key, self._count, size, *figures

    def way(self, times: int) -> tuple[object, ...]:
        """Return a row of the second table."""
        answer = self._read(self._ours)
        line = self._write(answer)
        read, write, decode, *pack = cheapest(
            times,
            partial(self._read, self._ours),
            partial(self._write, answer),
            self._decode,
            *(partial(_pack, line, level) for level in _LEVELS),
        )
        packed = [
            f"{cost:.1f} ({len(_pack(line, level)) / 1000:.0f})"
            for level, cost in zip(_LEVELS, pack, strict=True)
        ]
        least = pack[0]
        return self._key, f"{read:.1f}", f"{write:.1f}", *packed, ratio(read + write + least, decode + least)

    def _read(self, parser: Any) -> Any:  # noqa: ANN401 -- botocore's parsers, and what they give
        return parser.parse(self._answer(), self._shape)

    def _read_checked(self) -> None:
        answer = self._answer()
        refuse_broken_answer(operation_model=self._operation, response_dict=answer)
        check_parsed(self._operation, self._ours.parse(answer, self._shape))

    def _answer(self) -> dict[str, Any]:
        return {"status_code": 200, "headers": {}, "body": self._body, "context": {}}

    def _decode(self) -> object:
        return orjson.loads(self._body) if self._json else ET.fromstring(self._body)  # noqa: S314 -- ours

    def _write(self, answer: dict[str, Any]) -> bytes:
        service, name = self._key.split(":")
        shard = Shard(AccountId("100000000000"), RegionName("eu-west-1"))
        at = datetime(2026, 11, 22, tzinfo=UTC)
        call = Call(service=service, operation=name, parameters={}, at=at, shard=shard, response=answer)
        return encode_line(call, with_place=False)


def _pack(line: bytes, level: int) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflate.compress(line) + deflate.flush()

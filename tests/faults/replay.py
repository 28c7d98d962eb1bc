"""An upstream that answers from a recorded bundle, in the wire formats of the services.

What the bundle does not speak of is answered with nothing: an empty list.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from scanner.demo.wire.answer import Answer, ApiError, write_answer, write_error
from scanner.evidence.answers import pagination
from scanner.evidence.lines import EvidenceLine
from scanner.evidence.reader import read_lines
from tests.faults.proxy import SOMEBODY, Asked

SAMPLE = Path(__file__).parents[2] / "sample_reports" / "bundle"

_Key = tuple[str, str, str, bytes]


class Replay:
    """Answers for the accounts of a bundle; its caller is whoever recorded it."""

    def __init__(self, folder: Path = SAMPLE) -> None:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
        self.caller = str(manifest["caller"]["account"])
        self._arn = str(manifest["caller"]["arn"])
        self._lines: dict[_Key, EvidenceLine] = {}
        self._kept: dict[_Key, Answer] = {}
        for path in sorted((folder / "evidence").rglob("*.jsonl.gz")):
            account, region = path.parent.name, path.name.partition(".")[0]
            for line in read_lines(folder, str(path.relative_to(folder))):
                place = (
                    (line.account, "*") if region == "org" else (account, region.replace("aws-global", "*"))
                )
                self._lines[*place, line.name, _asked_for(line.name, line.parameters)] = line

    def fetch(self, asked: Asked) -> Answer:
        """Give the recorded answer."""
        account = self.caller if asked.account == SOMEBODY else asked.account
        if asked.service == "sts":
            return write_answer(asked.model, self._identity(account, asked))
        parameters = _asked_for(asked.key, asked.parameters)
        question = (account, asked.region, asked.key, parameters)
        if question not in self._kept:
            line = self._lines.get(question) or self._lines.get((account, "*", asked.key, parameters))
            self._kept[question] = _written(asked, line)
        return self._kept[question]

    def _identity(self, account: str, asked: Asked) -> dict[str, Any]:
        if asked.operation == "GetCallerIdentity":
            return {"Account": account, "Arn": self._arn.replace(self.caller, account), "UserId": "x"}
        role = str(asked.parameters["RoleArn"])
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{role.split(':')[4]}ROLE",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": datetime.now(UTC) + timedelta(hours=1),
            },
            "AssumedRoleUser": {"AssumedRoleId": "x:s", "Arn": f"{role.replace(':iam:', ':sts:')}/s"},
        }


def _asked_for(key: str, parameters: Any) -> bytes:
    """What tells one call from another, whatever the size of its pages."""
    paging = pagination().get(key)
    size = paging.page_size if paging else ""
    kept = {name: value for name, value in parameters.items() if name != size and value not in (None, [], {})}
    return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS, default=str)


def _written(asked: Asked, line: EvidenceLine | None) -> Answer:
    if line is not None and line.error is not None:
        error = ApiError(line.error.code, line.error.message, line.error.status or 500)
        return write_error(asked.model, error)
    result = {} if line is None else _revived(line.response, asked.model.output_shape)
    return write_answer(asked.model, result)


def _revived(value: Any, shape: Any) -> Any:
    """Bring a recorded value back to what the client had: times and bytes are no strings there."""
    match shape.type_name:
        case "structure":
            members = shape.members
            return {name: _revived(inner, members[name]) for name, inner in value.items() if name in members}
        case "list":
            return [_revived(inner, shape.member) for inner in value]
        case "map":
            return {name: _revived(inner, shape.value) for name, inner in value.items()}
        case "timestamp":
            return datetime.fromisoformat(value)
        case "blob":
            return base64.b64decode(value)
        case _:
            return value


def keys_of(folder: Path = SAMPLE) -> Iterator[str]:
    """The operations that the bundle speaks of."""
    yield from sorted({key for _, _, key, _ in Replay(folder)._lines})

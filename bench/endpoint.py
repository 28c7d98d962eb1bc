"""A fast AWS on loopback, in a process of its own: prepared bytes, after a given latency.

It knows the caller by the access key (four letters, then the account) and the request by botocore's
models; whatever it does not know specially is answered with nothing, in the right protocol. It checks no
signature and no permission: it is there to be faster than what is measured.

`python -m bench.endpoint --accounts 10` prints its address, then serves until it is ended.
"""

import argparse
import asyncio
import json
import re
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.model import ServiceModel
from botocore.session import Session

from bench import bodies
from scanner.services.catalogue import OPERATIONS

MANAGEMENT: Final = "100000000000"
_REGIONS: Final = (
    "eu-west-1", "eu-central-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1",
    "eu-west-2", "eu-west-3", "eu-north-1", "sa-east-1", "ap-south-1", "ap-northeast-1", "ap-northeast-2",
    "ap-northeast-3", "ap-southeast-1", "ap-southeast-2",
)  # fmt: skip
_SCOPE: Final = re.compile(rb"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET: Final = re.compile(rb"\r\nx-amz-target: *\S+\.(\w+)", re.IGNORECASE)
_ACTION: Final = re.compile(rb"(?:^|&)Action=(\w+)")
_TOKEN: Final = re.compile(r"(?:^|[&?\"])(?:next_?token|marker)\"?[=:] ?\"?(\d+)", re.IGNORECASE)
_ROLE: Final = re.compile(r"RoleArn=arn%3Aaws%3Aiam%3A%3A(\d{12})")


@dataclass(frozen=True, slots=True)
class Estate:
    """What there is. Sizes are those of one account in one Region."""

    accounts: int = 1
    regions: int = 17
    latency: float = 0.0
    vaults: int = 0
    points: int = 0
    jobs: int = 0
    plans: int = 0
    volumes: int = 0
    instances: int = 0
    databases: int = 0
    protected: int = 0

    def arguments(self) -> list[str]:
        """The command line that says the same."""
        return [f"--{setting.name}={getattr(self, setting.name)}" for setting in fields(self)]

    def region_names(self) -> tuple[str, ...]:
        """The Regions that every account has enabled."""
        return _REGIONS[: self.regions]

    def account_ids(self) -> tuple[str, ...]:
        """The accounts, the management account first."""
        return tuple(str(int(MANAGEMENT) + number) for number in range(self.accounts))


SMALL: Final = {
    "vaults": 1,
    "points": 40,
    "jobs": 40,
    "plans": 1,
    "volumes": 8,
    "instances": 4,
    "databases": 2,
}
"""A small account: a handful of machines, backed up every day for a month."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `text`: path, query and body, which contain tokens and names."""

    account: str
    region: str
    service: str
    operation: str
    text: str


@dataclass(slots=True)
class Endpoint:
    """Answers requests. `calls` counts them."""

    estate: Estate
    calls: int = 0
    _special: Mapping[str, Callable[[Request], bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self._special = _special(self.estate)

    def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        if (scope := _SCOPE.search(head)) is None:
            return 200, self._statistics()
        self.calls += 1
        key, region, signing = (part.decode() for part in scope.groups())
        path = head[: head.index(b"\r\n")].split(b" ", 2)[:2]
        service, operation = _operation(signing, path, head, body)
        request = Request(key[4:16], region, service, operation, f"{path[1].decode()} {body.decode()}")
        answer = self._special.get(f"{service}:{operation}")
        if answer is None:
            return _nothing(service, operation)
        said = answer(request).replace(bodies.ACCOUNT.encode(), request.account.encode())
        return 200, said.replace(bodies.REGION.encode(), region.encode())

    def _statistics(self) -> bytes:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return json.dumps({"calls": self.calls, "cpu": used.ru_utime + used.ru_stime}).encode()


class Connection(asyncio.Protocol):
    """One connection, kept open; a request is answered before the next one is read."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 -- a TCP server's is
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when a request is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end]
        length = _LENGTH.search(head)
        whole = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < whole:
            return
        body, self._received = self._received[end + 4 : whole], self._received[whole:]
        status, answer = self._endpoint.answer(head, body)
        packed = b"HTTP/1.1 %d X\r\nx-amzn-RequestId: r\r\nContent-Length: %d\r\n\r\n" % (status, len(answer))
        loop = asyncio.get_running_loop()
        loop.call_later(self._endpoint.estate.latency, self._send, packed + answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


def _special(estate: Estate) -> dict[str, Callable[[Request], bytes]]:
    answers: dict[str, Callable[[Request], bytes]] = {
        "sts:GetCallerIdentity": lambda request: _query(
            request,
            f"<Arn>arn:aws:iam::{request.account}:user/bench</Arn><Account>{request.account}</Account>",
        ),
        "sts:AssumeRole": _assume,
        "ec2:DescribeRegions": _fixed(_regions(estate)),
        "organizations:DescribeOrganization": _fixed(
            {"Organization": {"Id": "o-bench00000", "MasterAccountId": MANAGEMENT}}
        ),
        "organizations:ListAccounts": _fixed({"Accounts": _accounts(estate)}),
        "organizations:ListRoots": _fixed({"Roots": [{"Id": "r-ben0", "Name": "Root"}]}),
        "organizations:ListAccountsForParent": _fixed({"Accounts": _accounts(estate)}),
        "kms:DescribeKey": _fixed(
            {"KeyMetadata": {"Arn": bodies.KEY, "KeyId": bodies.KEY[-36:], "KeyManager": "CUSTOMER"}}
        ),
        "kms:GetKeyPolicy": _fixed({"Policy": '{"Statement": []}', "PolicyName": "default"}),
    }
    return answers | _backup(estate) | {key: _pages(key, count) for key, count in _counts(estate).items()}


def _counts(estate: Estate) -> dict[str, int]:
    return {
        "backup:ListRecoveryPointsByBackupVault": estate.points,
        "backup:ListBackupJobs": estate.jobs,
        "backup:ListProtectedResources": estate.protected,
        "ec2:DescribeVolumes": estate.volumes,
        "ec2:DescribeInstances": estate.instances,
        "rds:DescribeDBInstances": estate.databases,
    }


def _backup(estate: Estate) -> dict[str, Callable[[Request], bytes]]:
    arn = f"arn:aws:backup:{bodies.REGION}:{bodies.ACCOUNT}"
    vaults = [
        {
            "BackupVaultName": f"production-{number}",
            "BackupVaultArn": f"{arn}:backup-vault:production-{number}",
            "EncryptionKeyArn": bodies.KEY,
            "CreationDate": 1763827200.123,
            "NumberOfRecoveryPoints": estate.points,
        }
        for number in range(estate.vaults)
    ]
    plans = [
        {
            "BackupPlanId": f"plan-{number}",
            "BackupPlanName": f"daily-{number}",
            "BackupPlanArn": f"{arn}:backup-plan:plan-{number}",
            "CreationDate": 1763827200.123,
        }
        for number in range(estate.plans)
    ]
    rule = {"RuleName": "daily", "RuleId": "rule", "TargetBackupVaultName": "production-0"}
    selection = {"SelectionId": "selection", "SelectionName": "all", "IamRoleArn": "arn:aws:iam::0:role/x"}
    return {
        "backup:ListBackupVaults": _fixed({"BackupVaultList": vaults}),
        "backup:ListBackupPlans": _fixed({"BackupPlansList": plans}),
        "backup:GetBackupPlan": _fixed({"BackupPlan": {"BackupPlanName": "daily", "Rules": [rule]}}),
        "backup:ListBackupSelections": _fixed({"BackupSelectionsList": [selection]}),
        "backup:GetBackupSelection": _fixed({"BackupSelection": {**selection, "Resources": ["*"]}}),
    }


def _pages(key: str, count: int) -> Callable[[Request], bytes]:
    size = bodies.LISTS[key].page

    @lru_cache(maxsize=8)
    def write(page: int) -> bytes:
        left = count - page * size
        return bodies.body(key, max(0, min(left, size)), page, str(page + 1) if left > size else "")

    def answer(request: Request) -> bytes:
        token = _TOKEN.search(request.text)
        return write(int(token[1]) if token else 0)

    return answer


def _fixed(answer: object) -> Callable[[Request], bytes]:
    said = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return lambda _request: said


def _accounts(estate: Estate) -> list[dict[str, str]]:
    return [
        {
            "Id": identity,
            "Arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-bench00000/{identity}",
            "Name": f"account-{identity}",
            "Status": "ACTIVE",
        }
        for identity in estate.account_ids()
    ]


def _regions(estate: Estate) -> bytes:
    rows = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>opt-in-not-required</optInStatus></item>"
        for name in estate.region_names()
    )
    return f"<DescribeRegionsResponse><regionInfo>{rows}</regionInfo></DescribeRegionsResponse>".encode()


def _query(request: Request, inner: str) -> bytes:
    name = request.operation
    return (
        f"<{name}Response><{name}Result>{inner}</{name}Result>"
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{name}Response>"
    ).encode()


def _assume(request: Request) -> bytes:
    role = _ROLE.search(request.text)
    account = role[1] if role else request.account
    return _query(
        request,
        f"<Credentials><AccessKeyId>ASIA{account}BENCH</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
        f"<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/R/s</Arn>"
        "<AssumedRoleId>x:s</AssumedRoleId></AssumedRoleUser>",
    )


@lru_cache(maxsize=1024)
def _nothing(service: str, operation: str) -> tuple[int, bytes]:
    """An answer with nothing in it, and for what S3 says of a bucket without something: not found."""
    match _models()[service].resolved_protocol:
        case "query":
            return 200, _query(Request("", "", service, operation, ""), "")
        case "ec2" | "rest-xml":
            return 200, f"<{operation}Response><requestId>r</requestId></{operation}Response>".encode()
        case _:
            return 200, b"{}"


@cache
def _models() -> dict[str, ServiceModel]:
    session = Session()
    return {
        service: session.get_service_model(service)
        for service in {operation.service for operation in OPERATIONS.values()}
    }


@cache
def _services() -> dict[str, list[str]]:
    """The services that sign with a name: more than one may."""
    services: dict[str, list[str]] = {}
    for service, model in _models().items():
        services.setdefault(str(model.signing_name), []).append(service)
    return services


def _operation(signing: str, path: list[bytes], head: bytes, body: bytes) -> tuple[str, str]:
    services = _services().get(signing, [signing])
    named = _TARGET.search(head) or _ACTION.search(body)
    if named is None:
        return _by_path(services[0], path[0].decode(), path[1].decode())
    operation = named[1].decode()
    return next((name for name in services if f"{name}:{operation}" in OPERATIONS), services[0]), operation


def _by_path(service: str, method: str, path: str) -> tuple[str, str]:
    parts = urlsplit(path)
    query = parse_qs(parts.query, keep_blank_values=True).keys()
    for wanted, pattern, needed, operation in _rules(service):
        if wanted == method and needed <= query and pattern.fullmatch(unquote(parts.path)):
            return service, operation
    return service, "Unknown"


@cache
def _rules(service: str) -> list[tuple[str, re.Pattern[str], frozenset[str], str]]:
    """REST operations in the order of matching: those that need a query first, then the longest path."""
    rules = []
    for operation in OPERATIONS.values():
        if operation.service == service:
            http = _models()[service].operation_model(operation.name).http
            path, _, query = str(http["requestUri"]).partition("?")
            pattern = re.sub(r"\\{\w+(\\\+)?\\}", "[^/]+", re.escape(path.rstrip("/"))) + "/?"
            needed = frozenset(part.split("=")[0] for part in query.split("&") if part)
            rules.append((str(http["method"]), re.compile(pattern), needed, operation.name))
    return sorted(rules, key=lambda rule: (-len(rule[2]), -len(rule[1].pattern)))


async def _serve(estate: Estate) -> None:
    endpoint = Endpoint(estate)
    for service in _models():
        _rules(service)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(endpoint), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


def main(arguments: list[str]) -> None:
    """Serve what the command line describes."""
    parser = argparse.ArgumentParser()
    for setting in fields(Estate):
        parser.add_argument(f"--{setting.name}", type=type(setting.default), default=setting.default)
    asyncio.run(_serve(Estate(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main(sys.argv[1:])

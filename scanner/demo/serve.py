"""Serve the simulated organisation on a free loopback port."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from scanner.demo import clock
from scanner.demo.server.authorization import ROOT_ACCESS_KEY, ROOT_SECRET_KEY, Credentials
from scanner.demo.server.front import CallLog, Front
from scanner.demo.server.mends import adapt_moto
from scanner.demo.services import stock
from scanner.demo.story.organisation import MANAGEMENT, REGIONS, ROLE_NAME, build

DEFAULT_SEED = 20261120
_LOOPBACK = "127.0.0.1"
_POLL = 0.05  # seconds; how long a stop may take


@dataclass(frozen=True, slots=True)
class Demo:
    """A running simulation: where it listens, and what a scan of it needs to know."""

    endpoint: str
    role_name: str = ROLE_NAME
    management_account: str = MANAGEMENT
    regions: tuple[str, ...] = REGIONS
    log: CallLog = field(default_factory=CallLog, repr=False, compare=False)

    def environment(self) -> dict[str, str]:
        """The AWS_* variables with which ordinary boto3 talks to the simulation, and to nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_KEY,
            "AWS_DEFAULT_REGION": self.regions[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            # A profile of the user could name another endpoint or a role in a real account.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def scrubbed(self, environment: Mapping[str, str]) -> dict[str, str]:
        """An environment in which no other AWS_* variable is left."""
        # AWS_ENDPOINT_URL_S3 and its like would win over AWS_ENDPOINT_URL.
        without_aws = {key: value for key, value in environment.items() if not key.startswith("AWS_")}
        return without_aws | self.environment()


class _Handler(MotoRequestHandler):
    """Keeps connections open and writes no log; without Nagle's delay an answer leaves at once."""

    protocol_version = "HTTP/1.1"
    # A scan makes thousands of small calls, each of which would wait some 40 ms.
    disable_nagle_algorithm = True
    timeout = 60

    def log(self, *_: object) -> None:
        """Log nothing."""


@dataclass(slots=True)
class _Running:
    """The simulation of this process, how many use it, and what ends it."""

    demo: Demo
    seed: int
    ending: ExitStack
    users: int = 0


_lock = threading.Lock()
_running: list[_Running] = []


@contextmanager
def serve(seed: int = DEFAULT_SEED, port: int = 0) -> Iterator[Demo]:
    """Build the organisation and serve it until the block ends. Port 0 means a free one.

    Moto's state is the process's, so there is one simulation in a process: a second block with the same
    seed joins it. Raises RuntimeError where the second wants another seed.
    """
    with _lock:
        if not _running:
            _running.append(_start(seed, port))
        current = _running[0]
        if current.seed != seed:
            raise RuntimeError(f"this process already serves the organisation of seed {current.seed}")
        current.users += 1
    try:
        yield current.demo
    finally:
        _leave(current)


def _start(seed: int, port: int) -> _Running:
    with ExitStack() as stack:
        # The first callback runs last: the server must have stopped before moto's state goes.
        stack.callback(BackendDict.reset)
        front = _prepare(seed)
        stack.enter_context(clock.standing_at(clock.DEMO_CLOCK))
        server = make_server(_LOOPBACK, port, front, threaded=True, request_handler=_Handler)
        thread = threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
        thread.start()
        stack.callback(_stop, server, thread)
        # Handed over: if anything above fails, the stack ends what was begun.
        return _Running(Demo(f"http://{_LOOPBACK}:{server.port}", log=front.log), seed, stack.pop_all())


def _leave(current: _Running) -> None:
    with _lock:
        current.users -= 1
        if not current.users:
            _running.clear()
            current.ending.close()


def _stop(server: BaseWSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()
    server.server_close()


def _prepare(seed: int) -> Front:
    """A front with the organisation behind it, everything of an earlier one forgotten."""
    BackendDict.reset()
    stock.forget()
    # Before anything is built, so that moto makes our backend and not its own.
    adapt_moto()
    front = Front(Credentials(MANAGEMENT))
    build(front, seed)
    return front

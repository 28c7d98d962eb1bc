"""Serve the simulated organisation on a free loopback port."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from scanner.demo import clock
from scanner.demo.adapt import adapt_moto
from scanner.demo.credentials import ROOT_ACCESS_KEY, ROOT_SECRET_KEY, Credentials
from scanner.demo.front import Front
from scanner.demo.organisation import MANAGEMENT, REGIONS, ROLE_NAME, build

DEFAULT_SEED = 20261120
_LOOPBACK = "127.0.0.1"
_serving = threading.Lock()


@dataclass(frozen=True, slots=True)
class Demo:
    """A running simulation: where it listens, and what a scan of it needs to know."""

    endpoint: str
    role_name: str = ROLE_NAME
    management_account: str = MANAGEMENT
    regions: tuple[str, ...] = REGIONS

    def environment(self) -> dict[str, str]:
        """The AWS_* variables with which ordinary boto3 talks to the simulation, and to nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_KEY,
            "AWS_DEFAULT_REGION": self.regions[0],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def scrubbed(self, environment: Mapping[str, str]) -> dict[str, str]:
        """An environment in which no other AWS_* variable is left."""
        kept = {key: value for key, value in environment.items() if not key.startswith("AWS_")}
        return kept | self.environment()


class _Handler(MotoRequestHandler):
    """Keeps connections open and writes no log; without Nagle's delay an answer leaves at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve(seed: int = DEFAULT_SEED, port: int = 0) -> Iterator[Demo]:
    """Build the organisation and serve it until the block ends. Port 0 means a free one.

    One at a time in a process, since moto's state is the process's: a second waits for the first.
    """
    with _serving:
        front = _prepare(seed)
        server = make_server(_LOOPBACK, port, front, threaded=True, request_handler=_Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            with clock.standing_at(clock.DEMO_CLOCK):
                yield Demo(f"http://{_LOOPBACK}:{server.port}")
        finally:
            _stop(server, thread)
            BackendDict.reset()


def _stop(server: BaseWSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()
    server.server_close()


def _prepare(seed: int) -> Front:
    """A front with the organisation behind it, everything of an earlier one forgotten."""
    BackendDict.reset()
    adapt_moto()
    front = Front(Credentials(MANAGEMENT))
    build(front, seed)
    return front

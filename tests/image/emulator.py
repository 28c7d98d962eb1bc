"""AWS's Lambda runtime interface emulator, around the handler of this checkout or of an image."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tests.image.containers import PANGO_HIDDEN, container

ROOT: Final = Path(__file__).parents[2]
_INVOKE: Final = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True)
class Function:
    """A function that waits for events. `log` is what it and the emulator wrote."""

    url: str
    log: Path

    def invoke(self, event: object) -> Any:
        """Return the answer to an event, as JSON. Text that is not JSON comes back as it is."""
        return self.send(orjson.dumps(event))

    def send(self, body: bytes) -> Any:
        """Return the answer to a body of any bytes."""
        request = urllib.request.Request(self.url, data=body, method="POST")  # noqa: S310 -- loopback
        with urllib.request.urlopen(request, timeout=300) as response:  # noqa: S310 -- as above
            content = response.read()
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            return content.decode()


@contextmanager
def function(
    folder: Path, environment: Mapping[str, str], seconds: int, *, without_pango: bool = False
) -> Iterator[Function]:
    """Start the function with a time-out, and end it afterwards."""
    port, runtime_port = free_port(), free_port()
    # Without addresses the emulator listens on all interfaces.
    arguments = [
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
    ]
    variables = {**environment, "AWS_LAMBDA_FUNCTION_TIMEOUT": str(seconds)}
    log = folder / f"emulator-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(arguments, variables, PANGO_HIDDEN if without_pango else ()),
            env=_own_environment(variables),
            stdout=output,
            stderr=output,
            cwd=folder,
        )
        try:
            _wait_for(port, process)
            yield Function(f"http://127.0.0.1:{port}{_INVOKE}", log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _command(arguments: list[str], variables: Mapping[str, str], more: tuple[str, ...]) -> list[str]:
    emulator = emulator_path()
    if "VAULTPROOF_IMAGE" not in os.environ:
        return [emulator, *arguments, str(ROOT / "deploy" / "entrypoint.sh")]
    named = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    volume = f"{emulator}:/emulator:ro"
    options = ("--network", "host", "--volume", volume, "--entrypoint", "/emulator", *more, *named)
    return container(*options, arguments=[*arguments, "/usr/local/bin/vaultproof-entrypoint"])


def _own_environment(variables: Mapping[str, str]) -> dict[str, str]:
    if "VAULTPROOF_IMAGE" in os.environ:
        return dict(os.environ)
    binaries = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {name: os.environ[name] for name in ("PYTHONPATH", "VAULTPROOF_CACHE") if name in os.environ}
    return {**own, "PATH": binaries, "PYTHONPATH": own.get("PYTHONPATH", str(ROOT)), **variables}


def emulator_path() -> str:
    """Return the path of the emulator, which is downloaded where it is missing."""
    command = ["/bin/sh", "scripts/emulator.sh"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def free_port() -> int:
    """Return a port on loopback that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"The emulator does not listen on port {port}.")

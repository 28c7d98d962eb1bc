"""The TLS context that all clients of a scan share, so that the file of trusted authorities is read once.

With botocore and urllib3, each new connection parses the whole file: 16 ms of processor and, for each client,
0.7 MB of memory. What is checked of a server's certificate stays the same.
"""

import threading
from ssl import SSLContext
from typing import Any


class SharedTrust:
    """The TLS context of the clients of a session, which all have the same settings (AWS_CA_BUNDLE)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: SSLContext | None = None

    def share(self, http_session: Any) -> bool:  # noqa: ANN401 -- botocore's private attribute
        """Have an HTTP session of botocore connect with the shared context; call it before its first request.

        False, and nothing is changed: this botocore keeps its context elsewhere.
        """
        settings = getattr(getattr(http_session, "_manager", None), "connection_pool_kw", None)
        context = settings.get("ssl_context") if isinstance(settings, dict) else None
        if not isinstance(settings, dict) or type(context) is not SSLContext:
            return False
        with self._lock:
            if self._context is None:
                self._context = _loading_once(context)
        settings["ssl_context"] = self._context
        return True


def _loading_once(context: SSLContext) -> SSLContext:
    """Have a context ignore authorities that it has loaded before."""
    load, lock, loaded = context.load_verify_locations, threading.Lock(), set[object]()

    def load_if_new(cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:  # noqa: ANN401
        """Load authorities, unless this was done. Raises what `SSLContext.load_verify_locations` raises."""
        with lock:
            if (cafile, capath, cadata) not in loaded:
                load(cafile, capath, cadata)
                loaded.add((cafile, capath, cadata))

    context.load_verify_locations = load_if_new  # type: ignore[method-assign]
    return context

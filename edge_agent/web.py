"""Serves the screens of the store from a thread of the agent's process."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.server import create_server

CONNECTIONS_MAX = 500
CLOSE_S_MAX = 2


class WebError(Exception):
    """The screens cannot be served at the configured address."""


@dataclass(frozen=True, slots=True)
class Site:
    """The screens of a store: their application, and how its open streams are told to end."""

    app: WSGIApplication
    end_streams: Callable[[], None] | None = None


class WebServer:
    """A WSGI application behind a socket; each open screen holds one of its threads.

    Guarantees: once made, the address is taken and `port` is the real one; `close` returns at once
    when `end_streams` ends what the application streams, and within CLOSE_S_MAX seconds and about
    one more whatever it does.
    """

    def __init__(
        self,
        app: WSGIApplication,
        host: str,
        port: int,
        threads: int,
        *,
        end_streams: Callable[[], None] | None = None,
    ) -> None:
        try:
            listening = socket.create_server((host, port), backlog=128)
        except OSError as error:
            raise WebError(
                f"the screens cannot be served at {host}:{port}: {error.strerror}; "
                "stop what uses the address, or set web.host and web.port"
            ) from error
        self.host = host
        self.port: int = listening.getsockname()[1]
        self._server = create_server(
            app,
            sockets=[listening],
            threads=threads,
            connection_limit=CONNECTIONS_MAX,
            clear_untrusted_proxy_headers=True,
            ident="storebridge",
        )
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)
        self._asked_to_hang_up = threading.Lock()
        self._end_streams = end_streams

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and hang up; safe to call twice, and before the start."""
        if self._thread.ident is None:
            self._server.close()
        elif self._thread.is_alive():
            # The loop's own thread closes the sockets: it must not select on one that is gone.
            with self._asked_to_hang_up:
                self._server.trigger.pull_trigger(self._hang_up)
            self._thread.join(CLOSE_S_MAX / 2)
            if self._end_streams is not None:
                self._end_streams()
            self._server.task_dispatcher.shutdown(timeout=CLOSE_S_MAX / 2)

    def _hang_up(self) -> None:
        # The trigger is closed here, too: not before the thread that asked is done with it, since
        # a response that ends meanwhile wakes the loop just as well.
        with self._asked_to_hang_up:
            wasyncore.close_all(self._server._map)  # noqa: SLF001 (there is no public way)

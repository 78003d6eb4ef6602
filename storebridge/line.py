"""The line between the stores and the broker: a TCP proxy that can really be cut."""

import asyncio
import threading
from collections.abc import Callable

CHUNK_BYTES = 65_536
START_TIMEOUT_S = 10.0


class Line:
    """A proxy from a port of its own to a target, in a thread of its own.

    Guarantees: after `cut` returns no byte crosses in either direction, open connections are
    silent (as with a pulled cable, nobody is told) and new ones are not answered; after `restore`
    the silent connections are reset, so that both ends notice and connect anew.
    """

    def __init__(self, target_host: str, target_port: int, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self._target = (target_host, target_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="line", daemon=True)
        self._started = threading.Event()
        self._whole = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self.bytes_crossed = 0

    @property
    def is_cut(self) -> bool:
        """Tell whether the line is cut."""
        return not self._whole.is_set()

    def open(self) -> None:
        """Begin to listen; `port` says where."""
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S):
            raise OSError(f"the line to {self._target} could not be opened on {self.host}")

    def cut(self) -> None:
        """Cut the line."""
        self._call(self._cut)

    def restore(self) -> None:
        """Mend the line; safe when it is whole."""
        self._call(self._restore)

    def close(self) -> None:
        """End every connection and stop; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_TIMEOUT_S)

    def _call(self, what: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(run)
        if not done.wait(START_TIMEOUT_S):
            raise OSError("the line does not answer; is it open?")

    def _cut(self) -> None:
        self._whole.clear()

    def _restore(self) -> None:
        if self._whole.is_set():
            return
        for writer in list(self._writers):
            writer.transport.abort()
        self._whole.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._whole.set()
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, self.host, self.port, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(
                asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True)
            )
            self._loop.close()

    async def _accept(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        self._writers.add(near_out)
        far_out: asyncio.StreamWriter | None = None
        try:
            await self._whole.wait()
            far, far_out = await asyncio.open_connection(*self._target)
            self._writers.add(far_out)
            await asyncio.gather(self._carry(near, far_out), self._carry(far, near_out))
        except OSError:
            pass  # one end is gone: the other is told by the close below
        finally:
            for writer in (near_out, far_out):
                if writer is not None:
                    self._writers.discard(writer)
                    writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            await self._whole.wait()
            self.bytes_crossed += len(chunk)
            sink.write(chunk)
            await sink.drain()
        raise ConnectionResetError

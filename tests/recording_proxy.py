"""A TCP proxy that keeps every byte that crosses it, in both directions."""

import socket
import threading

CHUNK_BYTES = 65_536


class RecordingProxy:
    """Listens on `port` and passes everything on to a target of this machine."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ways: list[bytearray] = []
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def recorded(self) -> bytes:
        """All bytes so far, each connection's each direction for itself."""
        return b"\n".join(bytes(way) for way in self._ways)

    @property
    def sent(self) -> bytes:
        """All bytes so far that those who connected have sent."""
        return b"\n".join(bytes(way) for way in self._ways[::2])

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listening.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                way = bytearray()
                self._ways.append(way)
                threading.Thread(
                    target=self._pass, args=(source, sink, way), name="proxy", daemon=True
                ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, way: bytearray) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                way += chunk
                sink.sendall(chunk)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

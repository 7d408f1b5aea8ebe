"""A TCP proxy that a test can cut, as a network is cut: nothing comes through, and nobody is told."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

from tests.house import free_port


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`, until the block ends."""

    def __init__(self, target: int, port: int | None = None) -> None:
        self.target = target
        self.port = port or free_port()
        self._open = threading.Event()
        self._open.set()
        self._held: int | None = None
        self._trap: tuple[int, Callable[[], None]] | None = None
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def cut(self) -> None:
        """From now on nothing comes through; connections stay open, as they do when a cable is pulled."""
        self._open.clear()

    def mend(self) -> None:
        """What was held back comes through, as TCP would send it again."""
        self._held = None
        self._open.set()

    def hold(self, api_key: int) -> None:
        """From now on requests of this kind of Kafka's (1: Fetch) are taken, and never answered; all others are."""
        self._held = api_key

    def after(self, sent: int, action: Callable[[], None]) -> threading.Event:
        """Do this once so many more bytes have gone to the server, in the middle of whatever they are."""
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        with self._lock:
            self._trap = sent, act
        return done

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)  # close() alone would leave accept() waiting, and the port taken
        self._server.close()
        self.mend()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._start(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        self._open.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        self._start(self._forward, client, server, True)
        self._start(self._forward, server, client, False)

    def _forward(self, source: socket.socket, target: socket.socket, to_server: bool) -> None:
        try:
            while data := source.recv(65536):
                self._open.wait()
                # A request begins with its length (4 bytes) and its kind (2 bytes).
                while to_server and self._held is not None and int.from_bytes(data[4:6], "big") == self._held:
                    time.sleep(0.1)
                if to_server:
                    data = self._spring(data, target)
                target.sendall(data)
        except OSError:
            pass
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _spring(self, data: bytes, target: socket.socket) -> bytes:
        """Count down to the trap; what comes before its place is sent first. Returns what is left to send."""
        with self._lock:
            if self._trap is None:
                return data
            left, action = self._trap
            if left > len(data):
                self._trap = left - len(data), action
                return data
            self._trap = None
        target.sendall(data[:left])
        action()
        return data[left:]

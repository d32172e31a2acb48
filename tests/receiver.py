"""A real HTTP/1.1 server that records what it receives and answers as it is told.

In a test:      def test_x(receiver): receiver.answer = Reply(500); ...; receiver.requests[0].json
With TLS:       Receiver(tls=Certificate(names=("localhost",)))
As a program:   python -m tests.receiver --port 9000 [--status 500]     prints one JSON line for each request
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from tests.certificates import Certificate

LONGEST_HANG_S = 30.0


class Headers(dict[str, str]):
    """Header values by name, whatever its case; a repeated header's values are joined by a comma."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        for name, value in pairs:
            self[name.lower()] = f"{self[name]}, {value}" if name in self else value

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: str | None = None) -> str | None:
        return super().get(name.lower(), default)


@dataclass
class Request:
    """One request as received. `connection` numbers the connections, from 1; `raw_headers` keeps names and order."""

    method: str
    path: str
    headers: Headers
    raw_headers: list[tuple[str, str]]
    body: bytes
    received_at: datetime
    connection: int

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer: a plain answer, or one of the special ones made by the class methods.

    Args:
        delay: seconds before the answer.
        close_after: close the connection after the answer, without having said so in a header.
        act: for special replies, does all the answering itself.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    close_after: bool = False
    act: Callable[[Connection], None] | None = None

    @classmethod
    def hang(cls) -> Reply:
        """Never answer."""
        return cls(act=lambda connection: connection.wait())

    @classmethod
    def drip_headers(cls, every: float = 0.05) -> Reply:
        """An endless head, a byte at a time."""
        return cls(act=lambda connection: connection.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", every))

    @classmethod
    def drip_interim(cls, every: float = 0.05) -> Reply:
        """Endless interim answers (RFC 9110 section 15.2), each whole."""
        return cls(act=lambda connection: connection.drip(b"", every, b"HTTP/1.1 102 Processing\r\n\r\n"))

    @classmethod
    def drip_body(cls, every: float = 0.05, status: int = 200) -> Reply:
        """A whole head at once, then an endless body, a byte at a time."""
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: 100000\r\n\r\n".encode()
        return cls(act=lambda connection: (connection.send(head), connection.drip(b"", every)))

    @classmethod
    def reset(cls) -> Reply:
        """Cut the connection with a TCP reset instead of an answer."""
        return cls(act=lambda connection: connection.reset())

    @classmethod
    def close(cls) -> Reply:
        """Close the connection properly instead of an answer."""
        return cls(act=lambda connection: connection.finish())

    @classmethod
    def raw(cls, data: bytes, close: bool = True) -> Reply:
        """Exactly these bytes, such as garbage instead of HTTP."""
        return cls(act=lambda connection: (connection.send(data), connection.finish() if close else None))

    @classmethod
    def redirect(cls, to: str, status: int = 302) -> Reply:
        return cls(status, {"Location": to})

    @classmethod
    def gone(cls) -> Reply:
        return cls(410)

    @classmethod
    def busy(cls, retry_after: str = "120") -> Reply:
        return cls(429, {"Retry-After": retry_after})

    @classmethod
    def huge(cls, size: int = 1024 * 1024) -> Reply:
        return cls(body=b"x" * size)

    @classmethod
    def bomb(cls, size: int = 64 * 1024 * 1024, layers: int = 1) -> Reply:
        """A small body that unpacks to `size` bytes of zeros; with two layers the packed one is packed again."""
        body = bytes(size)
        for _ in range(layers):
            body = gzip.compress(body, 6)
        return cls(headers={"Content-Encoding": ", ".join(["gzip"] * layers)}, body=body)

    def bytes(self) -> bytes:
        names = {name.lower() for name in self.headers}
        phrase = HTTPStatus(self.status).phrase if self.status in HTTPStatus._value2member_map_ else "Odd"
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in self.headers.items())]
        if "content-length" not in names and "transfer-encoding" not in names and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


Answer = Reply | Sequence[Reply] | Callable[[Request], Reply]


class Connection:
    """One accepted connection, served by a thread of its own."""

    def __init__(self, receiver: Receiver, sock: socket.socket, number: int) -> None:
        self.receiver, self.sock, self.number = receiver, sock, number
        self.is_open = True
        self._buffer = b""

    def serve(self) -> None:
        try:
            if self.receiver.on_accept is not None:
                self.receiver.on_accept.act(self)
                return
            if self.receiver.tls:
                self.sock = self.receiver.tls.wrap_socket(self.sock, server_side=True)
            while self.is_open and (request := self._read()) is not None:
                self._answer(self.receiver.note(request))
        except (OSError, ValueError):
            pass
        finally:
            self.finish()
            self.receiver.forget(self)

    def _read(self) -> Request | None:
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = Headers(pairs)
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            if not self._receive():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(method, path, headers, pairs, body, datetime.now(UTC), self.number)

    def _receive(self) -> bool:
        data = self.sock.recv(65536)
        self._buffer += data
        return bool(data)

    def _answer(self, reply: Reply) -> None:
        if reply.delay:
            self.wait(reply.delay)
        if reply.act:
            reply.act(self)
            return
        self.send(reply.bytes())
        if reply.close_after:
            self.finish()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float = LONGEST_HANG_S) -> None:
        self.receiver.stopping.wait(seconds)

    def drip(self, first: bytes, every: float, drop: bytes = b"x") -> None:
        self.send(first)
        until = time.monotonic() + LONGEST_HANG_S
        while time.monotonic() < until and not self.receiver.stopping.wait(every):
            self.send(drop)

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_open = False
        self.sock.close()

    def finish(self) -> None:
        self.is_open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Receiver:
    """The server. It listens when it is made, on a free port of 127.0.0.1 unless told otherwise, until `close()`.

    `answer` is a reply for every request; a list of replies, the last of which is repeated; or a function of the request.
    `on_accept` is a special reply given in place of serving a new connection, such as `Reply.reset()`.
    """

    def __init__(self, port: int = 0, tls: Certificate | None = None, host: str = "127.0.0.1") -> None:
        self._answer: Answer = Reply()
        self.on_accept: Reply | None = None
        self.requests: list[Request] = []
        self.on_request: Callable[[Request], None] = lambda request: None
        self.stopping = threading.Event()
        self.accepted = 0
        self.tls = tls.context() if tls else None
        self._host = host
        self._changed = threading.Condition()
        self._connections: set[Connection] = set()
        self._answered = 0
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"receiver-{self.port}", daemon=True).start()

    @property
    def answer(self) -> Answer:
        return self._answer

    @answer.setter
    def answer(self, answer: Answer) -> None:
        with self._changed:
            self._answer, self._answered = answer, 0

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/"

    @property
    def open_connections(self) -> int:
        with self._changed:
            return len(self._connections)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Request]:
        """The requests, as soon as there are `count` of them.

        Raises:
            AssertionError: there are fewer after `seconds`.
        """
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.requests) >= count, seconds)
            assert enough, f"{len(self.requests)} of {count} requests arrived within {seconds:g} s"
            return list(self.requests)

    def close_idle(self) -> None:
        """Close every connection that is open, as a server does with idle ones, and wait until they are."""
        with self._changed:
            for connection in list(self._connections):
                connection.finish()
            self._changed.wait_for(lambda: not self._connections, 5)

    def close(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.close_idle()

    def note(self, request: Request) -> Reply:
        """Record a request; says what to answer."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            answer = self.answer
            if isinstance(answer, Reply):
                reply = answer
            elif callable(answer):
                reply = None
            else:
                reply = answer[min(self._answered, len(answer) - 1)]
                self._answered += 1
        self.on_request(request)
        return reply or answer(request)

    def forget(self, connection: Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self.accepted += 1
                connection = Connection(self, sock, self.accepted)
                self._connections.add(connection)
            threading.Thread(target=connection.serve, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port; `receiver.url`, `receiver.requests`, `receiver.answer = Reply(...)`."""
    server = Receiver()
    yield server
    server.close()


def _line(request: Request) -> str:
    said = {
        "received_at": request.received_at.isoformat(),
        "connection": request.connection,
        "method": request.method,
        "path": request.path,
        "headers": dict(request.raw_headers),
        "body": request.body.decode("utf-8", "replace"),
    }
    return json.dumps(said) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints one JSON line for each request it receives.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    server = Receiver(given.port)
    server.answer = Reply(given.status, delay=given.delay)

    def show(request: Request) -> None:
        sys.stdout.write(_line(request))
        sys.stdout.flush()
        server.requests.clear()

    server.on_request = show
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    server.close()


if __name__ == "__main__":
    main()

"""Connections that end in time and only where they may.

Every wait of a request ends at one deadline: the name lookup (in a thread of its own, since the system's cannot be
interrupted), and each single operation on the socket, which gets the time that is left. So neither a byte a second nor a
silent peer holds up a worker, and no watchdog has to know of every request.

The addresses of a name are checked where the socket is made, so that what was checked is what is connected to.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from time import perf_counter

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from kayse_dash.outbound.addresses import Network, why_forbidden
from kayse_dash.outbound.answers import Reason
from kayse_dash.outbound.urls import literal

# Far more than any answer that is kept; a peer cannot make us parse more headers than this.
MOST_RECEIVED = 512 * 1024
MOST_LOOKUPS = 64
MOST_ADDRESSES = 8


class Stopped(ValueError):
    """We ended a request, or did not begin it. Not an OSError: urllib3 would wrap it and hide the reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Exchange:
    """One request while it runs: until when, where it may go, and what was seen of it. One to a thread at a time."""

    __slots__ = ("allowed", "connected", "deadline", "first_byte", "fresh", "received", "started", "timeout_s", "timings")

    def __init__(self, timeout_s: float, allowed: Sequence[Network] = ()) -> None:
        self.started = perf_counter()
        self.timeout_s = timeout_s
        self.deadline = self.started + timeout_s
        self.allowed = allowed
        self.fresh = False  # make a new connection even where one is kept alive
        self.connected = False  # a new connection was made
        self.received = 0
        self.first_byte: float | None = None
        self.timings: dict[str, float] = {}

    def left(self, waiting_for: str, reason: Reason = Reason.TIMEOUT) -> float:
        """The seconds that are left.

        Raises:
            Stopped: there are none.
        """
        left = self.deadline - perf_counter()
        if left <= 0:
            raise self.timed_out(waiting_for, reason)
        return left

    def timed_out(self, waiting_for: str, reason: Reason = Reason.TIMEOUT) -> Stopped:
        return Stopped(reason, f"{waiting_for} took longer than {self.timeout_s:g} s")

    def note(self, phase: str, since: float) -> float:
        """Record how long a phase took; returns the time now."""
        now = perf_counter()
        self.timings[phase] = (now - since) * 1000
        return now


class _Running(threading.local):
    exchange: Exchange


# urllib3 hands neither a deadline nor a policy down to its sockets; a request runs in one thread from end to end.
running = _Running()


class _Deadline:
    """The socket operations that http.client uses, each with the time that is left."""

    def recv_into(self, buffer, nbytes: int = 0, flags: int = 0) -> int:
        exchange = running.exchange
        waiting_for = "the answer" if exchange.first_byte is None else "the rest of the answer"
        self.settimeout(exchange.left(waiting_for))
        try:
            count = super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            raise exchange.timed_out(waiting_for) from None
        if exchange.first_byte is None and count:
            exchange.first_byte = perf_counter()
        exchange.received += count
        if exchange.received > MOST_RECEIVED:
            raise Stopped(Reason.PROTOCOL, f"the answer's head is longer than {MOST_RECEIVED // 1024} KiB")
        return count

    def sendall(self, data, flags: int = 0) -> None:
        exchange = running.exchange
        self.settimeout(exchange.left("sending"))
        try:
            super().sendall(data, flags)
        except TimeoutError:
            raise exchange.timed_out("sending") from None


class PlainSocket(_Deadline, socket.socket):
    """A TCP socket with a deadline."""


class TLSSocket(_Deadline, ssl.SSLSocket):
    """A TLS socket with a deadline; `SSLContext.sslsocket_class`."""

    def send(self, data, flags: int = 0) -> int:
        # SSLSocket.sendall calls it for each piece.
        self.settimeout(running.exchange.left("sending"))
        return super().send(data, flags)


class _Response(http.client.HTTPResponse):
    """Skips every interim answer (RFC 9110 section 15.2); http.client knows only 100."""

    def _read_status(self):
        version, status, reason = super()._read_status()
        if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            raise http.client.BadStatusLine("101 without having been asked")
        return version, http.HTTPStatus.CONTINUE if status < 200 else status, reason


class _Checked:
    """What both kinds of connection share: a checked new socket, a way not to use the old one, and one packet a request."""

    response_class = _Response
    _pieces: list[bytes] | None = None

    def _new_conn(self) -> socket.socket:
        exchange = running.exchange
        exchange.connected = True
        return connect(self.host, self.port, exchange)

    def request(self, *args, **kwargs) -> None:
        if running.exchange.fresh and not running.exchange.connected:
            self.close()
        # http.client sends head and body apart; together they are one packet, which wakes the receiver once.
        self._pieces = []
        super().request(*args, **kwargs)
        pieces, self._pieces = self._pieces, None
        super().send(b"".join(pieces))

    def send(self, data: bytes) -> None:
        if self._pieces is None:
            super().send(data)
        else:
            self._pieces.append(data)


class CheckedConnection(_Checked, HTTPConnection):
    """Plain HTTP."""


class CheckedTLSConnection(_Checked, HTTPSConnection):
    """HTTP over TLS."""

    def connect(self) -> None:
        exchange = running.exchange
        started = perf_counter()
        try:
            super().connect()
        except TimeoutError:
            raise exchange.timed_out("the TLS handshake") from None
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            raise Stopped(Reason.RESET, "the connection was closed during the TLS handshake") from None
        exchange.note("tls", started + (exchange.timings["dns"] + exchange.timings["connect"]) / 1000)


class CheckedPool(HTTPConnectionPool):
    ConnectionCls = CheckedConnection


class CheckedTLSPool(HTTPSConnectionPool):
    ConnectionCls = CheckedTLSConnection


POOLS = {"http": CheckedPool, "https": CheckedTLSPool}


def connect(host: str, port: int, exchange: Exchange) -> PlainSocket:
    """Connect to a host, provided that every address it has may be called.

    Raises:
        Stopped: it has no address, one of them may not be called, or none answers in time.
    """
    started = perf_counter()
    found = look_up(host, exchange.left("the name lookup", Reason.DNS))
    started = exchange.note("dns", started)
    for _, sockaddr in found:
        leads_to = why_forbidden(sockaddr[0], exchange.allowed)
        if leads_to:
            raise Stopped(Reason.BLOCKED, f"{host[:200]} leads to {leads_to}")
    failure = OSError()
    for place, (family, sockaddr) in enumerate(found[:MOST_ADDRESSES]):
        # A name's first address may be dead and its second alive: none gets more than its share of the time.
        share = exchange.left("connecting", Reason.CONNECT_TIMEOUT) / (min(len(found), MOST_ADDRESSES) - place)
        try:
            sock = _connected(family, (sockaddr[0], port, *sockaddr[2:]), share)
        except OSError as error:
            failure = error
            continue
        exchange.note("connect", started)
        sock.settimeout(exchange.left("connecting", Reason.CONNECT_TIMEOUT))
        return sock
    exchange.note("connect", started)
    if isinstance(failure, TimeoutError):
        raise exchange.timed_out("connecting", Reason.CONNECT_TIMEOUT)
    reasons = {ConnectionRefusedError: Reason.REFUSED, ConnectionResetError: Reason.RESET}
    raise Stopped(reasons.get(type(failure), Reason.UNREACHABLE), (failure.strerror or type(failure).__name__).lower())


def _connected(family: int, sockaddr: tuple, seconds: float) -> PlainSocket:
    sock = PlainSocket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(seconds)
        sock.connect(sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


_lookups: dict[str, Future] = {}
_lookups_lock = threading.Lock()


def look_up(host: str, seconds: float) -> list[tuple[int, tuple]]:
    """All addresses of a host, as (family, socket address) pairs in the system's order.

    Raises:
        Stopped: there are none, or they were not known in time.
    """
    itself = literal(host)
    if itself:
        return [(socket.AF_INET6, (itself, 0, 0, 0)) if ":" in itself else (socket.AF_INET, (itself, 0))]
    with _lookups_lock:
        lookup = _lookups.get(host)
        if lookup is None:
            if len(_lookups) >= MOST_LOOKUPS:
                raise Stopped(Reason.DNS, "too many name lookups are waiting for an answer")
            lookup = _lookups[host] = Future()
            threading.Thread(target=_look_up, args=(host, lookup), name="name-lookup", daemon=True).start()
    try:
        found = lookup.result(seconds)
    except TimeoutError:
        raise Stopped(Reason.DNS, f"the name lookup took longer than {seconds:.1f} s") from None
    except OSError as error:
        raise Stopped(Reason.DNS, (error.strerror or "the name lookup failed").lower()) from None
    if not found:
        raise Stopped(Reason.DNS, "the name has no address")
    return found


def _look_up(host: str, lookup: Future) -> None:
    """Ask the system; all who ask for the same name in the meantime wait for this one answer."""
    found, failure = [], None
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = [(family, sockaddr) for family, _, _, _, sockaddr in answers if family in (socket.AF_INET, socket.AF_INET6)]
    except OSError as error:
        failure = error
    except Exception as error:
        failure = OSError(0, f"the name cannot be looked up ({type(error).__name__})")
    with _lookups_lock:
        del _lookups[host]
    if failure:
        lookup.set_exception(failure)
    else:
        lookup.set_result(found)

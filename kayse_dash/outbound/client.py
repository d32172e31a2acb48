"""Sending one request: prepared cheaply, over a connection kept alive, answered with a value."""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from time import perf_counter

import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse
from urllib3.util import Retry, Timeout

from kayse_dash import clock
from kayse_dash.outbound.addresses import OWN
from kayse_dash.outbound.answers import KEPT_BODY, Answer, Reason, expand, kept_headers, no_answer, retry_after, text_of
from kayse_dash.outbound.connections import POOLS, Exchange, Stopped, TLSSocket, running
from kayse_dash.outbound.faults import FAULTS, reason_of, was_closed_while_idle
from kayse_dash.outbound.urls import Destination, Policy, UnusableURL, read

MOST_HOSTS = 64
CONNECTIONS_PER_HOST = 16
MOST_TEMPLATES = 2048

# Read of a compressed body before it is expanded; enough for what is kept of any body worth reading.
_MOST_COMPRESSED = 2 * KEPT_BODY

# Headers that say where a message goes and where it ends: ours alone (RFC 9110 section 7.6, RFC 9112 section 6).
_FRAMING = frozenset(
    "connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)

_NO_RETRY = Retry(total=False)
_NO_TIMEOUT = Timeout(None)  # the sockets know the deadline

# Whatever a stranger's server does wrong is in our own records; urllib3's warnings would add its URL, and with it often a
# secret, to the log.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class _Request(requests.PreparedRequest):
    """A request that is prepared by us: `prepare()` costs as much as sending."""

    def __init__(self, template: _Template, headers: dict[str, str], body: bytes) -> None:
        super().__init__()
        self.method = "POST"
        self.url = template.url
        self.headers = headers
        self.body = body
        self.template = template


class _Adapter(HTTPAdapter):
    """requests' adapter on checked connections, without what a webhook never has: proxies, redirects, cookies, settings
    from the environment."""

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        super().__init__(MOST_HOSTS, CONNECTIONS_PER_HOST, max_retries=_NO_RETRY)

    def init_poolmanager(self, connections, maxsize, block=False, **pool_kwargs) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        to = request.template.destination
        context = {"scheme": to.scheme, "host": to.host, "port": to.port, "maxsize": CONNECTIONS_PER_HOST}
        if to.scheme == "https":
            context["ssl_context"] = self._tls()
        return self.poolmanager.connection_from_pool_key((to.scheme, to.host, to.port), context)

    def cert_verify(self, conn, url, verify, cert) -> None:
        """Nothing to do: the pool's TLS context verifies."""

    def request_url(self, request, proxies) -> str:
        return request.template.destination.target

    def build_response(self, req, resp) -> HTTPResponse:
        return resp


class _Template:
    """What all requests to one URL have in common."""

    __slots__ = ("adapter", "allowed", "destination", "headers", "url")

    def __init__(self, destination: Destination, adapter: _Adapter, policy: Policy) -> None:
        self.destination = destination
        self.url = destination.url
        self.adapter = adapter
        self.allowed = policy.allowed_networks + (OWN if destination.is_own_inbox else ())
        self.headers = {"Host": destination.authority, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive"}


class Client:
    """Sends requests over connections that are kept alive; one to a process, for all its threads."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._opening = threading.Lock()
        self._pid: int | None = None
        self._tls: ssl.SSLContext | None = None
        self._templates: dict[str, _Template] = {}
        # Two sets of connections, so that one made for a test inbox of our own never serves another path of this machine.
        self._public: _Adapter
        self._own: _Adapter

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float | None = None) -> Answer:
        """Send one request and read its answer; whatever goes wrong is an answer too.

        Args:
            headers: without those that frame the message, such as Host and Content-Length.
            timeout_s: for the whole request, in seconds; the policy's by default.
        """
        exchange = running.exchange = Exchange(timeout_s or self.policy.timeout_s)
        try:
            template = self._template(url)
            exchange.allowed = template.allowed
            request = _Request(template, _all_headers(template, headers, body), body)
            try:
                response = template.adapter.send(request, timeout=_NO_TIMEOUT)
            except FAULTS as error:
                if not was_closed_while_idle(error, exchange):
                    raise
                exchange.fresh = True
                response = template.adapter.send(request, timeout=_NO_TIMEOUT)
            return _answer(response, exchange)
        except FAULTS as error:
            reason, detail = reason_of(error)
            return no_answer(reason, detail, *_times(exchange))

    def close(self) -> None:
        """Close the connections that are idle; a later request opens new ones."""
        if self._pid is not None:
            self._pid = None
            self._public.close()
            self._own.close()

    def _template(self, url: str) -> _Template:
        if self._pid != os.getpid():
            self._open()
        template = self._templates.get(url)
        if template is None:
            try:
                destination = read(url, self.policy)
            except UnusableURL as error:
                raise Stopped(Reason.BLOCKED, str(error)) from None
            if len(self._templates) >= MOST_TEMPLATES:
                self._templates.clear()
            template = _Template(destination, self._own if destination.is_own_inbox else self._public, self.policy)
            self._templates[url] = template
        return template

    def _open(self) -> None:
        # Connections must not be shared with a process that was forked from this one.
        with self._opening:
            if self._pid != os.getpid():
                self._templates, self._public, self._own = {}, _Adapter(self._trust), _Adapter(self._trust)
                self._pid = os.getpid()

    def _trust(self) -> ssl.SSLContext:
        # Takes 30 ms, and a process that sends no https needs none.
        if self._tls is None:
            with self._opening:
                self._tls = self._tls or _tls_context()
        return self._tls


def _tls_context() -> ssl.SSLContext:
    """Trusts the authorities of the system and those of certifi; checks the name."""
    context = ssl.create_default_context()
    context.load_verify_locations(requests.certs.where())
    context.sslsocket_class = TLSSocket
    return context


def _all_headers(template: _Template, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    names = {name.lower() for name in headers}
    if not names.isdisjoint(_FRAMING):
        raise Stopped(Reason.PROTOCOL, "a header was given that only the sender may set")
    if not "".join(headers.values()).isprintable() and any(sign in value for value in headers.values() for sign in "\r\n\0"):
        raise Stopped(Reason.PROTOCOL, "a header's value holds a line break")
    every = {**template.headers, **headers, "Content-Length": str(len(body))}
    if "user-agent" not in names:
        every["User-Agent"] = "Kayse-Dash"
    return every


def _answer(response: HTTPResponse, exchange: Exchange) -> Answer:
    headers = response.headers
    codings = headers.get("Content-Encoding", "")
    raw, whole = _read(response, _MOST_COMPRESSED if codings else KEPT_BODY)
    wrong = None
    if codings:
        raw, cut, wrong = expand(raw, codings)
        whole = whole and not cut
    whole = whole and len(raw) <= KEPT_BODY
    asked = headers.get("Retry-After")
    return Answer(
        response.status,
        kept_headers(headers.iteritems()),
        text_of(raw[:KEPT_BODY], headers.get("Content-Type", ""), not whole) if raw else "",
        not whole,
        None,
        wrong,
        *_times(exchange),
        retry_after(asked, clock.now()) if asked else None,
    )


def _read(response: HTTPResponse, most: int) -> tuple[bytes, bool]:
    """Read a body up to `most` bytes, or as far as it comes; says whether that was all. What is left is not drained."""
    data = b""
    try:
        while len(data) <= most:
            part = response.read1(most + 1 - len(data), decode_content=False)
            if not part:
                return data, True
            data += part
    except FAULTS:
        pass
    response.close()
    response.release_conn()
    return data[:most], False


def _times(exchange: Exchange) -> tuple[float, dict[str, float]]:
    timings = {phase: round(length, 2) for phase, length in exchange.timings.items()}
    if exchange.first_byte is not None:
        timings["first_byte"] = round((exchange.first_byte - exchange.started) * 1000, 2)
    total = timings["total"] = round((perf_counter() - exchange.started) * 1000, 2)
    return total, timings

"""What went wrong with a request, read from the exceptions of four libraries that wrap each other."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import ClosedPoolError, HTTPError

from kayse_dash.outbound.answers import Reason
from kayse_dash.outbound.connections import Exchange, Stopped

FAULTS = (Stopped, requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError)

_CERTIFICATEFAULTS = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate's chain ends in a self-signed one that is not trusted here",
    20: "the certificate's issuer is not known here",
    21: "the certificate's issuer is not known here",
    23: "the certificate was revoked",
    62: "the certificate is for another name",
    64: "the certificate is for another address",
}
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def was_closed_while_idle(error: Exception, exchange: Exchange) -> bool:
    """Whether a request failed only because the other side had closed a kept-alive connection (RFC 9112 section 9.3.1)."""
    if any(isinstance(each, ClosedPoolError) for each in _chain(error)):
        return True
    return not exchange.connected and not exchange.received and reason_of(error)[0] == Reason.RESET


def reason_of(error: Exception) -> tuple[Reason, str]:
    """The reason, and short technical words that hold nothing of what was sent."""
    # requests' exceptions are OSErrors themselves and say nothing that those inside do not.
    chain = [each for each in _chain(error) if not isinstance(each, requests.RequestException)]

    def first(*kinds: type[BaseException]) -> BaseException | None:
        return next((each for each in chain if isinstance(each, kinds)), None)

    if stopped := first(Stopped):
        return stopped.reason, stopped.detail
    if refused := first(ssl.SSLCertVerificationError):
        return Reason.TLS, _CERTIFICATEFAULTS.get(refused.verify_code, refused.verify_message.lower())
    if first(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Reason.RESET, "the connection was closed before an answer came"
    if secure := first(ssl.SSLError):
        said = secure.reason or "the TLS handshake failed"
        return Reason.TLS, "the server does not speak TLS at this port" if said in _NOT_TLS else said.lower().replace("_", " ")
    if spoken := first(http.client.HTTPException):
        return Reason.PROTOCOL, f"not a valid HTTP answer ({type(spoken).__name__})"
    if system := first(OSError):
        return Reason.UNREACHABLE, (system.strerror or type(system).__name__).lower()
    if first(UnicodeError):
        return Reason.PROTOCOL, "a header holds a character that cannot be sent"
    return Reason.PROTOCOL, f"not a valid HTTP exchange ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those it wraps; urllib3 and requests put them in various places."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            inside = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
            waiting += [one for one in inside if isinstance(one, BaseException)]

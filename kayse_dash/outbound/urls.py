"""The Destination URL: read strictly, written in one way, and checked before it is saved or called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

import idna

from kayse_dash.outbound.addresses import LOOPBACK, PRIVATE, Network, why_forbidden

if TYPE_CHECKING:
    from kayse_dash.config import Settings

LONGEST_URL = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

# A request to one of these would be read by a mail or ssh server as lines of its own protocol.
FORBIDDEN_PORTS = frozenset({0, 22, 23, 25, 110, 143, 465, 587, 993, 995})

# RFC 3986 appendix B, for the two schemes, with an authority.
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[^\[\]:@]+))(?::(?P<port>[0-9]{0,5}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_UNUSABLE = re.compile(r"[\x00-\x20\x7f-\x9f\\\ud800-\udfff]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_PATH = "%/:@!$&'()*+,;=~"

# What an own test inbox's path may hold: nothing that could be read as another path by whoever stands in between.
_INBOX_PATH = re.compile(r"/inbox/[A-Za-z0-9_~/-]+")

_INCOMPLETE = "This is not a complete web address. It should look like https://example.com/path."
_TOO_LONG = f"The address is too long: at most {LONGEST_URL:,} characters."
_PASSWORD = "Leave the part before the @ out of the address, and put the user name and password under Security."
_ALLOW = "Use an address on the public internet, or ask the person who runs this installation to allow it."


class UnusableURL(ValueError):
    """An address that cannot be called; the message is fit to be shown to a person."""


@dataclass(frozen=True)
class Policy:
    """Where requests may go and how long they may take; made once from the settings.

    Args:
        allow_http: whether a destination may be plain http.
        allowed_networks: networks that destinations may lie in although they are not public.
        timeout_s: for a whole request, from the name lookup to the end of the answer, in seconds.
        own_origin: scheme, host and port of this installation, whose test inboxes may be called wherever it runs.
    """

    allow_http: bool
    allowed_networks: tuple[Network, ...]
    timeout_s: float
    own_origin: str

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        return cls(settings.allow_http, tuple(settings.allowed_networks), settings.request_timeout, settings.base_url)

    @cached_property
    def own(self) -> tuple[str, str, int] | None:
        try:
            return _parts(self.own_origin)[:3]
        except UnusableURL:
            return None


@dataclass(frozen=True)
class Destination:
    """A URL, taken apart.

    Args:
        host: lower case, in ASCII, without brackets and without the dot at the end.
        target: path and query, as they stand in the request line.
        is_own_inbox: a test inbox of this installation.
    """

    scheme: str
    host: str
    port: int
    target: str
    is_own_inbox: bool

    @property
    def authority(self) -> str:
        """Host and port as the Host header gives them (RFC 9110 section 7.2): a default port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True)
class UrlCheck:
    """What is to be said of a Destination URL as typed.

    Args:
        url: written in one way; as typed where it cannot be read.
        problem: why it cannot be saved.
        warning: what may be wrong with it; it can be saved.
    """

    url: str
    problem: str | None = None
    warning: str | None = None


def read(url: str, policy: Policy) -> Destination:
    """Take a URL apart and see to it that it may be called at all. Where its name leads is checked on connecting.

    Raises:
        UnusableURL: it is no web address, or not one that the policy lets through.
    """
    scheme, host, port, path, query = _parts(url)
    is_own_inbox = (scheme, host, port) == policy.own and _INBOX_PATH.fullmatch(path) is not None
    if not is_own_inbox:
        if scheme != "https" and not policy.allow_http:
            raise UnusableURL("The address must start with https://, so that nobody on the way can read client data.")
        if port in FORBIDDEN_PORTS:
            raise UnusableURL(f"Port {port} is not used by web services. Check the number after the colon.")
    destination = Destination(scheme, host, port, path if query is None else f"{path}?{query}", is_own_inbox)
    if len(destination.url) > LONGEST_URL:
        raise UnusableURL(_TOO_LONG)
    return destination


def problem_of(destination: Destination, addresses: list[str], policy: Policy) -> str | None:
    """Say why none of a name's addresses may be called, if one of them may not; None when all may."""
    for address in addresses:
        leads_to = None if destination.is_own_inbox else why_forbidden(address, policy.allowed_networks)
        if leads_to == PRIVATE:
            return f"This address is inside a private network. {_ALLOW}"
        if leads_to == LOOPBACK:
            return f"This address is inside a private network: it leads to this computer itself. {_ALLOW}"
        if leads_to:
            return f"This address cannot be used: it leads to {leads_to}."
    return None


def literal(host: str) -> str | None:
    """The address that a host is itself, if it is not a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _parts(url: str) -> tuple[str, str, int, str, str | None]:
    url = url.strip()
    if not url:
        raise UnusableURL("Enter the address that the other system gave you for webhooks.")
    if len(url) > LONGEST_URL:
        raise UnusableURL(_TOO_LONG)
    if _UNUSABLE.search(url):
        raise UnusableURL("The address must not contain spaces, line breaks or backslashes.")
    found = _URL.fullmatch(url)
    if not found:
        raise UnusableURL("The address must start with https://.")
    if "@" in found["authority"]:
        raise UnusableURL(_PASSWORD)
    where = _AUTHORITY.fullmatch(found["authority"])
    if not where:
        raise UnusableURL(_INCOMPLETE)
    scheme = found["scheme"].lower()
    port = int(where["port"]) if where["port"] else DEFAULT_PORTS[scheme]
    if port > 65535:
        raise UnusableURL("The number after the colon must be 65535 or less.")
    query = None if found["query"] is None else _quoted(found["query"], _IN_PATH + "?")
    return scheme, _host(where["v6"], where["name"]), port, _without_dots(_quoted(found["path"], _IN_PATH)), query


def _host(v6: str | None, name: str | None) -> str:
    if v6 is not None:
        try:
            return str(IPv6Address(v6))
        except ValueError:
            raise UnusableURL(_INCOMPLETE) from None
    host = name.lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise UnusableURL("The name in the address holds letters that no web address can have.") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return str(_ipv4(labels))
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnusableURL(_INCOMPLETE)
    return host


def _ipv4(parts: list[str]) -> IPv4Address:
    """Read a host that ends in a number, as browsers do: 1 to 4 decimal, octal or hexadecimal numbers, the last of which
    fills what is left (WHATWG URL Standard section 3.5, the IPv4 parser).

    Raises:
        UnusableURL: it is no address.
    """
    room = 8 * (5 - len(parts))
    try:
        *first, last = (_number(part) for part in parts)
        if room <= 0 or last >> room or any(number > 255 for number in first):
            raise ValueError
    except ValueError:
        raise UnusableURL(_INCOMPLETE) from None
    return IPv4Address(sum(number << 24 - 8 * place for place, number in enumerate(first)) + last)


def _number(part: str) -> int:
    if not _NUMBER.fullmatch(part):
        raise ValueError
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def _quoted(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe)


def _without_dots(path: str) -> str:
    """Resolve `.` and `..` as browsers do before they send (RFC 3986 section 5.2.4, WHATWG: `%2e` counts as a dot)."""
    kept: list[str] = []
    parts = path.split("/")[1:] or [""]
    for part in parts:
        plain = part.lower().replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(part)
    if parts[-1].lower().replace("%2e", ".") in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)

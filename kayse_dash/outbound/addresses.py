"""Which addresses a request may go to: public unicast ones, and those the installation allows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK = "this computer itself"
PRIVATE = "a private network"
LINK_LOCAL = "the local network link"  # where cloud machines are told their secrets
MULTICAST = "many computers at once"
DOCUMENTATION = "nothing: it is reserved for examples in documents"
RESERVED = "nothing: it is reserved"
TUNNEL = "an old network through a tunnel"

# Where a test inbox of this installation may be reached: the machine itself, or the network it stands in.
OWN = tuple(
    IPv4Network(net) for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
) + tuple(IPv6Network(net) for net in ("::1/128", "fc00::/7"))

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and updates), and 168.63.129.16, behind which Azure's platform
# answers its own virtual machines although the address looks public.
_FORBIDDEN_4 = tuple(
    (IPv4Network(net), leads_to)
    for net, leads_to in (
        ("0.0.0.0/8", LOOPBACK),
        ("10.0.0.0/8", PRIVATE),
        ("100.64.0.0/10", PRIVATE),
        ("127.0.0.0/8", LOOPBACK),
        ("168.63.129.16/32", LINK_LOCAL),
        ("169.254.0.0/16", LINK_LOCAL),
        ("172.16.0.0/12", PRIVATE),
        ("192.0.0.0/24", RESERVED),
        ("192.0.2.0/24", DOCUMENTATION),
        ("192.31.196.0/24", RESERVED),
        ("192.52.193.0/24", RESERVED),
        ("192.88.99.0/24", TUNNEL),
        ("192.168.0.0/16", PRIVATE),
        ("192.175.48.0/24", RESERVED),
        ("198.18.0.0/15", RESERVED),
        ("198.51.100.0/24", DOCUMENTATION),
        ("203.0.113.0/24", DOCUMENTATION),
        ("224.0.0.0/4", MULTICAST),
        ("240.0.0.0/4", RESERVED),
    )
)

# IANA IPv6 Special-Purpose Address Registry. Only 2000::/3 is handed out as public unicast (RFC 4291 section 2.4 and the
# IANA registry of IPv6 address space), so that all else is forbidden whether it is listed here, for a better word, or not.
_PUBLIC_6 = IPv6Network("2000::/3")
_FORBIDDEN_6 = tuple(
    (IPv6Network(net), leads_to)
    for net, leads_to in (
        ("::1/128", LOOPBACK),
        ("::/128", LOOPBACK),
        ("64:ff9b::/96", TUNNEL),
        ("64:ff9b:1::/48", TUNNEL),
        ("100::/64", RESERVED),
        ("2001::/32", TUNNEL),
        ("2001::/23", RESERVED),
        ("2001:db8::/32", DOCUMENTATION),
        ("2002::/16", TUNNEL),
        ("2620:4f:8000::/48", RESERVED),
        ("3fff::/20", DOCUMENTATION),
        ("5f00::/16", RESERVED),
        ("fc00::/7", PRIVATE),
        ("fe80::/10", LINK_LOCAL),
        ("fec0::/10", PRIVATE),
        ("ff00::/8", MULTICAST),
    )
)

_MAPPED = IPv6Network("::ffff:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_LAST_32_BITS = 2**32 - 1


def why_forbidden(address: Address | str, allowed: Iterable[Network] = ()) -> str | None:
    """Say where an address leads when no request may go there; None when it is public or allowed.

    An IPv6 address that carries an IPv4 address is never better than that address: allowing the network it stands in does
    not help when the IPv4 address inside is forbidden.

    Args:
        address: as an object, or as `getaddrinfo` gives it (a zone id is ignored).
        allowed: networks that are exceptions.
    """
    if isinstance(address, str):
        address = ip_address(address.partition("%")[0])
    inner = embedded(address)
    if inner is not None and (is_in(inner, allowed) or is_in(address, allowed) or address in _MAPPED or address in _COMPATIBLE):
        return why_forbidden(inner, allowed)
    if is_in(address, allowed):
        return None
    for network, leads_to in _FORBIDDEN_4 if address.version == 4 else _FORBIDDEN_6:
        if address in network:
            return leads_to
    return RESERVED if address.version == 6 and address not in _PUBLIC_6 else None


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for.

    Sources: RFC 4291 section 2.5.5 (compatible, mapped), RFC 2765 section 2.1 (translated), RFC 6052 section 2.2 and
    RFC 8215 (NAT64), RFC 3056 section 2 (6to4), RFC 4380 section 4 (Teredo: the client's address, inverted).
    """
    if address.version == 4:
        return None
    bits = int(address)
    if address in _SIX_TO_FOUR:
        return IPv4Address(bits >> 80 & _LAST_32_BITS)
    if address in _TEREDO:
        return IPv4Address(~bits & _LAST_32_BITS)
    if any(address in network for network in (_MAPPED, _COMPATIBLE, _TRANSLATED, *_NAT64)) and bits > 1:
        return IPv4Address(bits & _LAST_32_BITS)
    return None


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)

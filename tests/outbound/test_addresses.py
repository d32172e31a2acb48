from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from kayse_dash.outbound.addresses import (
    DOCUMENTATION,
    LINK_LOCAL,
    LOOPBACK,
    MULTICAST,
    PRIVATE,
    RESERVED,
    TUNNEL,
    embedded,
    why_forbidden,
)

FORBIDDEN = [
    ("0.0.0.0", LOOPBACK),
    ("0.1.2.3", LOOPBACK),
    ("10.0.0.1", PRIVATE),
    ("10.255.255.255", PRIVATE),
    ("100.64.0.1", PRIVATE),
    ("100.100.100.200", PRIVATE),  # Alibaba's metadata
    ("100.127.255.255", PRIVATE),
    ("127.0.0.1", LOOPBACK),
    ("127.255.255.254", LOOPBACK),
    ("168.63.129.16", LINK_LOCAL),  # Azure's platform
    ("169.254.0.1", LINK_LOCAL),
    ("169.254.169.254", LINK_LOCAL),  # AWS, Azure and Google metadata
    ("172.16.0.1", PRIVATE),
    ("172.31.255.255", PRIVATE),
    ("192.0.0.1", RESERVED),
    ("192.0.0.192", RESERVED),  # Oracle's metadata
    ("192.0.2.1", DOCUMENTATION),
    ("192.88.99.1", TUNNEL),
    ("192.168.1.1", PRIVATE),
    ("198.18.0.1", RESERVED),
    ("198.19.255.255", RESERVED),
    ("198.51.100.7", DOCUMENTATION),
    ("203.0.113.7", DOCUMENTATION),
    ("224.0.0.1", MULTICAST),
    ("239.255.255.255", MULTICAST),
    ("240.0.0.1", RESERVED),
    ("255.255.255.255", RESERVED),
    ("::", LOOPBACK),
    ("::1", LOOPBACK),
    ("::2", LOOPBACK),
    ("::7f00:1", LOOPBACK),  # compatible
    ("::10.0.0.1", PRIVATE),
    ("::ffff:127.0.0.1", LOOPBACK),  # mapped
    ("::ffff:10.1.2.3", PRIVATE),
    ("::ffff:169.254.169.254", LINK_LOCAL),
    ("::ffff:100.64.0.1", PRIVATE),
    ("::ffff:0:10.0.0.1", RESERVED),  # translated
    ("64:ff9b::7f00:1", TUNNEL),  # NAT64
    ("64:ff9b::8.8.8.8", TUNNEL),
    ("64:ff9b:1::10.0.0.1", TUNNEL),
    ("100::1", RESERVED),
    ("2001::1", TUNNEL),  # Teredo
    ("2001:0:53aa:64c:0:fbff:f5ff:fffe", TUNNEL),
    ("2001:2::1", RESERVED),  # benchmarking
    ("2001:10::1", RESERVED),  # ORCHID
    ("2001:20::1", RESERVED),  # ORCHID version 2
    ("2001:db8::1", DOCUMENTATION),
    ("2002:7f00:1::1", TUNNEL),  # 6to4
    ("2002:808:808::1", TUNNEL),
    ("3fff::1", DOCUMENTATION),
    ("3fff:fff::1", DOCUMENTATION),
    ("4000::1", RESERVED),
    ("5f00::1", RESERVED),
    ("fc00::1", PRIVATE),
    ("fd00:ec2::254", PRIVATE),  # AWS metadata
    ("fe80::1", LINK_LOCAL),
    ("fe80::1%eth0", LINK_LOCAL),
    ("fec0::1", PRIVATE),
    ("ff02::1", MULTICAST),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MULTICAST),
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize(("address", "leads_to"), FORBIDDEN)
def test_an_address_that_is_not_public_is_forbidden(address, leads_to):
    assert why_forbidden(address) == leads_to


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_free(address):
    assert why_forbidden(address) is None


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ("10.0.0.0/8", "::10.1.2.3"),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3"),
        ("10.0.0.0/8", "2002:a01:203::1"),
        ("10.0.0.0/8", "2001:0:0:0:0:0:f5fe:fdfc"),
        ("fd00::/8", "fd12::1"),
        ("fe80::/10", "fe80::1%eth0"),
        ("64:ff9b::/96", "64:ff9b::8.8.8.8"),
        ("0.0.0.0/0", "169.254.169.254"),
    ],
)
def test_an_allowed_network_is_an_exception_in_every_form_of_its_addresses(network, address):
    assert why_forbidden(address) is not None
    assert why_forbidden(address, (ip_network(network),)) is None


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("10.0.0.0/8", "192.168.0.1"),
        ("10.0.0.0/8", "fd00::1"),
        ("10.0.0.0/8", "::ffff:127.0.0.1"),
        ("64:ff9b::/96", "64:ff9b::10.0.0.1"),
        ("::/0", "::ffff:10.0.0.1"),
        ("::/0", "10.0.0.1"),
    ],
)
def test_an_allowed_network_opens_nothing_else(network, address):
    assert why_forbidden(address, (ip_network(network),)) is not None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::1.2.3.4", "1.2.3.4"),
        ("::ffff:0:1.2.3.4", "1.2.3.4"),
        ("64:ff9b::1.2.3.4", "1.2.3.4"),
        ("2002:102:304::", "1.2.3.4"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "192.0.2.45"),  # the example of RFC 4380, section 4
        ("2606:4700::1", None),
        ("1.2.3.4", None),
        ("::1", None),
    ],
)
def test_the_ipv4_address_inside_is_found(address, inside):
    assert embedded(ip_address(address)) == (inside and IPv4Address(inside))

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest

from kayse_dash.outbound import Client, Policy

LOCAL = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture
def make_client() -> Iterator[Callable[..., Client]]:
    """`make_client(timeout_s=0.3)`: a client that may reach this machine, unless `allowed_networks` says otherwise."""
    made = []

    def make(**over) -> Client:
        given = {"allow_http": True, "allowed_networks": LOCAL, "timeout_s": 5.0, "own_origin": "http://127.0.0.1:1"}
        made.append(Client(Policy(**{**given, **over})))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The whole name service: name to addresses. A name that is not in it does not exist; what is no list is called."""
    known: dict[str, list[str]] = {}

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = known[host]() if callable(known[host]) else known[host]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port or 0, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))
            for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known

"""Access tokens: fetched when needed, kept while they are good, and never written down."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import Flask

from kayse_dash import outbound
from kayse_dash.webhooks import drain, tokens
from kayse_dash.webhooks.auth import OAuth2
from kayse_dash.webhooks.tokens import Token, TokenRefused, Tokens
from tests.receiver import Receiver, Reply, Request
from tests.webhooks.engine import attempts, happen, hook, states, turn

SECRET = "hush/client secret+"


@pytest.fixture
def issuer() -> Iterator[Receiver]:
    """The server that gives tokens; the first is token-1."""
    server = Receiver()
    given: list[int] = []

    def answer(_request: Request) -> Reply:
        given.append(1)
        return grant(f"token-{len(given)}-hush")

    server.answer = answer
    yield server
    server.close()


@pytest.fixture
def kind(issuer: Receiver) -> OAuth2:
    return OAuth2(issuer.url + "oauth/token", "client 7", SECRET, "events:write")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Tokens:
    """The tokens of this process, none at first."""
    fresh = Tokens()
    monkeypatch.setattr(drain, "_tokens", fresh)
    return fresh


@pytest.fixture
def clock_of_tokens(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`clock_of_tokens(60)` lets a minute pass."""
    passed = [0.0]
    monotonic = time.monotonic

    class Time:
        @staticmethod
        def monotonic() -> float:
            return monotonic() + passed[0]

    monkeypatch.setattr(tokens, "time", Time)
    return lambda seconds: passed.__setitem__(0, passed[0] + seconds)


def grant(token: Any, **more: Any) -> Reply:
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600} | more
    return Reply(headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())


def bearers(receiver: Receiver) -> list[str]:
    return [request.headers["authorization"] for request in receiver.requests]


def test_the_request_for_a_token(app: Flask, issuer: Receiver, kind: OAuth2) -> None:
    assert Tokens().get(kind, outbound.client()) == Token("token-1-hush", fresh=True)
    [request] = issuer.requests
    assert (request.method, request.path) == ("POST", "/oauth/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["events:write"]}
    scheme, _, pair = request.headers["authorization"].partition(" ")
    # RFC 6749 section 2.3.1: form-encoded, then joined.
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", "client%207:hush%2Fclient%20secret%2B")


@pytest.mark.parametrize("status", [400, 401])
def test_a_server_that_knows_form_fields_only_gets_them(app: Flask, issuer: Receiver, kind: OAuth2, status: int) -> None:
    issuer.answer = lambda request: Reply(status) if "authorization" in request.headers else grant("abc")
    assert Tokens().get(kind, outbound.client()).text == "abc"
    assert parse_qs(issuer.requests[1].body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["events:write"],
        "client_id": ["client 7"],
        "client_secret": [SECRET],
    }


def test_a_token_is_kept_until_shortly_before_it_runs_out(
    app: Flask, issuer: Receiver, kind: OAuth2, clock_of_tokens: Callable[[float], None]
) -> None:
    mine, client = Tokens(), outbound.client()
    issuer.answer = lambda request: grant("abc", expires_in=120)
    assert mine.get(kind, client).fresh
    clock_of_tokens(85)
    assert not mine.get(kind, client).fresh
    clock_of_tokens(10)
    assert mine.get(kind, client).fresh
    assert len(issuer.requests) == 2


@pytest.mark.parametrize(
    ("given", "good_for", "gone_after"),
    [
        ({"expires_in": 10}, 4, 6),  # half of a life that is shorter than what we take off
        ({"expires_in": None}, 250, 290),
        ({"expires_in": "600"}, 550, 590),
        ({"expires_in": 0}, 250, 290),
        ({"expires_in": -5}, 0, 2),
        ({"expires_in": 10**9}, 86_000, 86_500),
        ({"expires_in": float("inf")}, 86_000, 86_500),
    ],
)
def test_how_long_a_token_is_kept(
    app: Flask,
    issuer: Receiver,
    kind: OAuth2,
    clock_of_tokens: Callable[[float], None],
    given: dict[str, Any],
    good_for: int,
    gone_after: int,
) -> None:
    mine, client = Tokens(), outbound.client()
    issuer.answer = lambda request: grant("abc", **given)
    mine.get(kind, client)
    clock_of_tokens(good_for)
    assert not mine.get(kind, client).fresh
    clock_of_tokens(gone_after - good_for)
    assert mine.get(kind, client).fresh


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(500, body=b"out of order"), "it answered 500: out of order"),
        (Reply(401, body=f'{{"you_sent":"{SECRET}"}}'.encode()), 'it answered 401: {"you_sent":"[hidden]"}'),
        (Reply(403, body=b"x" * 195 + SECRET.encode()), "it answered 403: " + "x" * 195),
        (Reply(302, {"Location": "/elsewhere"}), "it answered 302"),
        (Reply(204), "it answered 204"),
        (Reply(200, body=b"<html>"), "without an access_token"),
        (Reply(200, body=b"[" * 5000), "without an access_token"),
        (Reply(200, body=b"null"), "without an access_token"),
        (Reply(200, body=b"{}"), "without an access_token"),
        (Reply(200, body=b'{"access_token":"x","expires_in":"soon"}'), "without an access_token"),
        (Reply(200, body=b'{"access_token":"x","expires_in":' + b"9" * 400 + b"}"), "without an access_token"),
        (grant(None), "cannot be sent in a header"),
        (grant(7), "cannot be sent in a header"),
        (grant(""), "cannot be sent in a header"),
        (grant("a\r\nX-Evil: 1"), "cannot be sent in a header"),
        (grant("é"), "cannot be sent in a header"),
        (grant("x" * 20_000), "cannot be sent in a header"),
        (Reply.reset(), "closed before an answer"),
    ],
)
def test_why_there_is_no_token(app: Flask, issuer: Receiver, kind: OAuth2, reply: Reply, words: str) -> None:
    issuer.answer = reply
    with pytest.raises(TokenRefused) as refused:
        Tokens().get(kind, outbound.client())
    assert words in str(refused.value)
    assert "hush" not in str(refused.value)


def test_nothing_of_a_token_is_in_a_repr() -> None:
    assert "abc" not in repr(Token("abc", fresh=True))


def test_sixteen_threads_fetch_one_token(app: Flask, issuer: Receiver, kind: OAuth2) -> None:
    mine, client = Tokens(), outbound.client()
    issuer.answer = lambda request: (time.sleep(0.1), grant("abc"))[1]
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(mine.get(kind, client).text)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["abc"] * 16
    assert len(issuer.requests) == 1


def test_sixteen_threads_wait_once_for_a_server_that_gives_no_token(app: Flask, issuer: Receiver, kind: OAuth2) -> None:
    mine, client = Tokens(), outbound.client()
    issuer.answer = lambda request: (time.sleep(0.3), Reply(503))[1]
    refusals: list[str] = []

    def ask() -> None:
        try:
            mine.get(kind, client)
        except TokenRefused as refused:
            refusals.append(str(refused))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) == 16
    assert len(issuer.requests) <= 2
    before = len(issuer.requests)
    ask()  # whoever comes later asks again
    assert len(issuer.requests) == before + 1


def test_each_client_has_its_own_token(app: Flask, issuer: Receiver, kind: OAuth2) -> None:
    mine, client = Tokens(), outbound.client()
    other = OAuth2(kind.token_url, "client 8", SECRET, kind.scope)
    assert {mine.get(one, client).text for one in (kind, other, kind, other)} == {"token-1-hush", "token-2-hush"}


# --- As a webhook uses them ------------------------------------------------------------------------------------------


def test_deliveries_share_a_token(app: Flask, receiver: Receiver, issuer: Receiver, kind: OAuth2, kept: Tokens) -> None:
    endpoint_id = hook(receiver, auth=kind)
    happen(20)
    turn(endpoint_id)
    assert states() == {"delivered": 20}
    assert set(bearers(receiver)) == {"Bearer token-1-hush"}
    assert len(issuer.requests) == 1


def test_a_token_that_is_refused_is_fetched_again_at_once(
    app: Flask, receiver: Receiver, issuer: Receiver, kind: OAuth2, kept: Tokens
) -> None:
    endpoint_id = hook(receiver, auth=kind)
    happen()
    turn(endpoint_id)
    receiver.answer = lambda request: Reply(200 if "token-2" in request.headers["authorization"] else 401)
    happen()
    turn(endpoint_id)
    assert bearers(receiver) == ["Bearer token-1-hush", "Bearer token-1-hush", "Bearer token-2-hush"]
    assert states() == {"delivered": 2}
    assert [attempt.status for attempt in attempts()] == [200, 200]


def test_a_fresh_token_that_is_refused_is_a_failed_attempt(
    app: Flask, receiver: Receiver, issuer: Receiver, kind: OAuth2, kept: Tokens
) -> None:
    receiver.answer = Reply(401)
    endpoint_id = hook(receiver, auth=kind)
    happen()
    turn(endpoint_id)
    assert len(receiver.requests) == len(issuer.requests) == 1
    assert [(attempt.status, attempt.error) for attempt in attempts()] == [(401, None)]
    assert states() == {"pending": 1}


def test_no_token_is_an_attempt_with_its_reason_in_words(
    app: Flask, receiver: Receiver, issuer: Receiver, kind: OAuth2, kept: Tokens
) -> None:
    issuer.answer = Reply(400, body=f"unknown client: {SECRET}".encode())
    endpoint_id = hook(receiver, auth=kind)
    happen()
    turn(endpoint_id)
    assert receiver.requests == []
    [attempt] = attempts()
    assert (attempt.status, attempt.error) == (None, "token")
    assert attempt.error_detail == "The token URL gave no token: it answered 400: unknown client: [hidden]"
    assert "Authorization" not in dict(attempt.request_headers)
    assert attempt.duration_ms > 0
    assert states() == {"pending": 1}


def test_a_token_that_a_receiver_sends_back_is_not_recorded(
    app: Flask, receiver: Receiver, issuer: Receiver, kind: OAuth2, kept: Tokens
) -> None:
    receiver.answer = lambda request: Reply(
        500,
        {"X-Echo": request.headers["authorization"]},
        json.dumps({"got": request.headers["authorization"], "secret": SECRET}).encode(),
    )
    endpoint_id = hook(receiver, auth=kind)
    happen()
    turn(endpoint_id)
    [attempt] = attempts()
    assert dict(attempt.request_headers)["Authorization"] == "Bearer [hidden]"
    assert dict(attempt.response_headers)["X-Echo"] == "Bearer [hidden]"
    assert json.loads(attempt.response_body) == {"got": "Bearer [hidden]", "secret": "[hidden]"}

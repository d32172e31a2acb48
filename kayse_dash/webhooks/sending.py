"""The one sender: first try, retry, manual retry and test all go through `attempt`.

`attempt` talks to the network and returns a value; it knows no database, so threads can run it. What it returns is written by
`outcomes`, in batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from kayse_dash.outbound import Answer, Client, Reason, no_answer
from kayse_dash.webhooks import auth, envelope, redaction, schedule, signing
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.models import Endpoint
from kayse_dash.webhooks.tokens import Token, TokenRefused, Tokens

HIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authorization", "www-authenticate"})


@dataclass(frozen=True)
class Target:
    """A webhook as the sender needs it; free of the session."""

    id: int
    url: str
    auth: auth.Auth
    secrets: list[str] = field(repr=False)

    @classmethod
    def of(cls, endpoint: Endpoint) -> Target:
        return cls(endpoint.id, endpoint.url, endpoint.auth, auth.secrets_of(endpoint.auth))


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt, redacted, and what follows from it."""

    owed: Owed
    started_at: datetime
    ended_at: datetime
    url: str
    request_headers: list[tuple[str, str]]
    answer: Answer
    decision: schedule.Decision

    @property
    def succeeded(self) -> bool:
        return self.decision.state is schedule.State.DELIVERED

    @property
    def status(self) -> int | None:
        return self.answer.status


def attempt(
    target: Target, owed: Owed, client: Client, tokens: Tokens, waits: tuple[int, ...], now: Callable[[], datetime]
) -> Outcome:
    """Send one delivery once, and decide what follows.

    Args:
        waits: the retry schedule, seconds.
        now: the time of day; asked before and after.
    """
    started_at = now()
    body = envelope.body(owed.event_type, owed.timestamp, owed.data)
    timestamp = int(started_at.timestamp())
    signature = None
    if isinstance(target.auth, auth.Hmac):
        signature = signing.sign(target.auth.keys(started_at), owed.event_id, timestamp, body)
    headers = envelope.headers(owed.event_id, timestamp, signature=signature, is_test=owed.is_test)
    answer, proof = _post(target, body, headers, client, tokens)
    secrets = target.secrets
    if proof is not None:
        headers[proof[0]] = redaction.hidden(*proof)
        if isinstance(target.auth, auth.OAuth2):
            secrets = redaction.spellings([proof[1].removeprefix("Bearer ")]) + secrets
    ended_at = now()
    decision = schedule.decide(
        status=answer.status if answer.reason is None else None,
        tries=owed.tries + 1,
        now=ended_at,
        waits=waits,
        retry_after=answer.retry_after,
        is_test=owed.is_test,
    )
    return Outcome(owed, started_at, ended_at, target.url, list(headers.items()), _redacted(answer, secrets), decision)


def _post(
    target: Target, body: bytes, headers: dict[str, str], client: Client, tokens: Tokens
) -> tuple[Answer, tuple[str, str] | None]:
    """Post with the proving header added; a token that was refused is fetched again, once."""
    if not isinstance(target.auth, auth.OAuth2):
        proof = auth.header(target.auth)
        return client.post(target.url, body, headers | dict([proof] if proof else [])), proof
    begun = time.monotonic()
    try:
        token = tokens.get(target.auth, client)
        answer, proof = _post_with(token, target, body, headers, client)
        if answer.status == 401 and not token.fresh:
            tokens.forget(target.auth, token)
            answer, proof = _post_with(tokens.get(target.auth, client), target, body, headers, client)
        return answer, proof
    except TokenRefused as refused:
        spent = (time.monotonic() - begun) * 1000
        return no_answer(Reason.TOKEN, str(refused), spent, {"total": spent}), None


def _post_with(
    token: Token, target: Target, body: bytes, headers: dict[str, str], client: Client
) -> tuple[Answer, tuple[str, str] | None]:
    proof = auth.header(target.auth, token.text)
    return client.post(target.url, body, headers | dict([proof] if proof else [])), proof


def _redacted(answer: Answer, secrets: list[str]) -> Answer:
    """The answer as it may be recorded: a receiver may send back what it got."""
    headers = answer.headers and [
        (name, redaction.HIDDEN if name.lower() in HIDDEN_RESPONSE_HEADERS else redaction.redact(value, secrets))
        for name, value in answer.headers
    ]
    detail = answer.detail and redaction.redact(answer.detail, secrets)
    return replace(answer, headers=headers, body=redaction.redact(answer.body, secrets), detail=detail)

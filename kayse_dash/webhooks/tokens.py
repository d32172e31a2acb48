"""Access tokens of the OAuth 2 client-credentials grant (RFC 6749 section 4.4), kept in the process until they run out."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from kayse_dash.outbound import Client
from kayse_dash.webhooks.auth import OAuth2, client_credentials, secrets_of
from kayse_dash.webhooks.redaction import redact

ASSUMED_LIFE_S = 300  # where the answer does not say (`expires_in` is only recommended, section 5.1)
EARLY_S = 30  # a token is not used in its last seconds
LONGEST_TOKEN = 16_384


@dataclass(frozen=True)
class Token:
    """An access token, and whether it was fetched just now."""

    text: str = field(repr=False)
    fresh: bool


class TokenRefused(Exception):
    """No token could be had; `str(error)` says why, without secrets."""


class Tokens:
    """The tokens of one process. A process fetches one token at a time for one client."""

    def __init__(self) -> None:
        self._kept: dict[OAuth2, tuple[str, float]] = {}
        self._refused: dict[OAuth2, tuple[TokenRefused, float]] = {}
        self._locks: dict[OAuth2, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, auth: OAuth2, client: Client) -> Token:
        """A token that is good for a while.

        Raises:
            TokenRefused: the token URL gave none.
        """
        asked = time.monotonic()
        with self._guard:
            lock = self._locks.setdefault(auth, threading.Lock())
        with lock:
            kept = self._kept.get(auth)
            if kept and kept[1] > time.monotonic():
                return Token(kept[0], fresh=False)
            refused = self._refused.get(auth)
            if refused and refused[1] >= asked:
                # While this thread waited; another time limit after each other's would outlast every lease.
                raise refused[0]
            try:
                text, life_s = _fetch(auth, client)
            except TokenRefused as error:
                self._refused[auth] = error, time.monotonic()
                raise
            self._kept[auth] = (text, time.monotonic() + max(life_s - EARLY_S, life_s / 2))
            return Token(text, fresh=True)

    def forget(self, auth: OAuth2, token: Token) -> None:
        """Do not use `token` again: the receiver refused it."""
        with self._guard:
            if self._kept.get(auth, ("",))[0] == token.text:
                del self._kept[auth]


def _fetch(auth: OAuth2, client: Client) -> tuple[str, float]:
    form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "Authorization": f"Basic {client_credentials(auth)}",
    }
    answer = client.post(auth.token_url, urlencode(form).encode(), headers)
    if answer.status in (400, 401):
        # Some servers know the credentials only as form fields.
        del headers["Authorization"]
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
        answer = client.post(auth.token_url, urlencode(form).encode(), headers)
    if answer.reason is not None or answer.status != 200:
        said = redact(answer.body, secrets_of(auth))[:200]
        raise TokenRefused(f"The token URL gave no token: {answer.detail or f'it answered {answer.status}: {said}'}")
    return _read(answer.body)


def _read(body: str) -> tuple[str, float]:
    try:
        given = json.loads(body)
        text, life_s = given["access_token"], float(given.get("expires_in") or ASSUMED_LIFE_S)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise TokenRefused("The token URL answered 200, but without an access_token.") from error
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not 0 < len(text) <= LONGEST_TOKEN:
        raise TokenRefused("The token URL gave an access_token that cannot be sent in a header.")
    return text, min(max(life_s, 1.0), 86_400.0)

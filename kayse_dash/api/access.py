"""Who may call the API: programs with a key in the header `X-API-KEY`."""

from __future__ import annotations

from flask import g, request

from kayse_dash import clock
from kayse_dash.accounts import api_keys
from kayse_dash.api.errors import Unauthorized

HEADER = "X-API-KEY"


def need_key() -> None:
    """Let the request through with a key that is known, and keep that as `g.api_key`.

    Raises:
        Unauthorized: there is none.
    """
    g.api_key = None
    text = request.headers.get(HEADER)
    if not text:
        raise Unauthorized(f"Send an API key in the header {HEADER}. An administrator makes one under Settings, API keys.")
    g.api_key = api_keys.authenticate(text, clock.now())
    if g.api_key is None:
        raise Unauthorized("This API key is not known here, or it was revoked.")

"""How the application is put together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import request

from kayse_dash import create_app
from kayse_dash.config import Settings


@pytest.mark.parametrize(("proxies", "seen"), [(0, "10.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_only_as_many_proxies_are_believed_as_were_announced(settings: Settings, proxies: int, seen: str) -> None:
    app = create_app(replace(settings, trusted_proxies=proxies))
    app.add_url_rule("/healthz/address", view_func=lambda: request.remote_addr or "", endpoint="status.address")
    app.view_functions["status.address"].access_public = True  # type: ignore[attr-defined]
    headers = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    answer = app.test_client().get("/healthz/address", headers=headers, environ_base={"REMOTE_ADDR": "10.0.0.1"})
    assert answer.text == seen

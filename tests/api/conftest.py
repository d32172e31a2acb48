"""Callers of the API: each request in an application context of its own, as in the server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash import clock
from kayse_dash.accounts import api_keys
from kayse_dash.accounts.models import ApiKey
from kayse_dash.db import db
from tests.visitors import Visitor


@pytest.fixture
def key(app: Flask) -> tuple[ApiKey, str]:
    """A key: its record, and its text."""
    record, text = api_keys.create("Phone agents", None, clock.now())
    # Its use is noted once a minute; not in the middle of a test that counts what is written.
    record.last_used_at = clock.now()
    db.session.commit()
    return record, text


@pytest.fixture
def caller(app: Flask) -> Callable[[str | None], FlaskClient]:
    """`caller(text)` is a program with that key; `caller(None)` one without."""
    app.test_client_class = Visitor

    def make(text: str | None) -> FlaskClient:
        client = app.test_client()
        if text is not None:
            client.environ_base["HTTP_X_API_KEY"] = text
        return client

    return make


@pytest.fixture
def api(caller: Callable[[str | None], FlaskClient], key: tuple[ApiKey, str]) -> FlaskClient:
    """A program with a key."""
    return caller(key[1])

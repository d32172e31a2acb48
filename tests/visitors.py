"""A test client whose requests stand alone, as in the server."""

from __future__ import annotations

import contextvars
from typing import Any

from flask import has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kayse_dash.db import db


class Visitor(FlaskClient):
    """Every request has an application context of its own.

    Flask lets a request share the context that a test has pushed, and with it `flask.g`: who was logged in first, and
    whether a CSRF token was right, would be remembered for the requests after it.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if has_app_context():
            db.session.commit()  # on SQLite the request could not write while the test's own transaction lasts
        return contextvars.Context().run(super().open, *args, **kwargs)

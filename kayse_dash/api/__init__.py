"""The JSON API below /v1."""

from __future__ import annotations

from flask_openapi3 import Info
from pydantic import BaseModel

INFO = Info(title="Kayse Dash API", version="1.0.0")
SECURITY = {"api_key": {"type": "apiKey", "name": "X-API-KEY", "in": "header"}}


class ErrorAnswer(BaseModel):
    pass


def validation_failed(error):
    raise error


def init_app(app):
    pass

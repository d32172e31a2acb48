"""The JSON API below /v1: one module per resource.

A request passes `access` (the key), `inputs` (what was sent, in pydantic models), a verb, and `answers`. Errors of every
kind are answered by `errors.render`; `reference` serves the description of it all.
"""

from __future__ import annotations

from flask_openapi3 import Info, OpenAPI
from pydantic import ValidationError

from kayse_dash import web
from kayse_dash.api import agents, campaigns, clients, deliveries, errors, events, inputs, reference, webhook_actions, webhooks
from kayse_dash.api.access import HEADER
from kayse_dash.api.errors import ErrorAnswer

__all__ = ["INFO", "SECURITY", "ErrorAnswer", "init_app", "validation_failed"]

PREFIX = "/v1/"
INFO = Info(
    title="Kayse Dash API",
    version="1.0.0",
    description="Send events, manage the webhooks they are delivered to, and follow each delivery.",
)
SECURITY = {"api_key": {"type": "apiKey", "name": HEADER, "in": "header"}}


def validation_failed(error: ValidationError) -> None:
    """Called by flask-openapi3 for input that its own reading refuses; a `Resource` reads for itself.

    Raises:
        InvalidInput: always.
    """
    raise inputs.refusal(inputs.faults_of(error)) from error


def init_app(app: OpenAPI) -> None:
    """Register the routes below /v1, and how their errors are answered."""
    web.answer_errors_below(app, PREFIX, errors.render)
    for part in (events, webhooks, webhook_actions, deliveries, clients, campaigns, agents, reference):
        app.register_api(part.bp)

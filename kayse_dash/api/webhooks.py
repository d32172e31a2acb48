"""`/v1/webhooks`: making, changing and deleting webhooks."""

from __future__ import annotations

from flask import Response, g
from pydantic import BaseModel

from kayse_dash import clock, outbound
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer, nothing
from kayse_dash.api.fields import Id, PageNumber, Size
from kayse_dash.api.inputs import Query
from kayse_dash.api.resource import Resource
from kayse_dash.api.webhook_input import WebhookChange, WebhookIn
from kayse_dash.db import db, reading
from kayse_dash.webhooks import auth, endpoints
from kayse_dash.webhooks.models import Endpoint

bp = Resource("webhooks", "Destinations: where to send which events, and how to prove who sends them.")


class WebhookPages(Query):
    page: PageNumber = 1
    page_size: Size = 25


class WebhookPath(BaseModel):
    webhook_id: Id


@bp.get("", responses={200: schemas.WebhookPage, **errors.OF_QUERY})
def list_webhooks(query: WebhookPages) -> Response:
    """List webhooks, in the order in which they were made."""
    hooks = sorted(endpoints.all_live(), key=lambda hook: hook.id)
    start = (query.page - 1) * query.page_size
    shown = [schemas.Webhook.of(hook) for hook in hooks[start : start + query.page_size]]
    return json_answer(schemas.WebhookPage(data=shown, page=query.page, total=len(hooks)))


@bp.post("", responses={201: schemas.Webhook, **errors.OF_BODY})
def create_webhook(body: WebhookIn) -> Response:
    """Make a webhook.

    With `hmac` the answer carries the signing secret as `auth.secret`, this once.
    """
    values = endpoints.check(body.model_dump(exclude_unset=True), outbound.policy())
    endpoint = endpoints.create(values, clock.now())
    audit.note("webhook.created", f"webhook {endpoint.id}", {"name": endpoint.name, "url": endpoint.url})
    shown = schemas.Webhook.of(endpoint, secret=_new_secret(endpoint))
    db.session.commit()
    return json_answer(shown, 201)


@bp.get("/<webhook_id>", responses={200: schemas.Webhook, **errors.OF_PATH})
def get_webhook(path: WebhookPath) -> Response:
    """One webhook."""
    return json_answer(schemas.Webhook.of(endpoints.get(path.webhook_id)))


@bp.patch("/<webhook_id>", responses={200: schemas.Webhook, **errors.OF_PATH, **errors.OF_STATE, **errors.OF_BODY})
def change_webhook(path: WebhookPath, body: WebhookChange) -> Response:
    """Change some of a webhook's fields.

    A signing secret that is new is in the answer as `auth.secret`, this once. Switching it on this way keeps what was held.
    409: somebody else changed it at the same time.
    """
    with reading():
        endpoint = endpoints.get(path.webhook_id)
        version = endpoint.version
        values = endpoints.check(body.model_dump(exclude_unset=True), outbound.policy(), endpoint)
    now = clock.now()
    endpoint = endpoints.get(path.webhook_id)
    before = endpoint.auth
    enabled = values.pop("enabled", endpoint.enabled)
    changed = sorted(name for name in values if getattr(endpoint, name) != values[name])
    if changed:
        # A secret that is kept is that of the version which was checked.
        endpoints.update(endpoint, values, now, version=version)
        audit.note("webhook.changed", f"webhook {endpoint.id}", {"changed": changed})
    if enabled != endpoint.enabled:
        _switch(endpoint, enabled)
    shown = schemas.Webhook.of(endpoint, secret=_new_secret(endpoint, before))
    db.session.commit()
    return json_answer(shown)


@bp.delete("/<webhook_id>", responses={204: None, **errors.OF_PATH})
def delete_webhook(path: WebhookPath) -> Response:
    """Delete a webhook: its secrets at once; what it is still owed is cancelled, its log stays until retention ends it."""
    endpoint = endpoints.get(path.webhook_id)
    endpoints.delete(endpoint, clock.now())
    audit.note("webhook.deleted", f"webhook {endpoint.id}", {"name": endpoint.name})
    db.session.commit()
    return nothing()


def _switch(endpoint: Endpoint, enabled: bool) -> None:
    if enabled:
        endpoints.switch_on(endpoint, clock.now())
        audit.note("webhook.enabled", f"webhook {endpoint.id}", {"held": "keep"})
    else:
        held = endpoints.switch_off(endpoint, switched_off_by(), clock.now())
        audit.note("webhook.disabled", f"webhook {endpoint.id}", {"held": held})


def switched_off_by() -> str:
    """The reason that is kept when a program gives none."""
    return f"The API key {g.api_key.name} switched it off."


def _new_secret(endpoint: Endpoint, before: auth.Auth | None = None) -> str | None:
    """The signing secret, if it is another than before."""
    now = endpoint.auth
    if not isinstance(now, auth.Hmac) or (isinstance(before, auth.Hmac) and before.secret == now.secret):
        return None
    return now.secret

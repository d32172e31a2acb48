"""`/v1/webhooks/{id}/…`: testing, switching, sending again, rotating the secret."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, g

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer
from kayse_dash.api.fields import Id
from kayse_dash.api.inputs import refusal
from kayse_dash.api.resource import Resource
from kayse_dash.api.webhook_input import DisableIn, EnableIn, RetryFailedIn, RotateIn, SampleIn
from kayse_dash.api.webhooks import WebhookPath, switched_off_by
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput, NotFound
from kayse_dash.webhooks import deliveries, endpoints, recoveries, testing
from kayse_dash.webhooks.models import Recovery, RecoveryKind

bp = Resource("webhooks", "Destinations: where to send which events, and how to prove who sends them.", part="_actions")

FOUND_AND_READ = {**errors.OF_PATH, **errors.OF_BODY}


class RecoveryPath(WebhookPath):
    recovery_id: Id


@bp.post("/<webhook_id>/test", responses={202: schemas.Delivery, **FOUND_AND_READ})
def test_webhook(path: WebhookPath, body: SampleIn) -> Response:
    """Send a sample event, marked as a test and never retried, also to a webhook that is off.

    Read `GET /v1/deliveries/{id}` for what came of it.
    """
    endpoint = endpoints.get(path.webhook_id)
    event = body.event or testing.default_event(endpoint)
    delivery_id = testing.send_test(endpoint, event, clock.now())
    audit.note("webhook.tested", f"webhook {endpoint.id}", {"event": event})
    shown = schemas.Delivery.of(deliveries.get(delivery_id))
    db.session.commit()
    return json_answer(shown, 202)


@bp.post("/<webhook_id>/enable", responses={200: schemas.WebhookEnabled, **errors.OF_STATE, **FOUND_AND_READ})
def enable_webhook(path: WebhookPath, body: EnableIn) -> Response:
    """Switch a webhook on, and send, drop or keep what was held for it. 409: a recovery is running already."""
    if body.since is not None and body.held != "send":
        raise refusal({"since": "This goes with held: send only."})
    now = clock.now()
    endpoint = endpoints.get(path.webhook_id)
    endpoints.switch_on(endpoint, now)
    dropped, recovery = 0, None
    if body.held == "drop":
        dropped = deliveries.drop_held(endpoint.id)
    elif body.held == "send":
        dropped = deliveries.drop_held(endpoint.id, before=body.since) if body.since else 0
        if recoveries.count(endpoint.id, RecoveryKind.HELD):
            recovery = recoveries.start(endpoint, RecoveryKind.HELD, _who(), now)
    audit.note("webhook.enabled", f"webhook {endpoint.id}", {"held": body.held, "dropped": dropped})
    outcome = {"recovery_id": recovery and recovery.id, "released": recovery.total if recovery else 0, "dropped": dropped}
    shown = schemas.WebhookEnabled.of(endpoint, **outcome)
    db.session.commit()
    return json_answer(shown)


@bp.post("/<webhook_id>/disable", responses={200: schemas.WebhookDisabled, **FOUND_AND_READ})
def disable_webhook(path: WebhookPath, body: DisableIn) -> Response:
    """Switch a webhook off. What waits for it, and what it will be owed, is held."""
    endpoint = endpoints.get(path.webhook_id)
    was_on = endpoint.enabled
    held = endpoints.switch_off(endpoint, (body.reason or "").strip() or switched_off_by(), clock.now())
    if was_on:
        audit.note("webhook.disabled", f"webhook {endpoint.id}", {"held": held, "reason": endpoint.disabled_reason})
    shown = schemas.WebhookDisabled.of(endpoint, held=held)
    db.session.commit()
    return json_answer(shown)


@bp.post("/<webhook_id>/rotate-secret", responses={200: schemas.NewSecret, **errors.OF_STATE, **FOUND_AND_READ})
def rotate_secret(path: WebhookPath, body: RotateIn) -> Response:
    """Sign with a new secret, which the answer shows this once. 409: the webhook does not sign."""
    endpoint = endpoints.get(path.webhook_id)
    try:
        secret = endpoints.rotate_secret(endpoint, clock.now(), body.secret, timedelta(hours=body.overlap_hours))
    except InvalidInput as error:
        raise refusal({name.removeprefix("auth."): words for name, words in error.fields.items()}) from error
    audit.note("webhook.secret_rotated", f"webhook {endpoint.id}", {"overlap_hours": body.overlap_hours})
    db.session.commit()
    return json_answer(schemas.NewSecret(secret=secret))


@bp.post("/<webhook_id>/retry-failed", responses={202: schemas.RecoveryStarted, **errors.OF_STATE, **FOUND_AND_READ})
def retry_failed(path: WebhookPath, body: RetryFailedIn) -> Response:
    """Send everything again that was given up, each on a fresh schedule.

    409: nothing was given up, the webhook is off, or a recovery is running already.
    """
    endpoint = endpoints.get(path.webhook_id)
    recovery = recoveries.start(endpoint, RecoveryKind.FAILED, _who(), clock.now(), body.since)
    audit.note("webhook.failed_retried", f"webhook {endpoint.id}", {"deliveries": recovery.total})
    shown = schemas.RecoveryStarted(recovery_id=recovery.id, total=recovery.total)
    db.session.commit()
    return json_answer(shown, 202)


@bp.get("/<webhook_id>/recoveries/<recovery_id>", responses={200: schemas.Recovery, **errors.OF_PATH})
def get_recovery(path: RecoveryPath) -> Response:
    """How far a recovery got."""
    return json_answer(schemas.Recovery.of(_recovery(path)))


@bp.post("/<webhook_id>/recoveries/<recovery_id>/cancel", responses={200: schemas.Recovery, **errors.OF_PATH, **errors.OF_STATE})
def cancel_recovery(path: RecoveryPath) -> Response:
    """Stop a recovery: what was not tried yet goes back to where it was. 409: there is nothing left to stop."""
    recovery = _recovery(path)
    put_back = recoveries.cancel(recovery, clock.now())
    audit.note("webhook.recovery_cancelled", f"webhook {recovery.endpoint_id}", {"recovery": recovery.id, "put_back": put_back})
    shown = schemas.Recovery.of(recovery)
    db.session.commit()
    return json_answer(shown)


def _recovery(path: RecoveryPath) -> Recovery:
    recovery = recoveries.get(path.recovery_id)
    if recovery.endpoint_id != path.webhook_id:
        raise NotFound("This webhook has no such recovery.")
    return recovery


def _who() -> str:
    return f"API key {g.api_key.name}"

"""Sending many deliveries of a webhook again: Retry failed, what was held, and the progress of both."""

from __future__ import annotations

from flask import Blueprint, Response, flash, render_template, request
from flask_login import current_user

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.web import go, page_or_fragment
from kayse_dash.webhooks import deliveries, endpoints, recoveries
from kayse_dash.webhooks.forms import SinceForm
from kayse_dash.webhooks.models import Endpoint, RecoveryKind
from kayse_dash.webhooks.schedule import State

bp = Blueprint("recoveries", __name__, url_prefix="/settings/webhooks")


@bp.post("/<int:endpoint_id>/held/<any(release, drop):what>")
def settle_held(endpoint_id: int, what: str) -> Response:
    endpoint = endpoints.get(endpoint_id)
    if what == "release":
        recovery = recoveries.start(endpoint, RecoveryKind.HELD, current_user.email, clock.now())
        audit.note("webhook.held_released", f"webhook {endpoint_id}", {"total": recovery.total})
        db.session.commit()
        return go("recoveries.show", endpoint_id=endpoint_id, recovery_id=recovery.id)
    if request.form.get("confirmed") != "yes":
        held = deliveries.count(endpoint_id, [State.HELD])
        return Response(
            render_template(
                "confirm.html",
                title="Drop what is held?",
                text=f"{held:,} held deliveries will not be sent to {endpoint.name}. Their events stay on record.",
                label="Drop them",
                kind="danger",
                action=request.path,
                back=f"/settings/webhooks/{endpoint_id}",
            )
        )
    dropped = deliveries.drop_held(endpoint_id)
    audit.note("webhook.held_dropped", f"webhook {endpoint_id}", {"total": dropped})
    db.session.commit()
    flash(f"{dropped:,} held deliveries were dropped.", "success")
    return go("webhooks.show", endpoint_id=endpoint_id)


@bp.get("/<int:endpoint_id>/retry-failed")
def retry_failed(endpoint_id: int) -> Response:
    return _retry_page(endpoints.get(endpoint_id), _retry_form())


@bp.post("/<int:endpoint_id>/retry-failed")
def start_retry(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = _retry_form()
    if not form.validate():
        return _retry_page(endpoint, form, status=422)
    recovery = recoveries.start(endpoint, RecoveryKind.FAILED, current_user.email, clock.now(), form.since_utc())
    audit.note("webhook.retry_failed", f"webhook {endpoint_id}", {"total": recovery.total})
    db.session.commit()
    return go("recoveries.show", endpoint_id=endpoint_id, recovery_id=recovery.id)


def _retry_form() -> SinceForm:
    form = SinceForm()
    form.which.choices = [("all", "Everything that failed"), ("since", "What was recorded since a time")]
    if not form.is_submitted():
        form.which.data = "since" if request.args.get("since") else "all"
    return form


def _retry_page(endpoint: Endpoint, form: SinceForm, status: int = 200) -> Response:
    if "since" in request.args:
        form.since.process(request.args)
        form.which.data = request.args.get("which", form.which.data)
    count = recoveries.count(endpoint.id, RecoveryKind.FAILED, form.since_utc())
    return page_or_fragment(
        "webhooks/retry_failed.html", "webhooks/_retry_failed.html", status=status, endpoint=endpoint, form=form, count=count
    )


@bp.get("/<int:endpoint_id>/recoveries/<int:recovery_id>")
def show(endpoint_id: int, recovery_id: int) -> Response:
    found = recoveries.get(recovery_id)
    if found.endpoint_id != endpoint_id:
        raise NotFound("There is no such recovery.")
    return page_or_fragment(
        "webhooks/recovery.html",
        "webhooks/_recovery.html",
        endpoint=endpoints.get(endpoint_id),
        recovery=found,
        progress=recoveries.progress(found),
    )


@bp.post("/<int:endpoint_id>/recoveries/<int:recovery_id>/cancel")
def cancel(endpoint_id: int, recovery_id: int) -> Response:
    found = recoveries.get(recovery_id)
    if found.endpoint_id != endpoint_id:
        raise NotFound("There is no such recovery.")
    put_back = recoveries.cancel(found, clock.now())
    audit.note("webhook.recovery_cancelled", f"webhook {endpoint_id}", {"put_back": put_back})
    db.session.commit()
    flash(f"Stopped. {put_back:,} that had not been tried yet went back to where they were.", "success")
    return show(endpoint_id, recovery_id)

"""A webhook's pages: list, detail, on and off, test, rotation, deletion."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, current_app, flash, render_template, request
from flask_login import current_user

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.web import go, page_or_fragment, wants_fragment
from kayse_dash.webhooks import deliveries, endpoints, envelope, health, recoveries, signing, testing
from kayse_dash.webhooks.forms import RotateForm, SinceForm, TestForm
from kayse_dash.webhooks.models import Delivery, Endpoint, RecoveryKind
from kayse_dash.webhooks.schedule import State

bp = Blueprint("webhooks", __name__, url_prefix="/settings/webhooks")


@bp.get("")
def index() -> Response:
    hooks = endpoints.all_live()
    return page_or_fragment("webhooks/index.html", "webhooks/_list.html", hooks=hooks, health=health.of_all(hooks, clock.now()))


@bp.get("/<int:endpoint_id>")
def show(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    now = clock.now()
    return page_or_fragment(
        "webhooks/show.html",
        "webhooks/_status.html",
        endpoint=endpoint,
        health=health.of(endpoint, now),
        recovery=recoveries.latest(endpoint_id),
        campaigns=list(db.session.scalars(db.select(Campaign).where(Campaign.id.in_(endpoint.campaign_ids)))),
        timeout_s=current_app.extensions["kayse_settings"].request_timeout,
    )


@bp.post("/<int:endpoint_id>/disable")
def disable(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    held = endpoints.switch_off(endpoint, f"{current_user.shown_name} switched it off.", clock.now())
    audit.note("webhook.disabled", f"webhook {endpoint_id}", {"held": held})
    db.session.commit()
    flash(f"{endpoint.name} is off. New events for it are held, not lost.", "success")
    return _after_switch(endpoint)


@bp.get("/<int:endpoint_id>/enable")
def enable_question(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    return _ask_about_held(endpoint, _held_form())


@bp.post("/<int:endpoint_id>/enable")
def enable(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    held = deliveries.count(endpoint_id, [State.HELD])
    form = _held_form()
    if held and "which" not in request.form:
        db.session.rollback()
        return go("webhooks.enable_question", endpoint_id=endpoint_id)
    if held and not form.validate():
        db.session.rollback()
        return _ask_about_held(endpoints.get(endpoint_id), form, status=422)
    now = clock.now()
    endpoints.switch_on(endpoint, now)
    audit.note("webhook.enabled", f"webhook {endpoint_id}", {"held": form.which.data if held else None})
    flash(f"{endpoint.name} is on." + (_settle_held(endpoint, form) if held else ""), "success")
    db.session.commit()
    return _after_switch(endpoint)


def _held_form() -> SinceForm:
    form = SinceForm()
    form.which.choices = [
        ("all", "Send everything that was held"),
        ("since", "Send what was held since a time, drop what is older"),
        ("drop", "Drop it all"),
        ("keep", "Keep it held for now"),
    ]
    if not form.is_submitted():
        form.which.data = "all"
    return form


def _settle_held(endpoint: Endpoint, form: SinceForm) -> str:
    """Do with what was held as was chosen; the words that say so."""
    dropped, sent = 0, 0
    if form.which.data == "drop":
        dropped = deliveries.drop_held(endpoint.id)
    if form.which.data == "since":
        dropped = deliveries.drop_held(endpoint.id, before=form.since_utc())
    if form.which.data in ("all", "since") and recoveries.count(endpoint.id, RecoveryKind.HELD):
        sent = recoveries.start(endpoint, RecoveryKind.HELD, current_user.email, clock.now()).total
    words = []
    if sent:
        words.append(f" {sent:,} held {'delivery is' if sent == 1 else 'deliveries are'} being sent.")
    if dropped:
        words.append(f" {dropped:,} {'was' if dropped == 1 else 'were'} dropped.")
    return "".join(words)


def _ask_about_held(endpoint: Endpoint, form: SinceForm, status: int = 200) -> Response:
    held = deliveries.count(endpoint.id, [State.HELD])
    return page_or_fragment(
        "webhooks/enable.html", "webhooks/_enable.html", status=status, endpoint=endpoint, form=form, held=held
    )


def _after_switch(endpoint: Endpoint) -> Response:
    """The list's row where the switch stands in the list, else the webhook's page."""
    if wants_fragment() and request.form.get("row"):
        now = clock.now()
        body = render_template("webhooks/_row.html", endpoint=endpoint, health=health.of_all([endpoint], now)[endpoint.id])
        return Response(body + render_template("_flash_oob.html"), mimetype="text/html")
    return go("webhooks.show", endpoint_id=endpoint.id)


@bp.get("/<int:endpoint_id>/test")
def test(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = TestForm()
    form.event.data = request.args.get("event", (endpoint.events or list(CATALOGUE))[0])
    if form.event.data not in CATALOGUE:
        form.event.data = next(iter(CATALOGUE))
    return _test_page(endpoint, form)


@bp.post("/<int:endpoint_id>/test")
def send_test(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = TestForm()
    if not form.validate():
        return _test_page(endpoint, form, status=422)
    delivery_id = testing.send_test(endpoint, form.event.data, clock.now())
    audit.note("webhook.tested", f"webhook {endpoint_id}", {"event": form.event.data})
    db.session.commit()
    if not wants_fragment():
        return go("webhooks.test_result", endpoint_id=endpoint_id, delivery_id=delivery_id)
    return _test_page(endpoints.get(endpoint_id), form, deliveries.get(delivery_id))


@bp.get("/<int:endpoint_id>/test/<int:delivery_id>")
def test_result(endpoint_id: int, delivery_id: int) -> Response:
    delivery = deliveries.get(delivery_id)
    if delivery.endpoint_id != endpoint_id or not delivery.is_test:
        raise NotFound("There is no such test.")
    form = TestForm()
    form.event.data = delivery.event_type
    return _test_page(endpoints.get(endpoint_id), form, delivery)


def _test_page(endpoint: Endpoint, form: TestForm, delivery: Delivery | None = None, status: int = 200) -> Response:
    attempt = deliveries.last_attempt(delivery.id) if delivery else None
    event = delivery.event if delivery else None
    return page_or_fragment(
        "webhooks/test.html",
        "webhooks/_test_result.html",
        status=status,
        endpoint=endpoint,
        form=form,
        delivery=delivery,
        attempt=attempt,
        body=envelope.body(event.type, event.timestamp, event.data).decode() if event else None,
        timeout_s=current_app.extensions["kayse_settings"].request_timeout,
    )


@bp.get("/<int:endpoint_id>/rotate-secret")
def rotate(endpoint_id: int) -> Response:
    form = RotateForm()
    form.secret.data = signing.new_secret()
    return _rotate_page(endpoints.get(endpoint_id), form)


@bp.post("/<int:endpoint_id>/rotate-secret")
def rotate_secret(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = RotateForm()
    if not form.validate():
        return _rotate_page(endpoint, form, status=422)
    now = clock.now()
    try:
        endpoints.rotate_secret(endpoint, now, form.secret.data, timedelta(hours=int(form.overlap.data)))
    except InvalidInput as error:
        db.session.rollback()
        form.secret.errors = list(error.fields.values())
        return _rotate_page(endpoints.get(endpoint_id), form, status=422)
    audit.note("webhook.secret_rotated", f"webhook {endpoint_id}", {"overlap_hours": int(form.overlap.data)})
    db.session.commit()
    flash("The new secret signs from now on.", "success")
    return go("webhooks.show", endpoint_id=endpoint_id)


def _rotate_page(endpoint: Endpoint, form: RotateForm, status: int = 200) -> Response:
    if endpoint.auth_type != "hmac":
        raise Conflict("This webhook does not sign its deliveries, so it has no secret to rotate.")
    return page_or_fragment("webhooks/rotate.html", "webhooks/_rotate.html", status=status, endpoint=endpoint, form=form)


@bp.get("/<int:endpoint_id>/delete")
def confirm_delete(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    waiting = deliveries.count(endpoint_id, [State.PENDING, State.SENDING])
    held = deliveries.count(endpoint_id, [State.HELD])
    return Response(render_template("webhooks/delete.html", endpoint=endpoint, waiting=waiting, held=held))


@bp.post("/<int:endpoint_id>/delete")
@needs(Role.STAFF)
def delete(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    name = endpoint.name
    endpoints.delete(endpoint, clock.now())
    audit.note("webhook.deleted", f"webhook {endpoint_id}", {"name": name})
    db.session.commit()
    flash(f"{name} is deleted.", "success")
    return go("webhooks.index")

"""Add, edit and duplicate a webhook: one form, shown in steps by htmx and whole without JavaScript."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, flash, request

from kayse_dash import clock, outbound
from kayse_dash.accounts import audit
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from kayse_dash.events.catalogue import CATEGORIES, TRANSFER_EVENTS
from kayse_dash.web import go, page_or_fragment
from kayse_dash.webhooks import endpoints, forms
from kayse_dash.webhooks.forms import WebhookForm
from kayse_dash.webhooks.models import Endpoint

bp = Blueprint("wizard", __name__, url_prefix="/settings/webhooks")


@bp.get("/new")
def new() -> Response:
    form = WebhookForm()
    if copied := request.args.get("copy", type=int):
        original = endpoints.get(copied)
        form.fill(original)
        form.version.data, form.name.data = None, f"Copy of {original.name}"[: endpoints.LONGEST_NAME]
    form.url.data = request.args.get("url") or form.url.data
    if campaign := request.args.get("campaign", type=int):
        form.campaign_ids.data = [campaign]
        if not form.name.data and (found := db.session.get(Campaign, campaign)):
            form.name.data = f"{found.name} calls"[: endpoints.LONGEST_NAME]
    form.offer_secret()
    return _show(form)


@bp.post("/new")
def create() -> Response:
    form = _read()
    if not _is_saving():
        return _turn(form)
    try:
        values = endpoints.check(form.given(), outbound.policy())
    except InvalidInput as error:
        return _refuse(form, error)
    endpoint = endpoints.create(values, clock.now())
    audit.note("webhook.created", f"webhook {endpoint.id}", {"name": endpoint.name, "host": urlsplit(endpoint.url).netloc})
    db.session.commit()
    flash(f"{endpoint.name} is saved. Send it a test to see that it works.", "success")
    return go("webhooks.test", endpoint_id=endpoint.id)


@bp.get("/<int:endpoint_id>/edit")
def edit(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = WebhookForm()
    form.fill(endpoint)
    if endpoint.auth_type != "hmac":
        form.offer_secret()
    return _show(form, endpoint)


@bp.post("/<int:endpoint_id>/edit")
def change(endpoint_id: int) -> Response:
    endpoint = endpoints.get(endpoint_id)
    form = _read()
    try:
        values = endpoints.check(form.given(), outbound.policy(), endpoint)
    except InvalidInput as error:
        return _refuse(form, error, endpoints.get(endpoint_id))
    endpoint = endpoints.get(endpoint_id)
    changed = sorted(name for name in values if name != "enabled" and getattr(endpoint, name) != values[name])
    endpoints.update(endpoint, values, clock.now(), version=form.version.data)
    audit.note("webhook.changed", f"webhook {endpoint.id}", {"changed": changed})
    db.session.commit()
    flash(f"{endpoint.name} is saved." if changed else "Nothing was changed.", "success")
    return go("webhooks.show", endpoint_id=endpoint.id)


@bp.post("/check-url")
def check_url() -> Response:
    """What is to be said of the Destination URL as far as it is typed."""
    typed = (request.form.get("url") or request.form.get("oauth2_token_url") or "").strip()
    db.session.rollback()
    verdict = outbound.check_url(typed, outbound.policy()) if typed else None
    return page_or_fragment("webhooks/check_url.html", "webhooks/_check_url.html", verdict=verdict, typed=typed)


def _read() -> WebhookForm:
    form = WebhookForm()
    form.validate()
    step = form.step.data if isinstance(form.step.data, int) else forms.DESTINATION
    form.step.data = min(max(step, forms.DESTINATION), forms.REVIEW)
    return form


def _is_saving() -> bool:
    return request.form.get("go", "save") == "save"


def _turn(form: WebhookForm) -> Response:
    """Go to the step that was asked for; forward only when the present one is in order."""
    to, step = request.form["go"], form.step.data
    if to == "next":
        try:
            endpoints.check(form.given(), outbound.policy())
        except InvalidInput as error:
            if form.mark(error.fields, only_step=step) is not None:
                return _show(form, status=422)
        if step == forms.EVENTS and form.scope.data == forms.SOME and not form.events.data:
            form.events.errors = ["Pick at least one event, or choose all events."]
            return _show(form, status=422)
        form.step.data = min(step + 1, forms.REVIEW)
    elif to == "back":
        form.step.data = max(step - 1, forms.DESTINATION)
    elif to.isdigit() and int(to) in forms.STEPS:
        form.step.data = int(to)
    form.offer_secret()
    return _show(form)


def _refuse(form: WebhookForm, error: InvalidInput, endpoint: Endpoint | None = None) -> Response:
    form.step.data = form.mark(error.fields) or form.step.data
    return _show(form, endpoint, status=422)


def _show(form: WebhookForm, endpoint: Endpoint | None = None, status: int = 200) -> Response:
    campaigns = list(db.session.scalars(db.select(Campaign).order_by(Campaign.name)))
    return page_or_fragment(
        "webhooks/form.html",
        "webhooks/_form.html",
        status=status,
        form=form,
        endpoint=endpoint,
        categories=CATEGORIES,
        transfer_events=TRANSFER_EVENTS,
        campaigns=campaigns,
        chosen_campaigns=[campaign for campaign in campaigns if campaign.id in (form.campaign_ids.data or ())],
        steps=forms.STEPS,
        security_hints=forms.SECURITY_HINTS,
        allow_http=current_app.extensions["kayse_settings"].allow_http,
    )

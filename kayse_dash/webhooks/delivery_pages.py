"""The delivery log, over all webhooks and of one, and one delivery with its attempts."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, flash, render_template, request, url_for

from kayse_dash import clock, keyset, web
from kayse_dash.accounts import audit
from kayse_dash.clients import campaigns, records
from kayse_dash.db import db
from kayse_dash.errors import Conflict
from kayse_dash.events import catalogue
from kayse_dash.keyset import Place, Slice
from kayse_dash.querystring import QueryString, as_input
from kayse_dash.webhooks import deliveries, endpoints, envelope, log, outlook
from kayse_dash.webhooks.log import Answer, Filters
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint
from kayse_dash.webhooks.schedule import State

bp = Blueprint("deliveries", __name__)

SHOWN_ATTEMPTS = 25
LONGEST_SHOWN = 60_000
LONGEST_CHOICE = 26
FILTERS = {
    "webhook": "Webhook",
    "event": "Event",
    "state": "State",
    "campaign": "Campaign",
    "answer": "Answer",
    "since": "From",
    "until": "To",
    "q": "Search",
}


@bp.get("/deliveries")
def index() -> Response:
    return _log(None)


@bp.get("/settings/webhooks/<int:endpoint_id>/log")
def webhook_log(endpoint_id: int) -> Response:
    return _log(log.webhook(endpoint_id))


@bp.get("/deliveries/<int:delivery_id>")
def show(delivery_id: int) -> Response:
    return _delivery_page(delivery_id)


@bp.get("/deliveries/<int:delivery_id>/attempts/<int:attempt_id>")
def show_attempt(delivery_id: int, attempt_id: int) -> str:
    delivery = deliveries.get(delivery_id)
    return render_template(
        "deliveries/attempt.html", delivery=delivery, attempt=log.attempt(delivery_id, attempt_id), **_words(delivery)
    )


@bp.post("/deliveries/<int:delivery_id>/retry")
def retry(delivery_id: int) -> Response:
    delivery = deliveries.get(delivery_id)
    before = delivery.state
    try:
        deliveries.retry(delivery, clock.now())
    except Conflict as conflict:
        return _refused(delivery_id, conflict)
    audit.note("delivery.retried", f"delivery {delivery_id}", {"was": before})
    return _changed(delivery_id, "It is being sent again.")


@bp.post("/deliveries/<int:delivery_id>/cancel")
def cancel(delivery_id: int) -> Response:
    delivery = deliveries.get(delivery_id)
    before = delivery.state
    try:
        deliveries.cancel(delivery)
    except Conflict as conflict:
        return _refused(delivery_id, conflict)
    audit.note("delivery.cancelled", f"delivery {delivery_id}", {"was": before})
    return _changed(delivery_id, "It will not be sent. Retry sends it after all.")


def _changed(delivery_id: int, words: str) -> Response:
    db.session.commit()
    flash(words, "success")
    return _delivery_page(delivery_id) if web.wants_fragment() else web.go("deliveries.show", delivery_id=delivery_id)


def _refused(delivery_id: int, conflict: Conflict) -> Response:
    """Say why it cannot be done now, on the page as it stands; where htmx asked, the page stays and gets the message."""
    db.session.rollback()
    if web.wants_fragment():
        raise conflict
    flash(str(conflict), "error")
    return _delivery_page(delivery_id, conflict.status)


def _delivery_page(delivery_id: int, status: int = 200) -> Response:
    delivery = deliveries.get(delivery_id)
    made = log.attempts(delivery_id, SHOWN_ATTEMPTS)
    waits = (0,) if delivery.is_test else current_app.extensions["kayse_settings"].retry_waits
    now = clock.now()
    return web.page_or_fragment(
        "deliveries/show.html",
        "deliveries/_delivery.html",
        status=status,
        delivery=delivery,
        attempts=made,
        steps=_steps(delivery, made, waits),
        state_words=outlook.state_words(
            delivery.state, tries=delivery.tries, attempts=delivery.attempts, allowed=len(waits), is_test=delivery.is_test
        ),
        poll_s=outlook.poll_seconds(delivery.state, delivery.due_at, now),
        now=now,
        body=_body(delivery),
        campaigns=campaigns.names([delivery.campaign_id]),
        client_names=records.names([delivery.event.client_id]),
        **_words(delivery),
    )


def _body(delivery: Delivery) -> str:
    """The body of every attempt; the beginning of a long one."""
    event = delivery.event
    return envelope.body(event.type, event.timestamp, event.data).decode("utf-8", "replace")[:LONGEST_SHOWN]


def _steps(delivery: Delivery, made: list[Attempt], waits: tuple[int, ...]) -> list[outlook.Step]:
    outcomes = [(one.started_at, outlook.answer_words(one.status, one.error) or "", one.succeeded) for one in made]
    return outlook.steps(delivery.state, delivery.due_at, delivery.tries, outcomes, waits)


def _words(delivery: Delivery) -> dict[str, Any]:
    """What the templates of one delivery need to put values into words."""
    return {
        "kind": catalogue.find(delivery.event_type),
        "timeout_s": current_app.extensions["kayse_settings"].request_timeout,
        "answer_words": outlook.answer_words,
        "phases": outlook.PHASES,
        "triggers": outlook.TRIGGERS,
    }


def _log(endpoint: Endpoint | None) -> Response:
    query = QueryString(request.args)
    filters = _filters(query, endpoint)
    found = log.page(filters, Place.of(web.decode_cursor(request.args.get("cursor"))))
    given = {name: request.args[name] for name in FILTERS if request.args.get(name) and name not in query.ignored}
    return web.page_or_fragment(
        "deliveries/index.html" if endpoint is None else "deliveries/webhook_log.html",
        "deliveries/_list.html",
        endpoint=endpoint,
        filters=filters,
        ignored=[FILTERS[name] for name in query.ignored],
        found=found,
        looked_through=keyset.LOOK_THROUGH,
        now=clock.now(),
        kinds=catalogue.CATALOGUE,
        answer_words=outlook.answer_words,
        **_links(found.slice, given, endpoint),
        **({} if web.wants_fragment() else _choices(filters, endpoint)),
    )


def _filters(query: QueryString, endpoint: Endpoint | None) -> Filters:
    state, answer = query.choice("state", list(State)), query.choice("answer", list(Answer))
    return Filters(
        endpoint_id=endpoint.id if endpoint else query.number("webhook", log.LARGEST_WEBHOOK_ID),
        event=query.choice("event", catalogue.CATALOGUE),
        state=State(state) if state else None,
        campaign_id=query.number("campaign"),
        answer=Answer(answer) if answer else None,
        since=query.moment("since"),
        until=query.moment("until"),
        text=query.text("q"),
    )


def _links(found: Slice, given: dict[str, str], endpoint: Endpoint | None) -> dict[str, str | None]:
    """Addresses of this list without filters, as it is, and of its neighbouring pages, which keep the filters."""
    view, path = ("deliveries.webhook_log", {"endpoint_id": endpoint.id}) if endpoint else ("deliveries.index", {})

    def page(place: Place | None) -> str | None:
        return url_for(view, **path, **given, cursor=web.encode_cursor(*place.values)) if place else None

    return {
        "plain_url": url_for(view, **path),
        "here_url": url_for(view, **path, **given),
        "newer_url": page(found.newer),
        "older_url": page(found.older),
    }


def _choices(filters: Filters, endpoint: Endpoint | None) -> dict[str, Any]:
    """What the filters offer."""
    webhooks = [] if endpoint else [(one.id, _short(one.name)) for one in endpoints.all_live()]
    if endpoint is None and filters.endpoint_id not in (None, *(one for one, _ in webhooks)):
        webhooks.append((filters.endpoint_id, "A deleted webhook"))
    return {
        "webhooks": webhooks,
        "events": [(kind.name, kind.label) for kind in catalogue.CATALOGUE.values()],
        "states": list(State),
        "campaigns": [(one.id, _short(one.name)) for one in campaigns.by_name()],
        "since": as_input(filters.since),
        "until": as_input(filters.until),
    }


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_CHOICE else name[: LONGEST_CHOICE - 1] + "…"

"""The record of events, and one event with what became of it at each webhook."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from kayse_dash import clock, keyset, web
from kayse_dash.clients import campaigns, records
from kayse_dash.events import catalogue, log
from kayse_dash.events.log import Filters
from kayse_dash.keyset import Place, Slice
from kayse_dash.querystring import QueryString, as_input
from kayse_dash.webhooks import log as deliveries_log
from kayse_dash.webhooks import outlook
from kayse_dash.webhooks.explain import explain

bp = Blueprint("events", __name__)

FILTERS = {"event": "Event", "campaign": "Campaign", "since": "From", "until": "To", "q": "Search", "tests": "Show tests"}
LONGEST_SHOWN = 60_000


@bp.get("/events")
def index() -> Response:
    query = QueryString(request.args)
    filters = Filters(
        type=query.choice("event", catalogue.CATALOGUE),
        campaign_id=query.number("campaign"),
        since=query.moment("since"),
        until=query.moment("until"),
        text=query.text("q"),
        tests=query.flag("tests"),
    )
    found = log.page(filters, Place.of(web.decode_cursor(request.args.get("cursor"))))
    given = {name: request.args[name] for name in FILTERS if request.args.get(name) and name not in query.ignored}
    return web.page_or_fragment(
        "events/index.html",
        "events/_list.html",
        filters=filters,
        ignored=[FILTERS[name] for name in query.ignored],
        found=found,
        looked_through=keyset.LOOK_THROUGH,
        states=deliveries_log.states_of(found.slice.keys),
        campaign_names=campaigns.names([event.campaign_id for event in found.rows]),
        kinds=catalogue.CATALOGUE,
        **_links(found.slice, given),
        **({} if web.wants_fragment() else _choices(filters)),
    )


@bp.get("/events/<event_id>")
def show(event_id: str) -> Response:
    event = log.get(event_id)
    explanations = explain(event)
    now = clock.now()
    owed = [one.delivery for one in explanations if one.delivery]
    polls = [outlook.poll_seconds(delivery.state, delivery.due_at, now) for delivery in owed]
    return web.page_or_fragment(
        "events/show.html",
        "events/_outcomes.html",
        event=event,
        kind=catalogue.find(event.type),
        campaign_names=campaigns.names([event.campaign_id]),
        client_names=records.names([event.client_id]),
        explanations=explanations,
        now=now,
        poll_s=min((seconds for seconds in polls if seconds), default=None),
        is_long=len(event.data) > LONGEST_SHOWN,
        shown=event.data[:LONGEST_SHOWN],
    )


@bp.get("/events/<event_id>/payload")
def payload(event_id: str) -> Response:
    """The event's data as a file, to the letter as it is sent."""
    event = log.get(event_id)
    response = Response(event.data, mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename="payload.json")
    return response


def _links(found: Slice, given: dict[str, str]) -> dict[str, str | None]:
    """Addresses of the record as it is, and of its neighbouring pages, which keep the filters."""

    def page(place: Place | None) -> str | None:
        return url_for("events.index", **given, cursor=web.encode_cursor(*place.values)) if place else None

    return {"here_url": url_for("events.index", **given), "newer_url": page(found.newer), "older_url": page(found.older)}


def _choices(filters: Filters) -> dict[str, Any]:
    """What the filters offer."""
    return {
        "events": [(kind.name, kind.label) for kind in catalogue.CATALOGUE.values()],
        "campaigns": [(one.id, one.name) for one in campaigns.by_name()],
        "since": as_input(filters.since),
        "until": as_input(filters.until),
    }

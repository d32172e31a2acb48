"""The list of clients: search, filters, sorting, and the same as a file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.clients import export, listing, normal
from kayse_dash.clients.listing import Filters, OptOut, Place, Sort
from kayse_dash.clients.models import DetailKind, Source
from kayse_dash.db import db
from kayse_dash.querystring import QueryString

bp = Blueprint("client_list", __name__, url_prefix="/clients")

FILTERS = {
    "q": "Search",
    "lacks": "Missing",
    "opted_out": "Opted out",
    "source": "Came from",
    "state": "State",
    "sort": "Sort by",
}
CHOICES = {
    "lacking": [("phone", "A phone"), ("email", "An email"), ("address", "An address")],
    "opt_outs": [("calls", "Of voice calls"), ("enrichment", "Of enrichment")],
    "sources": [
        ("person", "Entered by hand"),
        ("public_api", "API"),
        ("import", "Import"),
        ("provider", "Provider"),
        ("sample", "Sample firm"),
    ],
    "sorts": [("name", "Name"), ("newest", "Newest first"), ("changed", "Last changed first")],
    "states": list(normal.STATES.items()),
}


@bp.get("")
def index() -> Response:
    query = QueryString(request.args)
    filters, sort = _asked(query)
    place = Place.of(sort, web.decode_cursor(request.args.get("cursor")))
    given = {name: request.args[name] for name in FILTERS if request.args.get(name) and name not in query.ignored}
    return web.page_or_fragment(
        "clients/index.html",
        "clients/_list.html",
        filters=filters,
        sort=sort,
        given=given,
        ignored=[FILTERS[name] for name in query.ignored],
        **CHOICES,
        **_page(filters, sort, place, given),
    )


@bp.post("/export")
def export_list() -> Response:
    """The list as it is filtered, as a CSV file; asked for with POST, because it is written to the audit trail."""
    filters, sort = _asked(QueryString(request.form))
    told = {name: request.form[name] for name in ("lacks", "opted_out", "source", "state") if request.form.get(name)}
    audit.note("client.exported", "clients", told | ({"searched": True} if filters.text else {}))
    db.session.commit()
    response = Response(export.pieces(db.engine, filters, sort), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"clients-{clock.now():%Y-%m-%d}.csv")
    return response


def _asked(query: QueryString) -> tuple[Filters, Sort]:
    lacks = query.choice("lacks", list(DetailKind))
    opted_out = query.choice("opted_out", list(OptOut))
    source = query.choice("source", list(Source))
    filters = Filters(
        text=query.text("q"),
        lacks=DetailKind(lacks) if lacks else None,
        opted_out=OptOut(opted_out) if opted_out else None,
        source=Source(source) if source else None,
        state=query.choice("state", normal.STATES),
    )
    return filters, Sort(query.choice("sort", list(Sort)) or Sort.NAME)


def _page(filters: Filters, sort: Sort, place: Place | None, given: dict[str, str]) -> dict[str, Any]:
    found = listing.page(filters, sort, place)

    def address(place: Place | None) -> str | None:
        return url_for("client_list.index", **given, cursor=web.encode_cursor(*place.cursor)) if place else None

    return {
        "found": found,
        "is_first": place is None,
        "previous_url": address(found.previous),
        "next_url": address(found.following),
    }

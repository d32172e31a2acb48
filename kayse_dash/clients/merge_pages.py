"""Merging two clients, taking that back, and deleting one for good."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, render_template, request
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients import duplicates, erasure, listing, merging, records
from kayse_dash.clients.listing import Filters
from kayse_dash.clients.models import Client
from kayse_dash.db import db
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.querystring import QueryString

bp = Blueprint("client_merge", __name__, url_prefix="/clients")

MOST_FOUND = 10  # of a search for somebody to merge with
GONE = "gone"  # a choice for the value of the client that is no more
LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "date_of_birth": "Date of birth",
    "external": "Id in another system",
    "voice_calls_opted_out": "Voice calls",
    "enrichment_opted_out": "Enrichment",
    "phone": "Primary phone",
    "email": "Primary email",
    "address": "Primary address",
}


@bp.get("/<int:client_id>/merge")
@needs(Role.STAFF)
def merge(client_id: int) -> Response:
    client = records.get(client_id)
    query = QueryString(request.args)
    other_id = query.number("with")
    if other_id is not None:
        return _side_by_side(client, records.get(other_id))
    text = query.text("q")
    rows = [row for row in listing.page(Filters(text=text)).rows if row.client.id != client_id] if text else []
    return web.page_or_fragment(
        "clients/merge_with.html",
        "clients/_merge_found.html",
        client=client,
        text=text,
        rows=rows[:MOST_FOUND],
        more=len(rows) > MOST_FOUND,
        candidates=duplicates.of(client),
    )


@bp.post("/<int:client_id>/merge")
def do_merge(client_id: int) -> BaseResponse:
    other_id = QueryString(request.form).number("with")
    kept, gone = _both(client_id, other_id)
    if [str(kept.version), str(gone.version)] != request.form.getlist("version"):
        db.session.rollback()
        conflict = "One of the two was changed in the meantime. Look at what they say now, then merge them."
        return _side_by_side(records.get(client_id), records.get(gone.id), status=409, conflict=conflict)
    take = {name for name in LABELS if request.form.get(name) == GONE}
    done = merging.merge(kept, gone, take, current_user.email, clock.now())
    audit.note("client.merged", f"client {kept.id}", {"merged_with": f"client {gone.id}", "merge": done.id})
    db.session.commit()
    flash("The two are one client now. You can take that back on this page.", "success")
    return web.go("client.show", client_id=client_id)


def _both(kept_id: int, gone_id: int | None) -> tuple[Client, Client]:
    """Both clients, locked in the order of their ids, so that two people who merge them the other way round do not block."""
    if gone_id is None:
        raise NotFound("Choose whom to merge with.")
    locked = {one: records.get(one, lock=True) for one in sorted({kept_id, gone_id})}
    return locked[kept_id], locked[gone_id]


def _side_by_side(client: Client, other: Client, status: int = 200, conflict: str | None = None) -> Response:
    if client.id == other.id:
        raise Conflict("This is one client already. Choose another to merge with.")
    page = render_template(
        "clients/merge.html",
        kept=client,
        gone=other,
        differences=merging.differences(client, other),
        labels=LABELS,
        conflict=conflict,
        traces=erasure.traces(other.id),
    )
    return Response(page, status)


@bp.post("/merges/<int:merge_id>/undo")
def undo_merge(merge_id: int) -> BaseResponse:
    done = merging.get(merge_id)
    if request.form.get("confirmed") != "yes":
        return _ask_before_undoing(done)
    kept_id, gone_id = done.kept_id, done.gone_id
    try:
        merging.undo(done, clock.now())
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
        return web.go("client.show", client_id=duplicates.heir(kept_id) or kept_id)
    audit.note("client.merge_undone", f"client {kept_id}", {"restored": f"client {gone_id}", "merge": merge_id})
    db.session.commit()
    flash(f"Taken back. Client {gone_id} is on record again.", "success")
    return web.go("client.show", client_id=kept_id)


def _ask_before_undoing(done: Any) -> Response:
    page = render_template(
        "confirm.html",
        title="Take the merge back?",
        text="Both clients are restored as they were. What was changed or happened since stays with this one.",
        label="Take it back",
        action=request.path,
        back=f"/clients/{done.kept_id}",
    )
    return Response(page)


@bp.get("/<int:client_id>/delete")
@needs(Role.STAFF)
def confirm_delete(client_id: int) -> Response:
    client = records.get(client_id)
    return Response(render_template("clients/delete.html", client=client, traces=erasure.traces(client_id)))


@bp.post("/<int:client_id>/delete")
def delete(client_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    erased = records.delete(client, clock.now())
    audit.note("client.deleted", f"client {client_id}", {"events_erased": erased})
    db.session.commit()
    flash(f"Client {client_id} is deleted for good.", "success")
    return web.go("client_list.index")

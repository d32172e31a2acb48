"""One client: what is known and where it came from, what happened; adding and changing."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import InvalidToken
from flask import Blueprint, Response, current_app, flash, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients import cards, details, duplicates, merging, normal, records
from kayse_dash.clients.fields import LISTS
from kayse_dash.clients.models import Client, Source
from kayse_dash.clients.record_forms import ClientForm
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.events import catalogue, log
from kayse_dash.events.log import Filters
from kayse_dash.keyset import Place

bp = Blueprint("client", __name__, url_prefix="/clients")
bp.add_app_template_filter(normal.phone_shown, "phone")
bp.add_app_template_filter(normal.extension, "extension")

EVENTS_SHOWN = 10
UNDO_LASTS_S = 3600
LONGEST_UNDO = 2_000  # characters; it travels in an address and, without JavaScript, in a cookie
OPT_OUTS = {"voice_calls_opted_out": "voice calls", "enrichment_opted_out": "enrichment"}


@bp.get("/<int:client_id>")
def show(client_id: int) -> BaseResponse:
    try:
        client = records.get(client_id)
    except NotFound:
        heir = duplicates.heir(client_id) if client_id <= records.LARGEST_ID else None
        if heir is None:
            raise
        flash(f"Client {client_id} was merged into this one.", "info")
        return web.go("client.show", client_id=heir)
    found = log.page(Filters(client_id=client_id), Place.of(web.decode_cursor(request.args.get("cursor"))), EVENTS_SHOWN)

    def address(place: Place | None) -> str | None:
        return url_for("client.show", client_id=client_id, cursor=web.encode_cursor(*place.values)) if place else None

    return web.page_or_fragment(
        "clients/show.html",
        "clients/_events.html",
        client=client,
        found=found,
        kinds=catalogue.CATALOGUE,
        newer_url=address(found.slice.newer),
        older_url=address(found.slice.older),
        **({} if web.wants_fragment() else _around(client)),
    )


def _around(client: Client) -> dict[str, Any]:
    """What stands on the page beside the events."""
    return {
        "lists": LISTS,
        "candidates": duplicates.of(client),
        "merges": merging.of(client.id),
        "cards": cards.of(client),
    }


@bp.get("/new")
@needs(Role.STAFF)
def new() -> Response:
    return _form_page(ClientForm(formdata=None))


@bp.post("")
def add() -> BaseResponse:
    form = ClientForm()
    if "more" in request.form:
        return _form_page(form, more=request.form["more"])
    try:
        values = records.check(form.given(), None)
    except InvalidInput as error:
        form.mark(error)
        return _form_page(form, status=422)
    client = records.create(values, Source.PERSON, current_user.email, clock.now())
    audit.note("client.created", f"client {client.id}")
    name, client_id = client.name, client.id
    db.session.commit()
    flash(f"{name} was added.", "success")
    return web.go("client.show", client_id=client_id)


@bp.get("/<int:client_id>/edit")
@needs(Role.STAFF)
def edit(client_id: int) -> Response:
    client = records.get(client_id)
    form = ClientForm(formdata=None)
    form.fill(client)
    return _form_page(form, client)


@bp.post("/<int:client_id>")
def change(client_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    form = ClientForm()
    if "more" in request.form:
        return _form_page(form, client, more=request.form["more"])
    try:
        values = records.check(form.given(), client)
        version = int(form.version.data) if (form.version.data or "").isdigit() else None
        changed = records.update(client, values, Source.PERSON, current_user.email, clock.now(), version=version)
    except InvalidInput as error:
        form.mark(error)
        return _form_page(form, client, status=422)
    except Conflict as error:
        db.session.rollback()
        client = records.get(client_id)
        form.version.data = str(client.version)
        return _form_page(form, client, status=409, conflict=str(error))
    if changed:
        audit.note("client.changed", f"client {client_id}", {"fields": changed})
    name = client.name
    db.session.commit()
    flash(f"{name} was saved." if changed else "Nothing was changed.", "success")
    return web.go("client.show", client_id=client_id)


def _form_page(
    form: ClientForm, client: Client | None = None, *, status: int = 200, more: str | None = None, conflict: str | None = None
) -> Response:
    form.offer_rows(more)
    page = render_template("clients/form.html", form=form, client=client, conflict=conflict, more=more, states=normal.STATES)
    return Response(page, status)


@bp.post("/<int:client_id>/opt-out/<any(voice_calls_opted_out, enrichment_opted_out):field>")
def opt_out(client_id: int, field: str) -> BaseResponse:
    client = records.get(client_id, lock=True)
    opted_out = request.form.get("to") == "on"
    if records.update(client, {field: opted_out}, Source.PERSON, current_user.email, clock.now()):
        audit.note("client.changed", f"client {client_id}", {"fields": [field]})
    db.session.commit()
    flash(f"Opted {'out of' if opted_out else 'in to'} {OPT_OUTS[field]}.", "success")
    return _after_change(client_id)


@bp.post("/<int:client_id>/details")
def add_detail(client_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    typed = request.form.get("value", "")
    try:
        found = details.read(typed)
        added = details.add(client, found, Source.PERSON, current_user.email, clock.now())
    except InvalidInput as error:
        return _details(client, status=422, typed=typed, fault=error.fields["value"])
    if added is None:
        return _details(client, status=422, typed=typed, fault=f"This {found.kind.value} is on record already.")
    audit.note("client.changed", f"client {client_id}", {"added": found.kind.value})
    db.session.commit()
    flash(f"The {found.kind.value} was added.", "success")
    return _after_change(client_id)


@bp.post("/<int:client_id>/details/<int:detail_id>/primary")
def make_primary(client_id: int, detail_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    detail = details.get(client, detail_id)
    details.make_primary(client, detail, Source.PERSON, clock.now())
    audit.note("client.changed", f"client {client_id}", {"primary": detail.kind.value})
    words = f"This is the primary {detail.kind.value} now."
    db.session.commit()
    flash(words, "success")
    return _after_change(client_id)


@bp.post("/<int:client_id>/details/<int:detail_id>/remove")
def remove_detail(client_id: int, detail_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    detail = details.get(client, detail_id)
    kind = detail.kind.value
    kept = details.remove(client, detail, Source.PERSON, clock.now())
    audit.note("client.changed", f"client {client_id}", {"removed": kind})
    db.session.commit()
    token = _box().encrypt(json.dumps(kept).encode()).decode()
    undo = url_for("client.undo_removal", client_id=client_id, token=token) if len(token) <= LONGEST_UNDO else None
    flash(Markup(render_template("clients/_removed.html", kind=kind, undo_url=undo)), "success")
    return _after_change(client_id)


@bp.get("/<int:client_id>/details/restore")
@needs(Role.STAFF)
def undo_removal(client_id: int) -> Response:
    """The question that the link in the message leads to where there is no JavaScript."""
    client = records.get(client_id)
    kept = _kept(client)
    page = render_template(
        "confirm.html",
        title=f"Put the {kept['kind']} back?",
        text=f"{kept['typed']} is added to {client.name} again.",
        label="Put it back",
        kind="primary",
        action=request.full_path,
        back=url_for("client.show", client_id=client_id),
    )
    return Response(page)


@bp.post("/<int:client_id>/details/restore")
def restore_detail(client_id: int) -> BaseResponse:
    client = records.get(client_id, lock=True)
    kept = _kept(client)
    restored = details.restore(client, kept, Source.PERSON, clock.now())
    if restored:
        audit.note("client.changed", f"client {client_id}", {"added": kept["kind"]})
    db.session.commit()
    flash("It is back." if restored else "It is on record already.", "success")
    return _after_change(client_id)


def _kept(client: Client) -> dict[str, Any]:
    """The removed detail that the address carries, encrypted.

    Raises:
        NotFound: the address is wrong, of another client, or older than an hour.
    """
    try:
        kept = json.loads(_box().decrypt(request.args.get("token", "").encode(), ttl=UNDO_LASTS_S))
    except (InvalidToken, ValueError):
        kept = None
    if not kept or kept.get("client_id") != client.id:
        raise NotFound("This can be undone for an hour only. Add what you removed again by hand.")
    return kept


def _box() -> Any:
    return current_app.extensions["kayse_box"]


def _after_change(client_id: int) -> BaseResponse:
    if not web.wants_fragment():
        return web.go("client.show", client_id=client_id)
    return _details(records.get(client_id))


def _details(client: Client, *, status: int = 200, typed: str = "", fault: str | None = None) -> Response:
    """What is known of a client, as the fragment, or as the page where something is wrong and there is no JavaScript."""
    context = {"client": client, "lists": LISTS, "typed": typed, "fault": fault}
    return web.page_or_fragment("clients/details.html", "clients/_details.html", status=status, **context)

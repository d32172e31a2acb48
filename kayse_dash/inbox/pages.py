"""Test inboxes: the receiver, and the pages that show what arrived."""

from __future__ import annotations

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_wtf import FlaskForm
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import public
from kayse_dash.db import db, reading, set_reading
from kayse_dash.errors import Conflict, InvalidInput, KayseError, NotFound
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import Inbox
from kayse_dash.keyset import Place

bp = Blueprint("inbox", __name__)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class InboxForm(FlaskForm):
    name = StringField("Name", render_kw={"maxlength": inboxes.LONGEST_NAME, "autocomplete": "off"})


# The receiver


@bp.route("/inbox/<token>", methods=METHODS, provide_automatic_options=False)
@public
@web.csrf.exempt
def receive(token: str) -> Response:
    """Take whatever comes, as another system would, and answer what the inbox was told to."""
    # Read apart, so that an address somebody guesses at never waits for, or holds, the one writer that SQLite has.
    with reading():
        inbox = _receiver(token)
        inbox_id, name, status = inbox.id, inbox.name, inbox.answers
        db.session.rollback()
    body = request.get_data(cache=False)
    set_reading(False)
    try:
        messages.store(inbox_id, request.method, request.headers.items(), body, status, clock.now())
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        _receiver(token)  # it was deleted meanwhile
        raise
    words = f"Received by the test inbox {name}." if status < 400 else f"The test inbox {name} was told to answer {status}."
    return _plain(status, words)


def _receiver(token: str) -> Inbox:
    inbox = inboxes.find(token)
    if inbox is None:
        raise NotFound("There is no test inbox at this address.")
    return inbox


def _plain(status: int, words: str) -> Response:
    return Response(words + "\n", status, mimetype="text/plain")


@bp.record_once
def _answer_senders_in_plain_text(state: BlueprintSetupState) -> None:
    def render(status: int, error: KayseError | HTTPException) -> Response:
        return _plain(status, str(error) if isinstance(error, KayseError) else error.name)

    web.answer_errors_below(state.app, inboxes.PATH, render)


# The pages


@bp.get("/inboxes")
def index() -> Response:
    return _index(InboxForm(formdata=None))


@bp.post("/inboxes")
def add() -> BaseResponse:
    form = InboxForm()
    try:
        inbox = inboxes.create(form.name.data or "", clock.now())
    except InvalidInput as error:
        db.session.rollback()
        form.name.errors = list(error.fields.values())
        return _index(form, 422)
    audit.note("inbox.created", f"inbox {inbox.id}", {"name": inbox.name})
    db.session.commit()
    return web.go("inbox.show", inbox_id=inbox.id)


@bp.get("/inboxes/<int:inbox_id>")
def show(inbox_id: int) -> Response:
    inbox = inboxes.get(inbox_id)
    senders = inboxes.senders(inbox)
    place = Place.of(web.decode_cursor(request.args.get("cursor")))
    shown, slice_ = messages.page(inbox, senders, place)
    return web.page_or_fragment(
        "inbox/show.html",
        "inbox/_messages.html",
        inbox=inbox,
        address=inboxes.address(inbox),
        senders=senders,
        messages=shown,
        is_newest=slice_.newer is None,
        newer_url=_page_url(inbox, slice_.newer),
        older_url=_page_url(inbox, slice_.older),
    )


@bp.get("/inboxes/<int:inbox_id>/messages/<int:message_id>")
def show_message(inbox_id: int, message_id: int) -> Response:
    inbox = inboxes.get(inbox_id)
    message = messages.get(inbox, message_id, inboxes.senders(inbox))
    return Response(render_template("inbox/message.html", inbox=inbox, message=message))


@bp.post("/inboxes/<int:inbox_id>/answers")
def answer_with(inbox_id: int) -> BaseResponse:
    inbox = inboxes.get(inbox_id)
    status = request.form.get("status", "")
    inboxes.answer_with(inbox, int(status) if status in ("200", "500") else 0)
    audit.note("inbox.answer_changed", f"inbox {inbox.id}", {"answers": inbox.answers})
    db.session.commit()
    if web.wants_fragment():
        return Response(render_template("inbox/_answers.html", inbox=inbox))
    return web.go("inbox.show", inbox_id=inbox_id)


@bp.post("/inboxes/<int:inbox_id>/empty")
def empty(inbox_id: int) -> BaseResponse:
    inbox = inboxes.get(inbox_id)
    if request.form.get("confirmed") != "yes":
        return _ask(inbox, f"Empty “{inbox.name}”?", "Every message in it is deleted. Nothing is sent again.", "Empty inbox")
    gone = inboxes.empty(inbox)
    audit.note("inbox.emptied", f"inbox {inbox.id}", {"messages": gone})
    db.session.commit()
    flash(f"{gone:,} {'message was' if gone == 1 else 'messages were'} deleted.", "success")
    return web.go("inbox.show", inbox_id=inbox_id)


@bp.post("/inboxes/<int:inbox_id>/delete")
def delete(inbox_id: int) -> BaseResponse:
    inbox = inboxes.get(inbox_id)
    if request.form.get("confirmed") != "yes":
        return _ask(inbox, f"Delete “{inbox.name}”?", "Its address stops working and its messages are deleted.", "Delete inbox")
    name = inbox.name
    try:
        inboxes.delete(inbox)
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
        return web.go("inbox.show", inbox_id=inbox_id)
    audit.note("inbox.deleted", f"inbox {inbox_id}", {"name": name})
    db.session.commit()
    flash(f"“{name}” was deleted.", "success")
    return web.go("inbox.index")


def _index(form: InboxForm, status: int = 200) -> Response:
    every = inboxes.all_by_name()
    addresses = {one.inbox.id: inboxes.address(one.inbox) for one in every}
    return Response(render_template("inbox/index.html", inboxes=every, addresses=addresses, form=form), status)


def _ask(inbox: Inbox, title: str, text: str, label: str) -> Response:
    """The question that stands in a dialog where there is JavaScript, as a page."""
    back = url_for("inbox.show", inbox_id=inbox.id)
    return Response(
        render_template("confirm.html", title=title, text=text, label=label, kind="danger", action=request.path, back=back)
    )


def _page_url(inbox: Inbox, place: Place | None) -> str | None:
    return url_for("inbox.show", inbox_id=inbox.id, cursor=web.encode_cursor(*place.values)) if place else None

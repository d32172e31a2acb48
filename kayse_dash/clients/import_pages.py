"""Importing clients from a file: the upload, and one page for each import that shows whatever comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, flash, render_template, request, url_for
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients import import_downloads, import_files, import_forms, import_preview, import_words, imports
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_fields import TARGETS
from kayse_dash.clients.import_forms import ChoicesForm, LayoutForm
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.db import db, set_reading
from kayse_dash.errors import Conflict, InvalidInput
from kayse_dash.keyset import Place, Search, read
from kayse_dash.web import go, page_or_fragment

bp = Blueprint("imports", __name__, url_prefix="/clients/import")

LIST_ROWS = 20
SHOWN_REJECTS = 20
MULTIPART_ROOM = 64 * 1024  # bytes of a request beside the file
TOO_LARGE = "The file is larger than 500 MB. Split it into several files, then upload one after the other."
NO_FILE = "Choose a file first."


@bp.get("")
def index() -> Response:
    return _list_page()


def _list_page(fault: str | None = None) -> Response:
    place = Place.of(web.decode_cursor(request.args.get("cursor")))
    found = read(Search(Import.id), place, LIST_ROWS)
    older, newer = (
        url_for("imports.index", cursor=web.encode_cursor(*one.values)) if one else None for one in (found.older, found.newer)
    )
    return page_or_fragment(
        "imports/index.html",
        "imports/_upload.html" if request.method == "POST" else "imports/_list.html",
        status=422 if fault else 200,
        imports=[imports.get(import_id) for import_id in found.keys],
        badges=import_words.BADGES,
        older_url=older,
        newer_url=newer,
        fault=fault,
        largest=imports.LARGEST_FILE,
    )


@bp.post("")
@web.csrf.exempt  # looked at below: the token stands in a form that may only be read once the limit is raised
def upload() -> BaseResponse:
    request.max_content_length = imports.LARGEST_FILE + MULTIPART_ROOM
    request._get_file_stream = lambda *_args, **_named: import_files.new()  # type: ignore[method-assign]
    by = current_user.email
    # What is read now may take minutes, in which nobody else could write.
    db.session.rollback()
    try:
        given = request.files.get("file")
    except RequestEntityTooLarge:
        return _list_page(TOO_LARGE)
    if current_app.config["WTF_CSRF_ENABLED"]:
        web.csrf.protect()
    if given is None or not given.filename:
        return _list_page(NO_FILE)
    try:
        import_ = imports.create(given.stream, given.filename, by, clock.now())
    except InvalidInput as error:
        return _list_page(f"{given.filename}: {error}")
    audit.note("import.uploaded", f"import {import_.id}", {"file": import_.filename, "bytes": import_.size})
    db.session.commit()
    return go("imports.show", import_id=import_.id)


@bp.get("/sample.csv")
def sample() -> Response:
    return _download([import_downloads.sample()], "sample-clients.csv")


@bp.get("/<int:import_id>")
def show(import_id: int) -> Response:
    import_ = imports.get(import_id)
    may_choose = import_.state in (ImportState.UPLOADED, ImportState.CHECKED)
    part = "columns" if may_choose and request.args.get("columns") == "1" else import_words.PARTS[import_.state]
    return _page(import_, part)


def _page(import_: Import, part: str, *, status: int = 200, **context: Any) -> Response:
    """The page of an import with the part that is due, or that part alone."""
    now = clock.now()
    if part == "columns":
        try:
            context = _columns(import_) | context
        except (Conflict, InvalidInput) as error:
            part, context = "unreadable", {"fault": str(error)}
    return page_or_fragment(
        "imports/show.html",
        "imports/_import.html",
        status=status,
        import_=import_,
        part=part,
        badge_of=import_words.BADGES[import_.state],
        rejects=imports.rejects(import_.id, SHOWN_REJECTS),
        may_be_undone=imports.may_be_undone(import_, now),
        may_go_on=import_.state is ImportState.FAILED and import_files.uploaded(import_.id).exists(),
        moving=import_words.moving(import_),
        undo_words=import_words.undo(import_),
        download=import_words.download(import_),
        is_waiting=import_.state.is_moving and now - import_.stepped_at > 2 * imports.STALLED_AFTER,
        **context,
    )


def _columns(
    import_: Import,
    mapping: Mapping[int, str] | None = None,
    choices: Choices | None = None,
    faults: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What the choice of columns needs: as it was chosen before, or as it was typed just now."""
    if mapping is None:
        mapping = {int(place): target for place, target in import_.mapping.items()}
    choices = choices or Choices.from_json(import_.options)
    return {
        "columns": import_preview.columns(import_, mapping, faults or {}),
        "preview": import_preview.preview(import_, mapping, choices, clock.now().date()),
        "targets": TARGETS,
        "form": ChoicesForm.of(choices),
        "layout_form": LayoutForm.of(import_, imports.sheets(import_)),
        "duplicate_hints": import_forms.DUPLICATE_HINTS,
        "fault": (faults or {}).get("columns"),
    }


@bp.post("/<int:import_id>/preview")
def preview(import_id: int) -> Response:
    """The first rows by what is chosen right now; nothing is kept."""
    db.session.rollback()
    set_reading(True)
    import_ = imports.get(import_id)
    mapping, choices = _chosen(import_)
    found = import_preview.preview(import_, mapping, choices, clock.now().date())
    return Response(render_template("imports/_preview.html", preview=found, import_=import_))


@bp.post("/<int:import_id>/layout")
def lay_out(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    form = LayoutForm()
    imports.lay_out(import_, form.layout(import_), bool(form.headings.data))
    db.session.commit()
    return go("imports.show", import_id=import_id)


@bp.post("/<int:import_id>/check")
def check(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    mapping, choices = _chosen(import_)
    if request.form.get("go") == "preview":
        return _page(import_, "columns", **_columns(import_, mapping, choices))
    try:
        imports.check(import_, mapping, choices, clock.now())
    except InvalidInput as error:
        db.session.rollback()
        context = _columns(import_, mapping, choices, error.fields)
        context["form"].mark(error)
        return _page(import_, "columns", status=422, **context)
    db.session.commit()
    return _moved(import_)


@bp.post("/<int:import_id>/start")
def start(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    told = {"file": import_.filename, "new": import_.created, "updated": import_.updated}
    imports.start(import_, current_user.email, clock.now())
    audit.note("import.started", f"import {import_id}", told)
    db.session.commit()
    return _moved(import_)


@bp.post("/<int:import_id>/cancel")
def cancel(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    imports.cancel(import_, clock.now())
    if import_.state is ImportState.CANCELLED:
        audit.note("import.cancelled", f"import {import_id}", {"new": import_.created, "updated": import_.updated})
    db.session.commit()
    return _moved(import_)


@bp.post("/<int:import_id>/go-on")
def go_on(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    imports.go_on(import_, clock.now())
    audit.note("import.resumed", f"import {import_id}")
    db.session.commit()
    return _moved(import_)


@bp.post("/<int:import_id>/undo")
def undo(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    if request.form.get("confirmed") != "yes":
        return _ask(import_, "Undo this import?", import_words.undo(import_), "Undo the import")
    imports.undo(import_, clock.now())
    audit.note("import.undo_started", f"import {import_id}", {"clients": import_.undo_total})
    db.session.commit()
    return _moved(import_)


@bp.post("/<int:import_id>/remove")
def remove(import_id: int) -> BaseResponse:
    import_ = imports.get(import_id, lock=True)
    if request.form.get("confirmed") != "yes":
        return _ask(import_, "Remove this file?", "Nothing of it was imported.", "Remove")
    filename = import_.filename
    imports.remove(import_)
    audit.note("import.removed", f"import {import_id}", {"file": filename})
    db.session.commit()
    flash(f"“{filename}” was removed. Nothing of it was imported.", "success")
    return go("imports.index")


@bp.get("/<int:import_id>/rejected.csv")
@needs(Role.STAFF)
def rejected(import_id: int) -> Response:
    import_ = imports.get(import_id)
    name = import_.filename.rpartition(".")[0] or import_.filename
    return _download(import_downloads.rejected(db.engine, import_), f"{name} - rejected rows.csv")


def _chosen(import_: Import) -> tuple[dict[int, str], Choices]:
    mapping = import_forms.mapping(request.form, len(import_.columns))
    return mapping, ChoicesForm().chosen(Choices.from_json(import_.options))


def _moved(import_: Import) -> BaseResponse:
    """What there is to see after something was begun or stopped."""
    if web.wants_fragment():
        return _page(import_, import_words.PARTS[import_.state])
    return go("imports.show", import_id=import_.id)


def _ask(import_: Import, title: str, words: str, label: str) -> Response:
    """The question that stands in a dialog where there is JavaScript, as a page."""
    back = url_for("imports.show", import_id=import_.id)
    page = render_template("confirm.html", title=title, text=words, label=label, kind="danger", action=request.path, back=back)
    return Response(page)


def _download(pieces: Any, name: str) -> Response:
    response = Response(pieces, mimetype="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response

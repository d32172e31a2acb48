"""Settings for administrators: people, API keys, the audit trail."""

from __future__ import annotations

import json
import secrets
import shlex

from flask import Blueprint, Response, current_app, flash, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, web
from kayse_dash.accounts import api_keys, audit, passwords, users
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.forms import ApiKeyForm, UserForm, refuse
from kayse_dash.accounts.models import Role
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.events import catalogue

bp = Blueprint("admin", __name__)

AUDIT_PAGE = 50
LARGEST_AUDIT_ID = 2**63 - 1
FORMS_REMEMBERED = 10
EXAMPLE = "task_completed"


@bp.get("/settings/users")
@needs(Role.ADMIN)
def list_users() -> Response:
    return _users_page(UserForm(formdata=None))


@bp.post("/settings/users")
@needs(Role.ADMIN)
def add_user() -> BaseResponse:
    if _sent_before():
        return _shown_already("admin.list_users", "This person was added already, and the password was shown then.")
    form = UserForm()
    if not form.validate():
        return _users_page(form, 422)
    password = passwords.generated()
    try:
        user = users.create(form.email.data, form.name.data or "", Role(form.role.data), password, clock.now())
    except InvalidInput as error:
        db.session.rollback()
        refuse(form, error)
        return _users_page(form, 422)
    db.session.commit()
    _remember_sent()
    return _users_page(UserForm(formdata=None), person=user, password=password)


@bp.post("/settings/users/<int:user_id>/role")
@needs(Role.ADMIN)
def change_role(user_id: int) -> BaseResponse:
    user = users.get(user_id)
    role = request.form.get("role", "")
    if role not in list(Role):
        raise InvalidInput("There is no such role.")
    try:
        users.change_role(user, Role(role), clock.now())
    except Conflict as error:
        return _refused(error)
    db.session.commit()
    flash(f"{user.shown_name} is now: {user.role.label}.", "success")
    return web.go("admin.list_users")


@bp.post("/settings/users/<int:user_id>/password")
@needs(Role.ADMIN)
def reset_password(user_id: int) -> BaseResponse:
    user = users.get(user_id)
    if _sent_before():
        return _shown_already("admin.list_users", "The password was reset already, and the new one was shown then.")
    if not _confirmed():
        return _ask(
            f"Reset the password of {user.shown_name}?",
            "The old password stops working, and this person is logged out everywhere. The new password is shown to you once.",
            "Reset password",
            "admin.list_users",
        )
    password = passwords.generated()
    users.set_password(user, password, clock.now())
    db.session.commit()
    _remember_sent()
    return _users_page(UserForm(formdata=None), person=user, password=password)


@bp.post("/settings/users/<int:user_id>/deactivate")
@needs(Role.ADMIN)
def deactivate(user_id: int) -> BaseResponse:
    user = users.get(user_id)
    if not _confirmed():
        return _ask(
            f"Deactivate {user.shown_name}?",
            "This person is logged out everywhere and cannot log in until you reactivate the account.",
            "Deactivate",
            "admin.list_users",
        )
    try:
        users.deactivate(user, clock.now())
    except Conflict as error:
        return _refused(error)
    db.session.commit()
    flash(f"{user.shown_name} was deactivated.", "success")
    return web.go("admin.list_users")


@bp.post("/settings/users/<int:user_id>/reactivate")
@needs(Role.ADMIN)
def reactivate(user_id: int) -> BaseResponse:
    user = users.get(user_id)
    users.reactivate(user, clock.now())
    db.session.commit()
    flash(f"{user.shown_name} may log in again, with the old password.", "success")
    return web.go("admin.list_users")


@bp.get("/settings/api-keys")
@needs(Role.ADMIN)
def list_api_keys() -> Response:
    return _api_keys_page(ApiKeyForm(formdata=None))


@bp.post("/settings/api-keys")
@needs(Role.ADMIN)
def create_api_key() -> BaseResponse:
    if _sent_before():
        return _shown_already(
            "admin.list_api_keys", "This key was made and shown already. If it is lost, revoke it and make another."
        )
    form = ApiKeyForm()
    if not form.validate():
        return _api_keys_page(form, 422)
    try:
        key, text = api_keys.create(form.name.data, current_user.id, clock.now())
    except InvalidInput as error:
        refuse(form, error)
        return _api_keys_page(form, 422)
    db.session.commit()
    _remember_sent()
    return _api_keys_page(ApiKeyForm(formdata=None), made=key, text=text, example=_example(text))


@bp.post("/settings/api-keys/<int:key_id>/revoke")
@needs(Role.ADMIN)
def revoke_api_key(key_id: int) -> BaseResponse:
    key = api_keys.get(key_id)
    if not _confirmed():
        return _ask(
            f"Revoke the key “{key.name}”?",
            "Programs that use it are refused from now on. This cannot be undone.",
            "Revoke",
            "admin.list_api_keys",
        )
    api_keys.revoke(key, clock.now())
    db.session.commit()
    flash(f"The key “{key.name}” was revoked.", "success")
    return web.go("admin.list_api_keys")


@bp.get("/settings/audit")
@needs(Role.ADMIN)
def list_audit() -> BaseResponse:
    actor, action = (request.args.get(name, "").replace("\0", "") for name in ("actor", "action"))
    cursor = request.args.get("cursor")
    entries = audit.newest(limit=AUDIT_PAGE + 1, actor=actor, action=action, before_id=_before(cursor))
    shown, more = entries[:AUDIT_PAGE], len(entries) > AUDIT_PAGE
    filters = {"actor": actor or None, "action": action or None}
    actors, actions = audit.choices()
    return web.page_or_fragment(
        "accounts/audit.html",
        "accounts/_audit_entries.html",
        entries=shown,
        actor=actor,
        action=action,
        actors=[("", "Everybody")] + [(name, name) for name in _with(actors, actor)],
        actions=[("", "Everything")] + [(name, audit.action_words(name)) for name in _with(actions, action)],
        action_words=audit.action_words,
        details_words=audit.details_words,
        newest_url=url_for("admin.list_audit", **filters) if cursor else None,
        older_url=url_for("admin.list_audit", cursor=web.encode_cursor(shown[-1].id), **filters) if more else None,
    )


def _users_page(form: UserForm, status: int = 200, **shown_once: object) -> Response:
    page = render_template(
        "accounts/users.html",
        people=users.all_users(),
        roles=list(Role),
        form=form,
        once=_new_form_id(),
        address=_base_url(),
        **shown_once,
    )
    return Response(page, status)


def _api_keys_page(form: ApiKeyForm, status: int = 200, **shown_once: object) -> Response:
    makers = {user.id: user.shown_name for user in users.all_users()}
    page = render_template(
        "accounts/api_keys.html", keys=api_keys.all_keys(), makers=makers, form=form, once=_new_form_id(), **shown_once
    )
    return Response(page, status)


def _example(key: str) -> str:
    """A command for a terminal that reports an event with this key."""
    body = json.dumps({"event": EXAMPLE, "data": catalogue.find(EXAMPLE).sample})
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(f'{_base_url()}/v1/events')}",
            f"-H {shlex.quote(f'X-API-KEY: {key}')}",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(body)}",
        )
    )


def _base_url() -> str:
    return current_app.extensions["kayse_settings"].base_url


def _refused(error: Conflict) -> BaseResponse:
    db.session.rollback()
    flash(str(error), "error")
    return web.go("admin.list_users")


def _confirmed() -> bool:
    return request.form.get("confirmed") == "yes"


def _ask(title: str, text: str, label: str, back: str) -> Response:
    """The question that stands in a dialog where there is JavaScript, as a page."""
    fields = {"once": request.form.get("once", "")}
    page = render_template(
        "confirm.html", title=title, text=text, label=label, kind="danger", action=request.path, back=url_for(back), fields=fields
    )
    return Response(page)


def _before(cursor: str | None) -> int | None:
    values = web.decode_cursor(cursor)
    if values is None:
        return None
    if len(values) != 1 or type(values[0]) is not int or not 0 < values[0] <= LARGEST_AUDIT_ID:
        raise NotFound("This page of the audit trail does not exist.")
    return values[0]


def _with(names: list[str], chosen: str) -> list[str]:
    return names if not chosen or chosen in names else [*names, chosen]


# What is shown once is part of the answer to a post, and a browser that reloads it posts again. Every such form has an
# id of its own; the session keeps the ids of those that were carried out.


def _new_form_id() -> str:
    return secrets.token_hex(6)


def _form_id() -> str:
    return f"{request.path} {request.form.get('once', '')[:20]}"


def _sent_before() -> bool:
    return bool(request.form.get("once")) and _form_id() in session.get("sent", [])


def _remember_sent() -> None:
    session["sent"] = [*session.get("sent", []), _form_id()][-FORMS_REMEMBERED:]


def _shown_already(endpoint: str, text: str) -> BaseResponse:
    flash(text, "info")
    return web.go(endpoint)

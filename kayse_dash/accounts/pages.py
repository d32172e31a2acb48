"""Login, set-up, and one's own account."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse

from kayse_dash import clock, web, words
from kayse_dash.accounts import audit, passwords, sessions, setup, throttle, users
from kayse_dash.accounts.access import needs, public
from kayse_dash.accounts.forms import LoginForm, NameForm, PasswordForm, SetupForm, refuse
from kayse_dash.accounts.models import Role, User
from kayse_dash.config import Settings
from kayse_dash.db import db, reading
from kayse_dash.errors import Conflict, InvalidInput

bp = Blueprint("accounts", __name__)

WRONG_LOGIN = "Wrong email or password."


@bp.get("/login")
@public
def login() -> BaseResponse:
    if not users.any_user():
        return redirect(url_for("accounts.set_up"))
    if current_user.is_authenticated:
        return redirect(_where_to())
    return _login_page(LoginForm(formdata=None))


@bp.post("/login")
@public
def log_in() -> BaseResponse:
    form = LoginForm()
    if not form.validate():
        return _login_page(form, 422)
    address, email = request.remote_addr or "", form.email.data
    if wait := throttle.count_login(address, email):
        return _wait(wait, lambda fault: _login_page(form, 429, fault))
    with reading():
        user = users.by_email(email)
    right = passwords.verify(user, form.password.data)
    _note_login(user, right)
    db.session.commit()
    if not right:
        return _login_page(form, 422, WRONG_LOGIN)
    throttle.login_was_right(address, email)
    sessions.begin(user, clock.now())
    return redirect(_where_to(), code=303)


@bp.post("/logout")
@public
def logout() -> BaseResponse:
    sessions.end()
    flash("You are logged out.", "info")
    return web.go("accounts.login")


@bp.get("/setup")
@public
def set_up() -> BaseResponse:
    if users.any_user():
        return redirect(url_for("accounts.login"))
    setup.setup_code(_settings().data_dir)
    return _setup_page(SetupForm(formdata=None))


@bp.post("/setup")
@public
def finish_setup() -> BaseResponse:
    if users.any_user():
        return web.go("accounts.login")
    form = SetupForm()
    if not form.validate():
        return _setup_page(form, 422)
    address = request.remote_addr or ""
    if wait := throttle.count_setup(address):
        return _wait(wait, lambda fault: _setup_page(form, 429, fault))
    if not setup.is_setup_code(_settings().data_dir, form.code.data):
        form.code.errors = ["This is not the code. It was printed where the application was started."]
        return _setup_page(form, 422)
    throttle.setup_code_was_right(address)
    try:
        user = users.create_first(form.email.data, form.name.data or "", form.password.data, clock.now())
    except InvalidInput as error:
        refuse(form, error)
        return _setup_page(form, 422)
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "info")
        return web.go("accounts.login")
    user.last_login_at = clock.now()
    db.session.commit()
    setup.forget_setup_code(_settings().data_dir)
    sessions.begin(user, clock.now())
    return redirect("/", code=303)


@bp.get("/account")
def account() -> BaseResponse:
    return _account_page(NameForm(formdata=None, name=current_user.name), PasswordForm(formdata=None))


@bp.post("/account/name")
@needs(Role.VIEWER)
def rename() -> BaseResponse:
    form = NameForm()
    try:
        users.rename(_me(), form.name.data or "", clock.now())
    except InvalidInput as error:
        refuse(form, error)
        return _account_page(form, PasswordForm(formdata=None), 422)
    db.session.commit()
    flash("Your name was saved.", "success")
    return web.go("accounts.account")


@bp.post("/account/password")
@needs(Role.VIEWER)
def change_password() -> BaseResponse:
    form, user = PasswordForm(), _me()
    names = NameForm(formdata=None, name=user.name)
    if not form.validate():
        return _account_page(names, form, 422)
    if wait := throttle.count_password_change(user.id):
        return _wait(wait, lambda fault: _account_page(names, form, 429, fault))
    if not passwords.verify(user, form.current.data):
        form.current.errors = ["This is not your current password."]
        return _account_page(names, form, 422)
    throttle.password_was_right(user.id)
    try:
        users.set_password(user, form.password.data, clock.now())
    except InvalidInput as error:
        refuse(form, error)
        return _account_page(names, form, 422)
    db.session.commit()
    sessions.begin(user, clock.now())
    flash("Your password was changed. Wherever else you were logged in, you are logged out now.", "success")
    return web.go("accounts.account")


def _login_page(form: FlaskForm, status: int = 200, fault: str | None = None) -> Response:
    action = url_for("accounts.log_in", next=request.args.get("next") or None)
    return Response(render_template("accounts/login.html", form=form, fault=fault, action=action), status)


def _setup_page(form: FlaskForm, status: int = 200, fault: str | None = None) -> Response:
    return Response(render_template("accounts/setup.html", form=form, fault=fault, file=setup.FILE), status)


def _account_page(names: FlaskForm, new_password: FlaskForm, status: int = 200, fault: str | None = None) -> Response:
    return Response(render_template("accounts/account.html", names=names, new_password=new_password, fault=fault), status)


def _wait(seconds: int, page: Callable[[str], Response]) -> Response:
    whole_minutes = -(-seconds // 60) * 60
    response = page(f"Too many tries. Please wait {words.wait(whole_minutes)}, then try again.")
    response.headers["Retry-After"] = str(seconds)
    return response


def _note_login(user: User | None, right: bool) -> None:
    # An unknown address is not written down: people type passwords into the wrong field.
    subject = f"user {user.id}" if user else "nobody we know"
    details = {"email": user.email} if user else {}
    if right:
        user.last_login_at = clock.now()
        audit.note("user.logged_in", subject, details, actor=user.email)
    else:
        audit.note("user.login_failed", subject, details, actor="somebody")


def _where_to() -> str:
    return web.local_path(request.args.get("next"), "/")


def _me() -> User:
    return current_user._get_current_object()


def _settings() -> Settings:
    return current_app.extensions["kayse_settings"]

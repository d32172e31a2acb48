"""Who may open which page: one guard before every request, the login manager behind it.

Without a mark a page needs a login, and an unsafe method needs staff. `@public` and `@needs(role)` on the view say otherwise.
The API below /v1 has keys instead and is not concerned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, abort, current_app, redirect, request, url_for
from flask_login import LoginManager, current_user

from kayse_dash import clock
from kayse_dash.accounts import sessions
from kayse_dash.accounts.models import Role, User
from kayse_dash.db import db

View = TypeVar("View", bound=Callable[..., Any])

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

login_manager = LoginManager()


def public(view: View) -> View:
    """Mark a view that needs no login."""
    view.access_public = True  # type: ignore[attr-defined]
    return view


def needs(role: Role) -> Callable[[View], View]:
    """Mark a view that only `role` and those above may use, whatever the method."""

    def mark(view: View) -> View:
        view.access_role = role  # type: ignore[attr-defined]
        return view

    return mark


def role_needed(view: Callable[..., Any], method: str) -> Role | None:
    """The lowest role that may use `view` with `method`; None when no login is needed."""
    if getattr(view, "access_public", False):
        return None
    return getattr(view, "access_role", Role.VIEWER if method in SAFE_METHODS else Role.STAFF)


def may(role: str) -> bool:
    """Whether the person who is logged in has at least `role`; for templates, to leave out what would be refused."""
    return current_user.is_authenticated and current_user.may(Role(role))


def init_app(app: Flask) -> None:
    login_manager.init_app(app)
    app.before_request(_guard)
    app.jinja_env.globals["may"] = may


@login_manager.user_loader
def _load(session_id: str) -> User | None:
    user_id, _, version = session_id.partition(".")
    if not user_id.isdigit() or not version.isdigit():
        return None
    user = db.session.get(User, int(user_id))
    return user if user and user.active and user.session_version == int(version) else None


def _guard() -> Response | None:
    if request.endpoint is None or request.endpoint == "static" or request.path.startswith("/v1/"):
        return None
    role = role_needed(current_app.view_functions[request.endpoint], request.method)
    if role is None:
        return None
    if not current_user.is_authenticated:
        target = url_for("accounts.login", next=request.full_path.rstrip("?") if request.method == "GET" else None)
        if request.htmx:
            return Response(status=401, headers={"HX-Redirect": target})
        return redirect(target)
    if not current_user.may(role):
        abort(403)
    sessions.renew(clock.now())
    return None

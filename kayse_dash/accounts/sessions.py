"""Being logged in: a signed cookie that lasts two weeks from the last visit."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import session
from flask_login import login_user, logout_user

from kayse_dash.accounts.models import User

LASTS = timedelta(days=14)
RENEWED_EVERY = timedelta(hours=1)


def begin(user: User, now: datetime) -> None:
    """Log `user` in on this browser, in a session that shares nothing with what was there before."""
    session.clear()
    login_user(user)
    session.permanent = True
    session["renewed"] = int(now.timestamp())


def end() -> None:
    """Log out on this browser."""
    logout_user()
    session.clear()


def renew(now: datetime) -> None:
    """Let the two weeks begin anew.

    Not on every request, as Flask would: the answer to a poll that was under way while somebody logged out, or while a
    message was put by for the next page, would bring the old cookie back.
    """
    due = int((now - RENEWED_EVERY).timestamp())
    if "_user_id" in session and session.get("renewed", 0) <= due:
        session.permanent = True
        session["renewed"] = int(now.timestamp())

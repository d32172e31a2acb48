"""People who can really log in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from argon2 import PasswordHasher
from flask import Flask

from kayse_dash.accounts import passwords, users
from kayse_dash.accounts.models import Role, User
from kayse_dash.db import db
from tests.visitors import Visitor

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
PASSWORD = "four calm grey herons"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> PasswordHasher:
    """argon2 with parameters that cost a millisecond; the value is the hasher that the product uses."""
    usual = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return usual


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = Visitor
    return app


@pytest.fixture
def ada(app: Flask) -> User:
    """The administrator `ada@firm.test`."""
    return add_user("ada@firm.test", Role.ADMIN, name="Ada")


@pytest.fixture
def sam(ada: User) -> User:
    """`sam@firm.test`, of the staff."""
    return add_user("sam@firm.test", Role.STAFF, name="Sam")


def add_user(email: str, role: Role, name: str = "") -> User:
    user = users.create(email, name, role, PASSWORD, NOW)
    db.session.commit()
    return user

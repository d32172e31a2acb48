"""API keys: shown once, kept as a hash, cheap to check."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.accounts import api_keys
from kayse_dash.accounts.models import ApiKey, AuditEntry, User
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput, NotFound
from tests.accounts.conftest import NOW
from tests.conftest import on_both_databases


@pytest.fixture
def made(app: Flask) -> tuple[ApiKey, str]:
    key, text = api_keys.create("Phone agents", None, NOW)
    db.session.commit()
    return key, text


def test_a_key_has_its_shape_and_only_its_hash_is_kept(made: tuple[ApiKey, str]) -> None:
    key, text = made
    assert re.fullmatch(r"kd_[a-z0-9]{8}_[A-Za-z0-9_-]{32,}", text)
    assert text.startswith(f"kd_{key.prefix}_")
    secret = text.removeprefix(f"kd_{key.prefix}_")
    for table in (ApiKey, AuditEntry):
        assert db.session.execute(sa.select(table.__table__)).all()
        assert not [row for row in db.session.execute(sa.select(table.__table__)) if secret in str(row)]


@on_both_databases
def test_a_key_is_recognised_without_a_transaction_left_open(made: tuple[ApiKey, str]) -> None:
    key, text = made
    wanted = key.id
    db.session.commit()
    found = api_keys.authenticate(text, NOW)
    assert found is not None
    assert not db.session().in_transaction()
    assert (found.id, found.name) == (wanted, "Phone agents")
    assert not db.session().in_transaction()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: None,
        lambda text: "",
        lambda text: text + "x",
        lambda text: text[:-1],
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "\n",
        lambda text: text.upper(),
        lambda text: text.removeprefix("kd_"),
        lambda text: text.replace("kd_", "kd_\0", 1),
        lambda text: "kd_aaaaaaaa_" + text[12:],
        lambda text: "kd_aaaaaaaa_" + "é" * 40,
        lambda text: "\ud800" * 50,
        lambda text: text * 10_000,
    ],
)
def test_anything_else_is_none_of_our_keys(made: tuple[ApiKey, str], spoil) -> None:
    assert api_keys.authenticate(spoil(made[1]), NOW) is None


def test_a_revoked_key_is_refused_at_once(made: tuple[ApiKey, str]) -> None:
    key, text = made
    api_keys.revoke(key, NOW)
    api_keys.revoke(key, NOW + timedelta(days=1))
    db.session.commit()
    assert key.revoked_at == NOW
    assert api_keys.authenticate(text, NOW) is None
    actions = db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["api_key.created", "api_key.revoked"]


@on_both_databases
def test_the_last_use_is_written_at_most_once_a_minute(made: tuple[ApiKey, str]) -> None:
    key, text = made

    def last_used_after(seconds: int):
        db.session.commit()
        assert api_keys.authenticate(text, NOW + timedelta(seconds=seconds))
        return (key.last_used_at - NOW).total_seconds()

    assert [last_used_after(seconds) for seconds in (0, 30, 59, 60, 61, 119, 121)] == [0, 0, 0, 60, 60, 60, 121]


def test_a_wrong_guess_at_a_key_is_no_use_of_it(made: tuple[ApiKey, str]) -> None:
    key, text = made
    api_keys.authenticate(text[:-3] + "xyz", NOW)
    assert key.last_used_at is None


@pytest.mark.parametrize("name", ["", "   ", "a" * 121, "nul\0"])
def test_a_key_needs_a_name(app: Flask, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        api_keys.create(name, None, NOW)
    assert "name" in refusal.value.fields


def test_a_key_is_found_by_its_prefix(made: tuple[ApiKey, str]) -> None:
    key, text = made
    for written in (key.prefix, f"kd_{key.prefix}", text, f" {text} "):
        assert api_keys.by_prefix(written) is key
    for written in ("", "kd_", "nonesuch", "nul\0"):
        with pytest.raises(NotFound):
            api_keys.by_prefix(written)


def test_keys_in_use_come_before_revoked_ones_and_the_newest_first(app: Flask, ada: User) -> None:
    for name in ("first", "second", "third"):
        api_keys.create(name, ada.id, NOW)
    db.session.flush()
    api_keys.revoke(api_keys.get(3), NOW)
    assert [key.name for key in api_keys.all_keys()] == ["second", "first", "third"]


@pytest.mark.parametrize("key_id", [0, 7, 2**31, 10**40])
def test_an_id_that_no_key_has_is_not_found(app: Flask, key_id: int) -> None:
    with pytest.raises(NotFound):
        api_keys.get(key_id)

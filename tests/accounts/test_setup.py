"""The one-time code, and the administrator of the environment."""

from __future__ import annotations

import re
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.accounts import passwords, setup, users
from kayse_dash.accounts.models import AuditEntry, Role, User
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.errors import ConfigError
from tests.accounts.conftest import NOW, PASSWORD


def test_the_code_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    code = setup.setup_code(tmp_path)
    assert re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{4}", code)
    assert setup.setup_code(tmp_path) == code
    assert stat.S_IMODE((tmp_path / setup.FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [setup.FILE]


def test_processes_that_start_together_agree_on_the_code(tmp_path: Path) -> None:
    codes: list[str] = []
    threads = [threading.Thread(target=lambda: codes.append(setup.setup_code(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == 8
    assert len(set(codes)) == 1


def test_the_code_may_be_typed_as_people_type(tmp_path: Path) -> None:
    assert not setup.is_setup_code(tmp_path, "")
    code = setup.setup_code(tmp_path)
    for typed in (code, code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert setup.is_setup_code(tmp_path, typed)
    for typed in ("", code[:-1], code + "2", "AAAA-AAAA", "\0", "\ud800", "é" * 8):
        assert not setup.is_setup_code(tmp_path, typed)


def test_a_forgotten_code_is_no_longer_one(tmp_path: Path) -> None:
    code = setup.setup_code(tmp_path)
    setup.forget_setup_code(tmp_path)
    setup.forget_setup_code(tmp_path)
    assert not setup.is_setup_code(tmp_path, code)
    assert not setup.is_setup_code(tmp_path, "")


def test_with_nobody_there_the_start_prints_the_code(app: Flask, settings: Settings) -> None:
    code = setup.ensure_first_admin(settings, NOW)
    assert code == setup.setup_code(settings.data_dir)
    assert not db.session().in_transaction()


def test_the_environment_names_the_first_administrator(app: Flask, settings: Settings) -> None:
    setup.setup_code(settings.data_dir)
    settings = replace(settings, admin_email="Ada@Firm.test", admin_password=PASSWORD)
    assert setup.ensure_first_admin(settings, NOW) is None
    user = users.by_email("ada@firm.test")
    assert (user.role, user.created_at) == (Role.ADMIN, NOW)
    assert passwords.verify(user, PASSWORD)
    assert not (settings.data_dir / setup.FILE).exists()
    assert db.session.scalar(sa.select(AuditEntry.actor)) == "Kayse Dash"


def test_later_starts_leave_people_as_they_are(ada: User, settings: Settings) -> None:
    setup.setup_code(settings.data_dir)
    for email, password in ((None, None), ("eve@firm.test", "another long password"), ("nonsense", None)):
        assert setup.ensure_first_admin(replace(settings, admin_email=email, admin_password=password), NOW) is None
    assert db.session.scalars(sa.select(User.email)).all() == ["ada@firm.test"]
    assert not (settings.data_dir / setup.FILE).exists()


@pytest.mark.parametrize(
    ("email", "password", "named"),
    [
        ("ada@firm.test", None, "KAYSE_ADMIN_PASSWORD"),
        (None, PASSWORD, "KAYSE_ADMIN_EMAIL"),
        ("nonsense", PASSWORD, "KAYSE_ADMIN_EMAIL"),
        ("ada@firm.test", "short", "KAYSE_ADMIN_PASSWORD"),
        ("adalovelace@firm.test", "adalovelace@firm.test", "KAYSE_ADMIN_PASSWORD"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(
    app: Flask, settings: Settings, email: str | None, password: str | None, named: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{named}") as refusal:
        setup.ensure_first_admin(replace(settings, admin_email=email, admin_password=password), NOW)
    assert not users.any_user()
    if password:
        assert password not in str(refusal.value).replace("adalovelace@firm.test is", "")

"""The commands for people and keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner

from kayse_dash import clock, create_app
from kayse_dash.accounts import api_keys, passwords, users
from kayse_dash.accounts.models import Role, User
from kayse_dash.config import Settings
from kayse_dash.db import db
from tests.accounts.conftest import PASSWORD


@pytest.fixture
def run(app: Flask):
    """`run("user", "list")` runs that command; no transaction is open before and after."""
    runner: FlaskCliRunner = app.test_cli_runner()

    def command(*words: str, stdin: str | bytes | None = None) -> Result:
        db.session.commit()
        result = runner.invoke(args=words, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        db.session.rollback()
        return result

    return command


def assert_refused(result: Result, words: str) -> None:
    """One line on stderr, nothing on stdout, exit code 1."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


def test_a_person_is_made_with_a_password_from_standard_input(run) -> None:
    result = run("user", "create", "Ada@firm.test", "--role", "admin", "--name", "Ada", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "Added ada@firm.test (Administrator).\n")
    ada = users.by_email("ada@firm.test")
    assert (ada.name, ada.role) == ("Ada", Role.ADMIN)
    assert passwords.verify(ada, PASSWORD)


def test_a_password_that_is_typed_is_asked_for_twice_and_not_shown(run) -> None:
    result = run(
        "user", "create", "ada@firm.test", "--role", "admin", stdin=f"{PASSWORD}\nsomething else\n{PASSWORD}\n{PASSWORD}\n"
    )
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert passwords.verify(users.by_email("ada@firm.test"), PASSWORD)


@pytest.mark.parametrize(
    ("email", "role", "password", "words"),
    [
        ("nonsense", "admin", PASSWORD, "Enter an email address"),
        ("eve@firm.test", "admin", "short", "at least 10"),
        ("eve@firm.test", "admin", "", "at least 10"),
        ("eve@firm.test", "staff", PASSWORD, "The first person must be an administrator."),
    ],
)
def test_a_person_who_cannot_be_made_is_explained_in_one_line(run, email: str, role: str, password: str, words: str) -> None:
    assert_refused(run("user", "create", email, "--role", role, "--password-stdin", stdin=f"{password}\n"), words)
    assert not users.any_user()


def test_an_address_that_is_taken_is_refused(run, ada: User) -> None:
    result = run("user", "create", "ADA@firm.test", "--role", "viewer", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert_refused(result, "Somebody with this email has an account already.")


def test_the_list_shows_role_and_state(run, ada: User, sam: User) -> None:
    users.deactivate(sam, clock.now())
    lines = run("user", "list").stdout.splitlines()
    assert lines[0].startswith("ada@firm.test\tAdministrator\t")
    assert lines[1].startswith("sam@firm.test\tStaff, deactivated\t")


def test_a_new_password_is_given(run, ada: User) -> None:
    before = ada.get_id()
    result = run("user", "password", "ADA@firm.test", "--password-stdin", stdin="another long password\r\n")
    assert result.exit_code == 0
    assert ada.get_id() != before
    assert passwords.verify(ada, "another long password")
    assert_refused(run("user", "password", "eve@firm.test", "--password-stdin", stdin=PASSWORD), "Nobody has the email")


def test_a_key_stands_alone_on_the_last_line(run) -> None:
    result = run("api-key", "create", "Phone agents")
    assert result.exit_code == 0
    text = result.stdout.splitlines()[-1]
    assert api_keys.authenticate(text, clock.now()).name == "Phone agents"
    secret = text.split("_", 2)[2]
    assert secret not in run("api-key", "list").output


def test_a_key_is_revoked_by_its_prefix(run) -> None:
    text = run("api-key", "create", "Phone agents").stdout.splitlines()[-1]
    prefix = text[:11]
    assert run("api-key", "list").stdout.startswith(f"{prefix}\tPhone agents\tmade ")
    assert run("api-key", "revoke", prefix).exit_code == 0
    assert api_keys.authenticate(text, clock.now()) is None
    assert "revoked" in run("api-key", "list").stdout
    assert_refused(run("api-key", "revoke", prefix), "was revoked on")
    assert_refused(run("api-key", "revoke", "kd_nonesuch"), "No API key")


def test_a_key_without_a_name_is_refused(run) -> None:
    assert_refused(run("api-key", "create", " "), "which program")


def test_the_commands_say_that_there_are_no_tables_yet(tmp_path: Path) -> None:
    app = create_app(Settings.from_env({"KAYSE_DATA_DIR": str(tmp_path)}))
    for words in (["user", "list"], ["user", "create", "a@firm.test", "--role", "admin"], ["api-key", "create", "x"]):
        result = app.test_cli_runner().invoke(args=words)
        assert_refused(result, "Run `make run` or `flask --app app db upgrade` first.")


def test_a_database_that_cannot_be_reached_is_explained(tmp_path: Path) -> None:
    address = "postgresql://nobody@127.0.0.1:1/nothing"
    app = create_app(Settings.from_env({"KAYSE_DATA_DIR": str(tmp_path), "DATABASE_URL": address}))
    assert_refused(app.test_cli_runner().invoke(args=["user", "list"]), "The database did not answer")

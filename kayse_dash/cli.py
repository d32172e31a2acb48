"""The flask commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import sqlalchemy as sa
from flask import Flask
from flask.cli import AppGroup

from kayse_dash import clock, words
from kayse_dash.accounts import api_keys, users
from kayse_dash.accounts.models import Role, User
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput, KayseError

P = ParamSpec("P")
R = TypeVar("R")

ROLE = click.Choice([role.value for role in Role])


def init_app(app: Flask) -> None:
    for command in (user_commands(), api_key_commands()):
        app.cli.add_command(command)


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end with one line on stderr and exit code 1 where it cannot do what it was asked."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            if not sa.inspect(db.engine).has_table(User.__tablename__):
                raise click.ClickException("There is no database yet. Run `make run` or `flask --app app db upgrade` first.")
            return command(*args, **kwargs)
        except InvalidInput as error:
            raise click.ClickException(" ".join(error.fields.values()) or str(error)) from error
        except KayseError as error:
            raise click.ClickException(str(error)) from error
        except sa.exc.DBAPIError as error:
            raise click.ClickException(f"The database did not answer as it should: {str(error.orig).splitlines()[0]}") from error

    return run


def user_commands() -> click.Group:
    group = AppGroup("user", help="People who may log in.")

    @group.command("create")
    @click.argument("email")
    @click.option("--role", type=ROLE, required=True, help="What this person may do.")
    @click.option("--name", default="", help="How this person is called on the pages.")
    @click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
    @plain_errors
    def create(email: str, role: str, name: str, password_stdin: bool) -> None:
        """Add a person."""
        user = users.create(email, name, Role(role), _password(password_stdin), clock.now())
        db.session.commit()
        click.echo(f"Added {user.email} ({user.role.label}).")

    @group.command("list")
    @plain_errors
    def list_all() -> None:
        """Show who has an account."""
        for user in users.all_users():
            state = "" if user.active else ", deactivated"
            click.echo(f"{user.email}\t{user.role.label}{state}\tlast login {words.exact(user.last_login_at)}")

    @group.command("password")
    @click.argument("email")
    @click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
    @plain_errors
    def password(email: str, password_stdin: bool) -> None:
        """Give a person a new password; it ends their sessions."""
        user = users.by_email(email)
        if user is None:
            raise click.ClickException(f"Nobody has the email {email}.")
        users.set_password(user, _password(password_stdin), clock.now())
        db.session.commit()
        click.echo(f"{user.email} has a new password and is logged out everywhere.")

    return group


def api_key_commands() -> click.Group:
    group = AppGroup("api-key", help="Keys of the JSON API.")

    @group.command("create")
    @click.argument("name")
    @plain_errors
    def create(name: str) -> None:
        """Make a key and print it, once, alone on the last line."""
        key, text = api_keys.create(name, None, clock.now())
        db.session.commit()
        click.echo(f"The key for {key.name}. It cannot be shown again:")
        click.echo(text)

    @group.command("list")
    @plain_errors
    def list_all() -> None:
        """Show every key by the letters it begins with."""
        for key in api_keys.all_keys():
            state = f"revoked {words.exact(key.revoked_at)}" if key.revoked_at else f"last used {words.exact(key.last_used_at)}"
            click.echo(f"kd_{key.prefix}\t{key.name}\tmade {words.exact(key.created_at)}\t{state}")

    @group.command("revoke")
    @click.argument("prefix")
    @plain_errors
    def revoke(prefix: str) -> None:
        """Refuse a key from now on."""
        key = api_keys.by_prefix(prefix)
        if key.revoked_at:
            raise click.ClickException(f"The key {key.name} was revoked on {words.exact(key.revoked_at)}.")
        api_keys.revoke(key, clock.now())
        db.session.commit()
        click.echo(f"Revoked the key {key.name}.")

    return group


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    db.session.rollback()  # on SQLite nobody could write while this waits for somebody to type
    return click.prompt("Password", hide_input=True, confirmation_prompt="The same password again")

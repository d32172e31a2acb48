"""The flask commands."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from itertools import islice
from typing import ParamSpec, TypeVar

import click
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

from kayse_dash import clock, demo, retention, words
from kayse_dash.accounts import api_keys, users
from kayse_dash.accounts.models import Role, User
from kayse_dash.db import db, reading
from kayse_dash.errors import InvalidInput, KayseError
from kayse_dash.webhooks import reconcile

P = ParamSpec("P")
R = TypeVar("R")

PAUSE_S = 0.02  # between two steps of a purge, so that others get their turn
PURGED = {
    "events": ("event",),
    "tests": ("test",),
    "deliveries": ("delivery", "deliveries"),
    "attempts": ("attempt",),
    "transfers": ("transfer",),
    "idempotency_keys": ("idempotency key",),
    "inbox_messages": ("message of test inboxes", "messages of test inboxes"),
    "uploads": ("unused upload",),
    "import_rows": ("row kept of imports", "rows kept of imports"),
}
PROBLEMS_SHOWN = 100
ROLE = click.Choice([role.value for role in Role])


def init_app(app: Flask) -> None:
    for command in (user_commands(), api_key_commands(), demo_command(), purge_command(), reconcile_command()):
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


def demo_command() -> click.Command:
    @click.command("demo")
    @click.option("--remove", is_flag=True, help="Take the sample firm away again, with its events.")
    @with_appcontext
    @plain_errors
    def load(remove: bool) -> None:
        """Load a sample firm: clients, campaigns, agents, webhooks, a month of events, and ten minutes of live ones."""
        if remove:
            removed = demo.remove(clock.now())
            click.echo(f"Removed {removed.in_words}.")
            for reason in removed.kept:
                click.echo(f"Not removed: {reason}")
            return
        loaded = demo.load(clock.now())
        base_url = current_app.extensions["kayse_settings"].base_url
        click.echo(loaded.in_words)
        click.echo(f"{words.plural(loaded.events, 'event was', 'events were')} recorded.")
        click.echo("New events come in for the next ten minutes." if loaded.live else "No live events: Redis does not answer.")
        click.echo(f"Overview:     {base_url}/")
        click.echo(f"Clients:      {base_url}/clients")
        click.echo(f"Deliveries:   {base_url}/deliveries")
        click.echo(f"What arrives: {base_url}/inboxes/{loaded.inboxes[0].id}")

    return load


def purge_command() -> click.Command:
    @click.command("purge")
    @click.option(
        "--older-than",
        type=click.IntRange(1, 36500),
        default=retention.KEPT_DAYS,
        show_default=True,
        metavar="DAYS",
        help="How old events, their deliveries, transfers and the messages of test inboxes must be.",
    )
    @with_appcontext
    @plain_errors
    def purge(older_than: int) -> None:
        """Delete what is old: events with all that belongs to them, once nothing of it is still to be sent."""
        total: Counter[str] = Counter()
        for step in retention.Plan(clock.now(), timedelta(days=older_than)).steps:
            while gone := step():
                db.session.commit()
                total += gone
                time.sleep(PAUSE_S)
            db.session.rollback()
        click.echo(f"Deleted {', '.join(words.plural(total[what], *nouns) for what, nouns in PURGED.items())}.")

    return purge


def reconcile_command() -> click.Command:
    @click.command("reconcile")
    @with_appcontext
    @plain_errors
    def check() -> None:
        """Prove that nothing was lost; exit 1 and list what is wrong if not."""
        report = reconcile.Report()
        with reading():
            problems = list(islice(reconcile.check(clock.now(), report), PROBLEMS_SHOWN + 1))
            db.session.rollback()
        for problem in problems[:PROBLEMS_SHOWN]:
            click.echo(f"event {problem.event_id}, webhook {problem.endpoint_id}: {problem.words}")
        if problems:
            found = f"more than {PROBLEMS_SHOWN}" if len(problems) > PROBLEMS_SHOWN else f"{len(problems)}"
            raise click.ClickException(f"This is not as it must be ({found} in all).")
        states = ", ".join(f"{words.state_words(state).lower()} {count:,}" for state, count in sorted(report.by_state.items()))
        click.echo(f"events {report.events:,}, deliveries {report.deliveries:,}" + (f" ({states})" if states else ""))
        click.echo("Nothing is lost.")

    return check


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    db.session.rollback()  # on SQLite nobody could write while this waits for somebody to type
    return click.prompt("Password", hide_input=True, confirmation_prompt="The same password again")

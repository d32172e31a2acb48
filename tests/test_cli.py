"""The commands for the sample firm, for retention, and for the proof that nothing was lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State
from tests.factories import make_delivery, make_endpoint, make_event

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """`run("purge")` runs that command; no transaction is open before and after."""

    def command(*words: str) -> Result:
        db.session.commit()
        result = app.test_cli_runner().invoke(args=words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        db.session.rollback()
        return result

    return command


def test_the_sample_firm_is_loaded_and_the_command_says_where_to_look(run: Run) -> None:
    result = run("demo")
    assert result.exit_code == 0
    first, recorded, *rest = result.stdout.splitlines()
    assert first == "The sample firm is there: 200 clients, 6 campaigns, 8 agents, 2 webhooks, 2 test inboxes."
    assert re.fullmatch(r"4\d\d events were recorded\.", recorded)
    assert rest == [
        "New events come in for the next ten minutes.",
        "Overview:     http://127.0.0.1:8000/",
        "Clients:      http://127.0.0.1:8000/clients",
        "Deliveries:   http://127.0.0.1:8000/deliveries",
        "What arrives: http://127.0.0.1:8000/inboxes/1",
    ]
    assert "0 events were recorded." in run("demo").stdout


def test_the_sample_firm_is_removed(run: Run) -> None:
    run("demo")
    result = run("demo", "--remove")
    assert result.exit_code == 0
    assert re.fullmatch(
        r"Removed 2 webhooks, 2 test inboxes, 6 campaigns, 8 agents, 200 clients and 4\d\d events\.\n", result.stdout
    )


def test_a_sample_campaign_in_use_is_not_removed_and_named(run: Run) -> None:
    run("demo")
    make_endpoint(name="Clio intake", campaign_ids=[1])
    result = run("demo", "--remove")
    assert result.exit_code == 0
    assert "5 campaigns" in result.stdout
    assert "Not removed: " in result.stdout
    assert "Clio intake" in result.stdout


def test_a_purge_says_what_it_deleted(run: Run) -> None:
    make_delivery(now=clock.now() - timedelta(days=100), state=State.DELIVERED)
    make_delivery(now=clock.now() - timedelta(days=10), state=State.DELIVERED)
    assert run("purge").stdout == (
        "Deleted 1 event, 0 tests, 1 delivery, 0 attempts, 0 transfers, 0 idempotency keys, 0 messages of test inboxes, "
        "0 unused uploads, 0 rows kept of imports.\n"
    )
    assert "Deleted 1 event," in run("purge", "--older-than", "5").stdout


@pytest.mark.parametrize("days", ["0", "-1", "x", "99999999999"])
def test_a_purge_refuses_an_age_that_makes_no_sense(run: Run, days: str) -> None:
    make_delivery(state=State.DELIVERED)
    assert run("purge", "--older-than", days).exit_code == 2
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 1


def test_when_nothing_is_lost_the_proof_says_so(run: Run) -> None:
    assert run("reconcile").stdout.splitlines() == ["events 0, deliveries 0", "Nothing is lost."]
    make_endpoint()
    make_event()
    make_event()
    db.session.execute(sa.update(Delivery).where(Delivery.id == 1).values(state=State.DELIVERED, due_at=None))
    result = run("reconcile")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        ["events 2, deliveries 2 (delivered 1, waiting 1)", "Nothing is lost."],
    )


def test_what_is_lost_is_listed_and_the_command_fails(run: Run) -> None:
    endpoint = make_endpoint()
    event = make_event()
    db.session.execute(sa.delete(Delivery))
    result = run("reconcile")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"event {event.id}, webhook {endpoint.id}: there is no delivery")
    assert result.stderr == "Error: This is not as it must be (1 in all).\n"
    assert "Nothing is lost" not in result.output


def test_a_long_list_of_what_is_lost_ends_after_a_hundred(run: Run) -> None:
    make_endpoint()
    for _ in range(101):
        make_event()
    db.session.execute(sa.delete(Delivery))
    result = run("reconcile")
    assert len(result.stdout.splitlines()) == 100
    assert "more than 100" in result.stderr

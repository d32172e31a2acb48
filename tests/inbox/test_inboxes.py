"""Adding, finding and deleting test inboxes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.inbox import inboxes, messages
from kayse_dash.webhooks import endpoints
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)


def test_every_inbox_has_an_address_of_its_own(app: Flask) -> None:
    first, second = inboxes.create("One", NOW), inboxes.create("One", NOW)
    assert first.token != second.token
    assert inboxes.address(first) == f"{app.extensions['kayse_settings'].base_url}/inbox/{first.token}"
    assert inboxes.find(first.token) is first


@pytest.mark.parametrize("name", ["", "   ", "x", "y" * 121, "bad\0name", "bad\ud800name", None])
def test_a_name_that_cannot_be_kept_is_refused_at_its_field(app: Flask, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        inboxes.create(name, NOW)
    assert list(refused.value.fields) == ["name"]


def test_blanks_in_a_name_are_put_in_order(app: Flask) -> None:
    assert inboxes.create("  Case \n management ", NOW).name == "Case management"


@on_both_databases
@pytest.mark.parametrize("token", ["nope", "a\0b", "x" * 5000, "' or 1=1", "\ud800"])
def test_an_address_of_no_inbox_finds_none(app: Flask, token: str) -> None:
    assert inboxes.find(token) is None


@pytest.mark.parametrize("inbox_id", [0, 7, 2**31, 2**80])
def test_an_id_of_no_inbox_is_not_found(app: Flask, inbox_id: int) -> None:
    with pytest.raises(NotFound):
        inboxes.get(inbox_id)


@pytest.mark.parametrize("status", [0, 201, 404])
def test_an_inbox_answers_200_or_500_only(app: Flask, status: int) -> None:
    inbox = inboxes.create("One", NOW)
    with pytest.raises(InvalidInput):
        inboxes.answer_with(inbox, status)
    assert inbox.answers == 200


def test_a_webhook_is_known_as_a_sender_after_the_installation_moved(app: Flask) -> None:
    inbox, other = inboxes.create("One", NOW), inboxes.create("Two", NOW)
    hook = make_endpoint(url=inboxes.address(inbox))
    make_endpoint(url=inboxes.address(other))
    settings = app.extensions["kayse_settings"]
    app.extensions["kayse_settings"] = dataclasses.replace(settings, base_url="https://moved.example.com")
    assert inboxes.senders(inbox) == [hook]


def test_an_inbox_that_a_webhook_sends_to_is_not_deleted(app: Flask) -> None:
    inbox = inboxes.create("One", NOW)
    hook = make_endpoint(name="Clio intake", url=inboxes.address(inbox))
    with pytest.raises(Conflict, match="“Clio intake” still sends to this inbox"):
        inboxes.delete(inbox)
    endpoints.delete(hook, NOW)
    inboxes.delete(inbox)
    assert inboxes.find(inbox.token) is None


@on_both_databases
def test_the_list_counts_messages_and_tells_when_the_last_one_came(app: Flask) -> None:
    busy, quiet = inboxes.create("busy", NOW), inboxes.create("Quiet", NOW)
    for minute in range(3):
        messages.store(busy.id, "POST", [], b"", 200, NOW + timedelta(minutes=minute))
    db.session.commit()
    shown = [(one.inbox, one.messages, one.last_at) for one in inboxes.all_by_name()]
    assert shown == [(busy, 3, NOW + timedelta(minutes=2)), (quiet, 0, None)]
    assert inboxes.empty(busy) == 3
    assert [one.messages for one in inboxes.all_by_name()] == [0, 0]

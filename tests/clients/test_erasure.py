"""Deleting a client for good: nothing of who it was stays anywhere, and what accounts for things does."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import erasure, merging, records
from kayse_dash.clients.import_models import Import, ImportChange, ImportReject, ImportState
from kayse_dash.clients.models import Client, Detail, Merge, Transfer
from kayse_dash.db import db
from kayse_dash.errors import Conflict
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import InboxMessage
from kayse_dash.webhooks import deliveries
from kayse_dash.webhooks.models import Attempt, Delivery
from kayse_dash.webhooks.schedule import State
from tests.clients.people import JANE, make_client
from tests.conftest import on_both_databases
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event

NOW = clock.now()
# What nobody may find afterwards, in any table.
SECRETS = ("O'Brien", "obrien", "Jane", "12125550142", "(212) 555-0142", "jane@example.com", "Main Street", "MAIN ST")


def erase(client_id: int) -> int:
    erased = records.delete(records.get(client_id, lock=True), clock.now())
    db.session.commit()
    return erased


def everything() -> str:
    """The whole database, as text."""
    rows = []
    for table in db.metadata.sorted_tables:
        rows += [str(tuple(row)) for row in db.session.execute(sa.select(table))]
    return "\n".join(rows)


def about(client_id: int, **over) -> Event:
    data = {"client": {"first_name": "Jane", "last_name": "O'Brien", "phone": "+12125550142"}, "note": "12 Main Street"}
    return make_event(client_id=client_id, data=data, owed=False, **over)


@on_both_databases
def test_nothing_of_who_it_was_is_found_in_any_table(app: Flask) -> None:
    client_id = make_client().id
    event = about(client_id)
    delivery = make_delivery(event=event, state=State.DELIVERED)
    make_attempt(delivery=delivery, response_body='{"saved": "Jane O\'Brien"}', response_headers=[["X-Name", "Jane"]])
    inbox = inboxes.create("Inbox", NOW)
    messages.store(inbox.id, "POST", [("webhook-id", event.id)], event.data.encode(), 200, NOW)
    give_import(client_id)
    other = make_client({"first_name": "Jane", "last_name": "O'Brien", "mobile": "(212) 555-0142"}).id
    merging.merge(records.get(client_id), records.get(other), (), "staff@firm.test", NOW)
    db.session.commit()
    assert all(secret in everything() for secret in SECRETS)

    assert erase(client_id) == 1

    assert [secret for secret in SECRETS if secret in everything()] == []


def give_import(client_id: int, cells: list | None = None) -> Import:
    """An import that changed the client and rejected a row about it."""
    values = {"filename": "leads.csv", "size": 1, "state": ImportState.FINISHED, "format": "csv", "started_by": "x"}
    done = Import(**values, created_at=NOW, stepped_at=NOW)
    db.session.add(done)
    db.session.flush()
    before = json.dumps({"first_name": "Jane", "last_name": "O'Brien"})
    db.session.add(ImportChange(import_id=done.id, client_id=client_id, before=before, version=2))
    row = cells or ["Jane", "O'Brien", "(212) 555-0142", "not a date"]
    db.session.add(ImportReject(import_id=done.id, row=7, reason="“Jane” is no date.", cells=row))
    db.session.commit()
    return done


@on_both_databases
def test_what_accounts_for_things_stays(app: Flask) -> None:
    client_id = make_client().id
    event = about(client_id)
    delivery = make_delivery(event=event, state=State.DELIVERED)
    attempt = make_attempt(delivery=delivery)
    db.session.add(Transfer(call_id="call-1", client_id=client_id, started_at=NOW, updated_at=NOW))
    db.session.commit()
    kept = (event.id, event.type, event.timestamp, event.recorded_at, event.campaign_id)
    tried = (attempt.number, attempt.status, attempt.started_at, attempt.request_headers)

    erase(client_id)

    event = db.session.get(Event, event.seq)
    assert (event.id, event.type, event.timestamp, event.recorded_at, event.campaign_id) == kept
    assert event.data == '{"erased":true}'
    with pytest.raises(Conflict, match="deleted with its client"):
        deliveries.retry(deliveries.get(delivery.id), NOW)
    assert db.session.get(Delivery, delivery.id).state is State.DELIVERED
    attempt = db.session.get(Attempt, attempt.id)
    assert (attempt.number, attempt.status, attempt.started_at, attempt.request_headers) == tried
    assert (attempt.response_body, attempt.response_headers) == (None, None)
    assert db.session.scalar(sa.select(Transfer.client_id)) is None


@on_both_databases
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.PENDING, State.CANCELLED),
        (State.HELD, State.CANCELLED),
        (State.SENDING, State.CANCELLED),
        (State.FAILED, State.CANCELLED),
        (State.DELIVERED, State.DELIVERED),
    ],
)
def test_what_is_owed_of_its_events_is_cancelled(app: Flask, before, after) -> None:
    client_id = make_client().id
    delivery = make_delivery(event=about(client_id), state=before, lease_by="w" if before is State.SENDING else None)
    other = make_delivery(event=make_event(client_id=client_id + 1, owed=False), endpoint=make_endpoint(), state=before)
    erase(client_id)
    delivery = db.session.get(Delivery, delivery.id)
    assert (delivery.state, delivery.due_at, delivery.lease_by) == (after, None, None)
    assert db.session.get(Delivery, other.id).state is before


def test_others_keep_what_is_theirs(app: Flask) -> None:
    client_id = make_client().id
    other = make_client({"first_name": "Bob", "last_name": "Roe", "mobile": "2125550142"}).id
    event = make_event(client_id=other, data={"name": "Bob Roe"})
    inbox = inboxes.create("Inbox", NOW)
    messages.store(inbox.id, "POST", [("webhook-id", event.id)], event.data.encode(), 200, NOW)
    messages.store(inbox.id, "GET", [], b"", 200, NOW)
    done = give_import(other, ["Bob", "Roe", "617 555 0199"])

    erase(client_id)

    assert records.get(other).name == "Bob Roe"
    assert json.loads(db.session.get(Event, event.seq).data) == {"name": "Bob Roe"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(InboxMessage)) == 2
    assert db.session.get(ImportChange, (done.id, other)) is not None
    assert db.session.get(ImportReject, (done.id, 7)).cells == ["Bob", "Roe", "617 555 0199"]


@pytest.mark.parametrize(
    ("cells", "tells"),
    [
        (["Jane", "O'Brien"], True),
        (["Jane O’Brien", "x"], True),
        (["O'BRIEN, JANE"], True),
        (["obrien jane"], True),
        (["?", "1-212-555-0142"], True),
        (["JANE@example.com"], True),
        (["c-7"], True),
        (["Jane", "Roe", "617 555 0142"], False),
        (["Mary", "O'Brien"], False),
        (["c-77"], False),
        ([None, 7, ""], False),
    ],
)
def test_a_rejected_row_is_erased_where_it_tells_of_the_client(app: Flask, cells, tells) -> None:
    client_id = make_client().id
    done = give_import(client_id, cells)
    erase(client_id)
    reject = db.session.get(ImportReject, (done.id, 7))
    assert (reject.cells == []) is tells
    assert (reject.reason == erasure.REJECTED_ONE_WHO_WAS_DELETED) is tells


@pytest.mark.parametrize(
    "row", [["María", "Núñez"], ["MARÍA NÚÑEZ"], ["maria nunez"], ["Nunez, María"], ["María", "Nun\u0303ez"]]
)
def test_names_with_accents_are_found_in_rejected_rows(app: Flask, row) -> None:
    client_id = make_client({"first_name": "María", "last_name": "Núñez"}).id
    done = give_import(client_id, row)
    erase(client_id)
    assert db.session.get(ImportReject, (done.id, 7)).cells == []


def test_whoever_was_merged_into_it_goes_along(app: Flask) -> None:
    first, second, third = (make_client(JANE | {"external_source_id": f"c-{number}"}).id for number in range(3))
    done = give_import(first)
    merging.merge(records.get(second), records.get(first), (), "x", NOW)
    merging.merge(records.get(third), records.get(second), (), "x", NOW)
    db.session.commit()

    erase(third)

    for model in (Client, Detail, Merge, ImportChange):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0, model
    assert db.session.get(ImportReject, (done.id, 7)).cells == []


def test_a_merge_that_was_taken_back_does_not_take_the_other_along(app: Flask) -> None:
    first, second = (make_client(JANE | {"external_source_id": f"c-{number}"}).id for number in range(2))
    done = merging.merge(records.get(second), records.get(first), (), "x", NOW)
    merging.undo(done, NOW)
    db.session.commit()

    erase(second)

    assert records.get(first).name == "Jane O'Brien"
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Merge)) == 0


def test_traces_are_counted_before(app: Flask) -> None:
    client_id = make_client().id
    make_delivery(event=about(client_id), state=State.HELD)
    make_delivery(event=about(client_id), state=State.DELIVERED)
    assert (erasure.traces(client_id).events, erasure.traces(client_id).owed) == (2, 1)
    assert erasure.traces(client_id + 1) == erasure.Traces(0, 0)


def test_the_page_says_what_goes_and_the_trail_names_nobody(login) -> None:
    client_id = make_client().id
    about(client_id)
    browser = login("staff")
    page = browser.get(f"/clients/{client_id}/delete").text
    assert "Delete Jane O'Brien for good?" in page.replace("&#39;", "'")
    assert "3 phones, emails and addresses" in page

    assert browser.post(f"/clients/{client_id}/delete").location == "/clients"

    assert "deleted for good" in browser.get("/clients").text
    entry = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.subject, entry.details) == ("client.deleted", f"client {client_id}", {"events_erased": 1})
    assert browser.get(f"/clients/{client_id}").status_code == 404
    assert browser.post(f"/clients/{client_id}/delete").status_code == 404

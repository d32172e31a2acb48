"""Taking the sample firm away: no trace of it in any list, and nothing else is touched."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import demo, intake
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import campaigns, fields, records
from kayse_dash.clients.models import Agent, Campaign, Client, Detail, Source, Transfer
from kayse_dash.db import db
from kayse_dash.demo import live, removal
from kayse_dash.demo.members import SHEET, SYSTEM
from kayse_dash.events.models import Event
from kayse_dash.events.record import NewEvent
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import Inbox, InboxMessage
from kayse_dash.webhooks import deliveries, endpoints, reconcile, testing
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint, HourlyCount, Revision
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
OF_THE_FIRM = (Client, Detail, Campaign, Agent, Transfer, Inbox, Event, Delivery, Attempt)


def number_of(model: type[db.Model]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def hook(name: str) -> Endpoint:
    return next(hook for hook in endpoints.all_live() if hook.name == name)


def sending(event_id: str) -> None:
    """Have what is owed of one event be sent right now."""
    seq = sa.select(Event.seq).where(Event.id == event_id).scalar_subquery()
    claimed = {"state": State.SENDING, "lease_by": "worker-1", "lease_until": NOW + timedelta(minutes=1)}
    db.session.execute(sa.update(Delivery).where(Delivery.event_seq == seq).values(claimed))
    db.session.commit()


def proved() -> None:
    """Nothing is missing of what the record says."""
    assert list(reconcile.check(NOW, reconcile.Report())) == []


@on_both_databases
def test_nothing_of_it_is_left(app: Flask, redis_server: redis.Redis) -> None:
    loaded = demo.load(NOW)
    testing.send_test(hook(SYSTEM), "call_ended", NOW)
    db.session.commit()
    removed = demo.remove(NOW)
    assert removed.kept == []
    assert removed.in_words == (f"2 webhooks, 2 test inboxes, 6 campaigns, 8 agents, 200 clients and {loaded.events + 1} events")
    assert [number_of(model) for model in OF_THE_FIRM] == [0] * len(OF_THE_FIRM)
    assert endpoints.all_live() == []
    assert (demo.is_loaded(), demo.is_live()) == (False, False)
    proved()
    redis_server.set(live.LIVE_KEY, 1)
    demo.tick(NOW)
    assert number_of(Event) == 0
    actions = list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions[0] == "sample_firm.loaded"
    assert actions[-1] == "sample_firm.removed"


@on_both_databases
def test_what_is_not_of_it_stays(app: Flask) -> None:
    own = make_endpoint(name="Clio intake", events=["task_completed"])
    demo.load(NOW)
    values = fields.check({"first_name": "Dana", "mobile": "(202) 555-0147"}, None, NOW.date())
    client = records.create(values, Source.PERSON, "sam@example.com", NOW)
    db.session.flush()
    mine = NewEvent("task_completed", f'{{"client_id":{client.id}}}', id="own-1")
    intake.receive([mine], NOW)
    db.session.commit()
    demo.remove(NOW)
    assert endpoints.all_live() == [own]
    assert list(db.session.scalars(sa.select(Client.first_name))) == ["Dana"]
    assert list(db.session.execute(sa.select(Event.id, Event.client_id))) == [("own-1", client.id)]
    assert list(db.session.scalars(sa.select(Delivery.endpoint_id))) == [own.id], "also of the sample webhook's log nothing stays"
    proved()


def test_its_figures_and_what_other_inboxes_got_of_it_go_too(app: Flask) -> None:
    demo.load(NOW)
    db.session.add(HourlyCount(endpoint_id=hook(SHEET).id, hour=NOW.replace(minute=0, second=0), delivered=7))
    own = inboxes.create("Own inbox", NOW)
    event_id = db.session.scalar(sa.select(Event.id).limit(1))
    for webhook_id in (event_id, "own-1"):
        messages.store(own.id, "POST", [("webhook-id", webhook_id)], b"{}", 200, NOW)
    db.session.commit()
    demo.remove(NOW)
    assert number_of(HourlyCount) == 0
    assert [messages.header(row.headers, "webhook-id") for row in db.session.scalars(sa.select(InboxMessage))] == ["own-1"]


def test_a_webhook_that_somebody_pointed_at_a_sample_inbox_goes_but_its_log_stays(app: Flask) -> None:
    loaded = demo.load(NOW)
    make_endpoint(name="Clio intake", url=inboxes.address(loaded.inboxes[0]))
    intake.receive([NewEvent("task_completed", "{}", id="own-1")], NOW)
    db.session.commit()
    assert demo.remove(NOW).webhooks == 3
    assert deliveries.count(None, [State.CANCELLED]) == number_of(Delivery) == 1
    assert number_of(Revision) > 0
    proved()


@on_both_databases
def test_what_is_being_sent_is_waited_for(app: Flask) -> None:
    demo.load(NOW)
    event_id = db.session.scalar(sa.select(Event.id).order_by(Event.seq).limit(1))
    sending(event_id)

    def finish() -> None:
        with app.app_context():
            db.session.execute(sa.update(Delivery).where(Delivery.state == State.SENDING).values(state=State.DELIVERED))
            db.session.commit()

    timer = threading.Timer(0.3, finish)
    timer.start()
    removed = demo.remove(NOW)
    timer.join()
    assert removed.kept == []
    assert number_of(Event) == number_of(Delivery) == 0


def test_what_is_sent_for_longer_stays_until_the_next_removal(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PATIENCE_S", 0.1)
    demo.load(NOW)
    sending(db.session.scalar(sa.select(Event.id).order_by(Event.seq).limit(1)))
    [reason] = demo.remove(NOW).kept
    assert reason.startswith("1 event is being sent right now.")
    assert (number_of(Event), number_of(Client)) == (1, 0)
    assert set(db.session.scalars(sa.select(Delivery.state).join(Event))) == {State.SENDING}
    proved()
    # The worker gives it up, and it would be tried again.
    db.session.execute(sa.update(Delivery).values(state=State.PENDING, due_at=NOW))
    db.session.commit()
    assert demo.remove(NOW).in_words.endswith("0 clients and 1 event")
    assert number_of(Event) == number_of(Delivery) == 0


def test_a_sample_campaign_that_an_own_webhook_needs_stays_and_is_named(app: Flask) -> None:
    demo.load(NOW)
    kept = campaigns.by_name()[0]
    make_endpoint(name="Clio intake", campaign_ids=[kept.id])
    removed = demo.remove(NOW)
    assert removed.campaigns == 5
    [reason] = removed.kept
    assert "Clio intake" in reason
    assert [campaign.id for campaign in campaigns.by_name()] == [kept.id]


def test_it_can_be_loaded_again_after_its_removal(app: Flask) -> None:
    demo.load(NOW)
    demo.remove(NOW)
    again = demo.load(NOW)
    assert again.clients == 200
    assert number_of(Event) == again.events > 400


def test_removing_what_is_not_there_removes_nothing(app: Flask) -> None:
    assert demo.remove(NOW).in_words == "0 webhooks, 0 test inboxes, 0 campaigns, 0 agents, 0 clients and 0 events"
    assert number_of(AuditEntry) == 0

"""Taking the sample firm away, so that no list shows a trace of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import redis
import sqlalchemy as sa

from kayse_dash import retention, words
from kayse_dash.accounts import audit
from kayse_dash.clients import campaigns
from kayse_dash.clients.import_models import ImportChange
from kayse_dash.clients.models import Agent, Client, Merge, Transfer
from kayse_dash.db import db, reading
from kayse_dash.demo import live, members
from kayse_dash.errors import Conflict
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import Inbox
from kayse_dash.webhooks import endpoints
from kayse_dash.webhooks.models import Delivery, Endpoint, HourlyCount, Recovery, Revision
from kayse_dash.webhooks.schedule import State

PATIENCE_S = 3.0
CHUNK = 500


@dataclass
class Removed:
    """What was taken away, by number, and in words what had to stay."""

    webhooks: int = 0
    inboxes: int = 0
    campaigns: int = 0
    agents: int = 0
    clients: int = 0
    events: int = 0
    kept: list[str] = field(default_factory=list)

    @property
    def in_words(self) -> str:
        counted = [
            words.plural(self.webhooks, "webhook"),
            words.plural(self.inboxes, "test inbox", "test inboxes"),
            words.plural(self.campaigns, "campaign"),
            words.plural(self.agents, "agent"),
            words.plural(self.clients, "client"),
        ]
        return f"{', '.join(counted)} and {words.plural(self.events, 'event')}"

    @property
    def is_any(self) -> bool:
        return any((self.webhooks, self.inboxes, self.campaigns, self.agents, self.clients, self.events))


def remove(now: datetime) -> Removed:
    """Delete the sample firm with all that was recorded of it. Commits.

    1. Its webhooks and inboxes are deleted, and what is owed of its events is cancelled: from here on nothing new is begun.
    2. What is being sent right now is waited for, at most three seconds: a worker must find the rows that it writes to.
    3. All the rest goes. What is still being sent then stays, and is named.
    """
    with suppress(redis.RedisError):  # without Redis nothing is played, and later the clock finds nothing to play for
        live.stop()
    removed = Removed()
    _end_deliveries(removed, now)
    db.session.commit()
    _wait_for_senders()
    _cancel_what_is_owed()
    _forget_events(removed)
    _forget_webhooks()
    _forget_clients_and_agents(removed)
    _delete_campaigns(removed)
    if removed.is_any:
        audit.note("sample_firm.removed", "sample firm", {"removed": removed.in_words}, now=now)
    db.session.commit()
    return removed


def _end_deliveries(removed: Removed, now: datetime) -> None:
    boxes = list(db.session.scalars(sa.select(Inbox).where(members.INBOXES).with_for_update()))
    hooks = [hook for inbox in boxes for hook in inboxes.senders(inbox)]
    for hook in hooks:
        endpoints.delete(hook, now)
    for inbox in boxes:
        inboxes.delete(inbox)
    _cancel_what_is_owed()
    removed.webhooks, removed.inboxes = len(hooks), len(boxes)


def _cancel_what_is_owed() -> None:
    _execute(
        sa.update(Delivery)
        .where(_concerns_us(), Delivery.state.in_([State.PENDING, State.HELD]))
        .values(state=State.CANCELLED, due_at=None)
    )


def _wait_for_senders() -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with reading():
            is_sending = db.session.scalar(sa.select(sa.exists().where(_concerns_us(), Delivery.state == State.SENDING)))
            db.session.rollback()
        if not is_sending:
            return
        time.sleep(0.05)


def _forget_events(removed: Removed) -> None:
    """Delete the events, and the tests of its webhooks, but for those that are being sent."""
    tests = sa.select(Delivery.event_seq).where(Delivery.endpoint_id.in_(_hooks()), Delivery.is_test)
    found = db.session.execute(sa.select(Event.seq, Event.id).where(sa.or_(members.EVENTS, Event.seq.in_(tests)))).all()
    for start in range(0, len(found), CHUNK):
        removed.events += retention.delete_events([row.seq for row in found[start : start + CHUNK]])["events"]
    messages.forget({row.id for row in found})
    if left := len(found) - removed.events:
        were = words.plural(left, "event is", "events are")
        removed.kept.append(f"{were} being sent right now. Remove the sample firm again in a minute, and they go too.")


def _forget_webhooks() -> None:
    """Delete what is on record of its webhooks, whose rows stay so that their ids are not given out again."""
    sending = sa.select(Delivery.endpoint_id).where(Delivery.endpoint_id.in_(_hooks()), Delivery.state == State.SENDING)
    busy = set(db.session.scalars(sending))
    quiet = [hook_id for hook_id in db.session.scalars(_hooks()) if hook_id not in busy]
    for model in (Delivery, Recovery, HourlyCount, Revision):
        _execute(sa.delete(model).where(model.endpoint_id.in_(quiet)))


def _forget_clients_and_agents(removed: Removed) -> None:
    clients, agents = sa.select(Client.id).where(members.CLIENTS), sa.select(Agent.id).where(members.AGENTS)
    _execute(sa.delete(Transfer).where(sa.or_(Transfer.client_id.in_(clients), Transfer.agent_id.in_(agents))))
    _execute(sa.delete(Merge).where(sa.or_(Merge.kept_id.in_(clients), Merge.gone_id.in_(clients))))
    _execute(sa.delete(ImportChange).where(ImportChange.client_id.in_(clients)))
    removed.clients = _execute(sa.delete(Client).where(members.CLIENTS))
    removed.agents = _execute(sa.delete(Agent).where(members.AGENTS))


def _delete_campaigns(removed: Removed) -> None:
    for campaign in members.campaigns():
        try:
            campaigns.delete(campaign)
            removed.campaigns += 1
        except Conflict as conflict:
            removed.kept.append(str(conflict))


def _hooks() -> sa.Select[tuple[int]]:
    return sa.select(Endpoint.id).where(members.WEBHOOKS, Endpoint.deleted_at.is_not(None))


def _concerns_us() -> sa.ColumnElement[bool]:
    """Whether a delivery is of one of its events, or to one of its webhooks."""
    return sa.or_(Delivery.event_seq.in_(sa.select(Event.seq).where(members.EVENTS)), Delivery.endpoint_id.in_(_hooks()))


def _execute(statement: sa.Update | sa.Delete) -> int:
    return db.session.execute(statement.execution_options(synchronize_session=False)).rowcount

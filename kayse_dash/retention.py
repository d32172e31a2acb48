"""Letting go of what is old, in steps small enough that nobody waits for them.

A step deletes at most `STEP_ROWS` rows and does not commit; it is called again until it finds nothing. An event goes with all its
deliveries and their attempts, or not at all, so that what is left can still be proved complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash.db import db
from kayse_dash.events import idempotency
from kayse_dash.events.models import Event
from kayse_dash.inbox.models import InboxMessage
from kayse_dash.webhooks.models import Attempt, Delivery
from kayse_dash.webhooks.schedule import State

STEP_ROWS = 500
KEPT_DAYS = 90
TESTS_KEPT = timedelta(days=7)
FINAL = [state for state in State if state.is_final]

Step = Callable[[], Counter[str]]


@dataclass
class Plan:
    """What is old enough to go at `now`.

    Args:
        older_than: of events with their deliveries, and of the messages in test inboxes.
    """

    now: datetime
    older_than: timedelta

    def __post_init__(self) -> None:
        self._events_from = 0
        self._tests_from = 0

    @property
    def steps(self) -> list[Step]:
        """What to do, each until it finds nothing."""
        return [self.events, self.tests, self.idempotency_keys, self.inbox_messages]

    def events(self) -> Counter[str]:
        """Old events whose deliveries are all final."""
        gone, self._events_from = _delete_events(self._events_from, self.now - self.older_than, are_tests=False)
        return gone

    def tests(self) -> Counter[str]:
        """Tests older than seven days, or than everything else."""
        age = min(TESTS_KEPT, self.older_than)
        gone, self._tests_from = _delete_events(self._tests_from, self.now - age, are_tests=True)
        return gone

    def idempotency_keys(self) -> Counter[str]:
        return Counter(idempotency_keys=idempotency.forget_old(self.now))

    def inbox_messages(self) -> Counter[str]:
        old = sa.select(InboxMessage.id).where(InboxMessage.received_at < self.now - self.older_than)
        old = old.order_by(InboxMessage.id).limit(STEP_ROWS)
        return Counter(inbox_messages=_delete(InboxMessage, InboxMessage.id.in_(old)))


def _delete_events(from_seq: int, before: datetime, *, are_tests: bool) -> tuple[Counter[str], int]:
    """Delete the next old events from `from_seq` on; what was deleted, and where to go on."""
    not_final = sa.exists().where(Delivery.event_seq == Event.seq, Delivery.state.not_in(FINAL))
    # Deliveries with their attempts, counted by the deliveries themselves, so that a step stays small.
    rows = sa.select(sa.func.count() + sa.func.coalesce(sa.func.sum(Delivery.attempts), 0))
    rows = rows.where(Delivery.event_seq == Event.seq).scalar_subquery()
    old = sa.select(Event.seq, rows.label("rows")).where(
        Event.seq >= from_seq, Event.recorded_at < before, Event.is_test.is_(are_tests), ~not_final
    )
    seqs: list[int] = []
    total = 0
    for seq, count in db.session.execute(old.order_by(Event.seq).limit(STEP_ROWS)).tuples():
        total += 1 + count
        if seqs and total > STEP_ROWS:
            break
        seqs.append(seq)
    if not seqs:
        return Counter(), from_seq
    free = _without_those_taken_up_again(seqs)
    of_events = Delivery.event_seq.in_(free)
    gone = Counter(attempts=_delete(Attempt, Attempt.delivery_id.in_(sa.select(Delivery.id).where(of_events))))
    gone["deliveries"] = _delete(Delivery, of_events)
    gone["tests" if are_tests else "events"] = _delete(Event, Event.seq.in_(free))
    return gone, seqs[-1] + 1


def _without_those_taken_up_again(seqs: list[int]) -> list[int]:
    """Lock the events' deliveries; those of `seqs` none of which somebody retried in this very moment."""
    query = sa.select(Delivery.event_seq, Delivery.state).where(Delivery.event_seq.in_(seqs)).with_for_update()
    taken_up = {seq for seq, state in db.session.execute(query).tuples() if not state.is_final}
    return [seq for seq in seqs if seq not in taken_up]


def _delete(model: type[db.Model], *conditions: sa.ColumnElement[bool]) -> int:
    return db.session.execute(sa.delete(model).where(*conditions).execution_options(synchronize_session=False)).rowcount

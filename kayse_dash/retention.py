"""Letting go of what is old, in steps small enough that nobody waits for them.

A step deletes about `STEP_ROWS` rows and does not commit; it is called again until it returns nothing. An event goes with all
its deliveries and their attempts, or not at all, so that what is left can still be proved complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash.clients import import_retention
from kayse_dash.clients.models import Transfer
from kayse_dash.db import UTCDateTime, db, reading
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
Place = tuple[datetime, int]  # of an event: when it was recorded, and its seq


class Plan:
    """What is old enough to go at `now`.

    Args:
        older_than: of events with their deliveries, of transfers, and of the messages in test inboxes. Tests go after seven days
            at the latest.
    """

    def __init__(self, now: datetime, older_than: timedelta) -> None:
        self.now = now
        self.before = now - older_than
        self._reached: dict[bool, Place] = {}  # tests or not: the last event that was looked at

    @property
    def steps(self) -> list[Step]:
        """What to do, each until it returns nothing."""
        return [self.events, self.tests, self.transfers, self.idempotency_keys, self.inbox_messages, self.imports]

    def events(self) -> Counter[str]:
        return self._events(self.before, are_tests=False)

    def tests(self) -> Counter[str]:
        return self._events(max(self.before, self.now - TESTS_KEPT), are_tests=True)

    def transfers(self) -> Counter[str]:
        # Looked for among those that came in first, for no index has their time; one that came in later is hardly ever older.
        first = sa.select(Transfer.id).order_by(Transfer.id).limit(STEP_ROWS)
        return _counted("transfers", _delete(Transfer, sa.and_(Transfer.id.in_(first), Transfer.updated_at < self.before)))

    def idempotency_keys(self) -> Counter[str]:
        return _counted("idempotency_keys", idempotency.forget_old(self.now))

    def inbox_messages(self) -> Counter[str]:
        old = sa.select(InboxMessage.id).where(InboxMessage.received_at < self.before).order_by(InboxMessage.id)
        return _counted("inbox_messages", _delete(InboxMessage, InboxMessage.id.in_(old.limit(STEP_ROWS))))

    def imports(self) -> Counter[str]:
        uploads = _counted("uploads", import_retention.forget_uploads(self.now))
        return uploads + _counted("import_rows", import_retention.forget_rows(self.now, STEP_ROWS))

    def _events(self, before: datetime, *, are_tests: bool) -> Counter[str]:
        # Looked for apart from deleting: looking may take a while, and on SQLite nobody else could write meanwhile.
        with reading():
            seqs, reached = _old_events(self._reached.get(are_tests), before, are_tests)
            db.session.rollback()
        if not seqs:
            return Counter()
        self._reached[are_tests] = reached
        return delete_events(seqs, "tests" if are_tests else "events")


def _old_events(after: Place | None, before: datetime, are_tests: bool) -> tuple[list[int], Place | None]:
    """The next events that may go, as many as make up a step; and the last of them."""
    not_final = sa.exists().where(Delivery.event_seq == Event.seq, Delivery.state.not_in(FINAL))
    # Its deliveries and their attempts, which the deliveries count themselves.
    weight = sa.select(sa.func.count() + sa.func.coalesce(sa.func.sum(Delivery.attempts), 0))
    weight = weight.where(Delivery.event_seq == Event.seq).scalar_subquery()
    old = sa.select(Event.recorded_at, Event.seq, weight).where(
        Event.recorded_at < before, Event.is_test.is_(are_tests), ~not_final
    )
    if after is not None:
        place = sa.tuple_(Event.recorded_at, Event.seq)
        old = old.where(place > sa.tuple_(sa.literal(after[0], UTCDateTime), sa.literal(after[1])))
    seqs: list[int] = []
    total = 0
    for at, seq, rows in db.session.execute(old.order_by(Event.recorded_at, Event.seq).limit(STEP_ROWS)):
        total += 1 + rows
        if seqs and total > STEP_ROWS:
            break
        seqs.append(seq)
        after = (at, seq)
    return seqs, after


def delete_events(seqs: list[int], what: str = "events") -> Counter[str]:
    """Delete events with all that belongs to them, but for those of which a delivery was retried since they were looked at."""
    states = sa.select(Delivery.event_seq, Delivery.state).where(Delivery.event_seq.in_(seqs)).with_for_update()
    retried = {seq for seq, state in db.session.execute(states) if not state.is_final}
    free = [seq for seq in seqs if seq not in retried]
    owed = sa.select(Delivery.id).where(Delivery.event_seq.in_(free))
    gone = Counter(attempts=_delete(Attempt, Attempt.delivery_id.in_(owed)))
    gone["deliveries"] = _delete(Delivery, Delivery.event_seq.in_(free))
    gone[what] = _delete(Event, Event.seq.in_(free))
    return gone


def _counted(what: str, number: int) -> Counter[str]:
    return Counter({what: number}) if number else Counter()


def _delete(model: type[db.Model], condition: sa.ColumnElement[bool]) -> int:
    return db.session.execute(sa.delete(model).where(condition).execution_options(synchronize_session=False)).rowcount

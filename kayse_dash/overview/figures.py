"""What the overview shows: the figures of the day, what needs a person, what was sent last, and what is still to be set up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import redis
import sqlalchemy as sa
from sqlalchemy.orm import defer, joinedload

from kayse_dash import queue, story, words
from kayse_dash.accounts.models import ApiKey
from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes
from kayse_dash.webhooks import deliveries, outcomes, schedule
from kayse_dash.webhooks.models import Delivery, Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State

WORKER_SEEN_WITHIN = timedelta(seconds=15)
WORKERS_KEY = "kayse:workers"  # a sorted set: the workers' names by the epoch seconds when each was last seen
HOUR = timedelta(hours=1)
HOURS = 24
NEWEST = 8
MOST_CONCERNS = 10  # of one kind
SAMPLE_INBOXES = inboxes.PATH + story.INBOX_TOKENS


@dataclass(frozen=True)
class Hour:
    """Deliveries that ended in one hour, tests apart."""

    begins: datetime
    delivered: int
    failed: int


@dataclass(frozen=True)
class Figures:
    """How it stands. Counts of waiting and held deliveries stop at 10,001.

    Args:
        workers: seen in the last 15 seconds; None while Redis does not answer.
        hours: the last 24, the running one last.
        delivered_today: since midnight UTC.
    """

    on: int
    failing: int
    off: int
    workers: int | None
    hours: list[Hour]
    delivered_today: int
    waiting: int
    held: int

    @property
    def webhooks(self) -> int:
        return self.on + self.failing + self.off

    @property
    def delivered(self) -> int:
        return sum(hour.delivered for hour in self.hours)

    @property
    def failed(self) -> int:
        return sum(hour.failed for hour in self.hours)

    @property
    def success_rate(self) -> float | None:
        """Of the deliveries that ended in the last 24 hours, the part that arrived, 0 to 1; None when none ended."""
        ended = self.delivered + self.failed
        return self.delivered / ended if ended else None

    @property
    def success_words(self) -> str:
        """The success rate in per cent, rounded down so that 100 % means all of them."""
        return words.share(self.delivered, self.delivered + self.failed)

    @property
    def bars(self) -> list[tuple[str, int, int]]:
        """The hours as the chart takes them."""
        return [(f"{hour.begins:%H:%M}", hour.delivered, hour.failed) for hour in self.hours]


class Kind(StrEnum):
    """Why a webhook needs a person."""

    SWITCHED_OFF = "switched_off"  # by the product
    FAILING = "failing"
    HELD = "held"  # deliveries that somebody must send or drop


@dataclass(frozen=True)
class Concern:
    """One webhook that needs a person.

    Args:
        held: deliveries, counted up to 10,001.
        switch_off_at: when it will be switched off, from a day before on.
    """

    kind: Kind
    endpoint: Endpoint
    held: int = 0
    switch_off_at: datetime | None = None


@dataclass(frozen=True)
class Start:
    """What a new installation needs; the sample firm's webhooks and events do not count."""

    webhook: bool
    api_key: bool
    event: bool

    @property
    def is_done(self) -> bool:
        return self.webhook and self.api_key and self.event


def read(now: datetime) -> Figures:
    """Count it all, in a few bounded queries."""
    on, failing, off = (
        sa.func.count(sa.case((condition, 1)))
        for condition in (
            Endpoint.enabled & Endpoint.failing_since.is_(None),
            Endpoint.enabled & Endpoint.failing_since.is_not(None),
            ~Endpoint.enabled,
        )
    )
    webhooks = db.session.execute(sa.select(on, failing, off).where(Endpoint.deleted_at.is_(None))).one()
    hours = _hours(now)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Figures(
        *webhooks,
        workers=workers_seen(now),
        hours=hours,
        delivered_today=sum(hour.delivered for hour in hours if hour.begins >= midnight),
        waiting=_count(Delivery.state.in_([State.PENDING, State.SENDING])),
        held=_count(Delivery.state == State.HELD),
    )


def workers_seen(now: datetime) -> int | None:
    """How many worker processes were seen in the last 15 seconds; None while Redis does not answer."""
    try:
        return int(queue.door().redis.zcount(WORKERS_KEY, (now - WORKER_SEEN_WITHIN).timestamp(), "+inf"))
    except redis.RedisError:
        return None


def concerns(now: datetime) -> list[Concern]:
    """The webhooks that need a person, the most urgent first."""
    given_up = _hooks(
        ~Endpoint.enabled, Endpoint.disabled_reason.in_([outcomes.GONE, outcomes.ONLY_FAILED]), order=Endpoint.disabled_at.desc()
    )
    failing = _hooks(Endpoint.enabled, Endpoint.failing_since.is_not(None), order=Endpoint.failing_since)
    has_held = sa.exists().where(Delivery.endpoint_id == Endpoint.id, Delivery.state == State.HELD)
    holding = _hooks(has_held, order=sa.func.lower(Endpoint.name))
    held = {hook.id: _count(Delivery.endpoint_id == hook.id, Delivery.state == State.HELD) for hook in {*given_up, *holding}}
    listed = [Concern(Kind.SWITCHED_OFF, hook, held[hook.id]) for hook in given_up]
    listed += [Concern(Kind.FAILING, hook, switch_off_at=schedule.switch_off_at(hook.failing_since, now)) for hook in failing]
    named = {concern.endpoint.id for concern in listed if concern.kind is Kind.SWITCHED_OFF}
    return listed + [Concern(Kind.HELD, hook, held[hook.id]) for hook in holding if hook.id not in named]


def newest() -> list[Delivery]:
    """The newest deliveries, with their webhooks."""
    query = sa.select(Delivery).order_by(Delivery.id.desc()).limit(NEWEST)
    named = joinedload(Delivery.endpoint).load_only(Endpoint.name, Endpoint.deleted_at, raiseload=True)
    return list(db.session.scalars(query.options(named)))


def start() -> Start:
    """Which of the first steps are done."""
    own_webhook = sa.exists().where(Endpoint.deleted_at.is_(None), ~Endpoint.url.contains(SAMPLE_INBOXES, autoescape=True))
    key = sa.exists().where(ApiKey.revoked_at.is_(None))
    own_event = sa.exists().where(Event.is_test.is_(False), ~Event.id.startswith(story.EVENT_IDS, autoescape=True))
    return Start(*(bool(db.session.scalar(sa.select(done))) for done in (own_webhook, key, own_event)))


def _count(*conditions: sa.ColumnElement[bool]) -> int:
    """Deliveries, counted up to 10,001 in an index alone: a test that is being sent counts as well, and is soon over."""
    some = sa.select(sa.literal(1)).select_from(Delivery).where(*conditions).limit(deliveries.COUNT_CAP)
    return db.session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def _hours(now: datetime) -> list[Hour]:
    running = now.replace(minute=0, second=0, microsecond=0)
    begins = [running - HOUR * back for back in reversed(range(HOURS))]
    # Webhook by webhook, because the key of the counts begins with it.
    of_all = HourlyCount.endpoint_id.in_(sa.select(Endpoint.id))
    sums = sa.select(HourlyCount.hour, sa.func.sum(HourlyCount.delivered), sa.func.sum(HourlyCount.failed))
    sums = sums.where(of_all, HourlyCount.hour >= begins[0]).group_by(HourlyCount.hour)
    found = {hour: (int(delivered), int(failed)) for hour, delivered, failed in db.session.execute(sums)}
    return [Hour(hour, *found.get(hour, (0, 0))) for hour in begins]


def _hooks(*conditions: sa.ColumnElement[bool], order: sa.ColumnElement[object]) -> list[Endpoint]:
    query = sa.select(Endpoint).where(Endpoint.deleted_at.is_(None), *conditions).order_by(order).limit(MOST_CONCERNS)
    return list(db.session.scalars(query.options(defer(Endpoint.auth_secret))))

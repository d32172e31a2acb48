"""The sample firm: campaigns, two webhooks to test inboxes of this installation, and events that are really delivered.

    load(now)      make what is not there yet, and play live events for ten minutes
    tick(now)      called by the workers' clock: the next live event, when it is time for one
    remove(now)    take all of it away; the events that were recorded stay

What belongs to it is told by the inboxes' tokens, which begin with `story.INBOX_TOKENS`, and by the campaigns' names.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
import sqlalchemy as sa
from flask import current_app

from kayse_dash import intake, queue, story, words
from kayse_dash.accounts import audit
from kayse_dash.clients import campaigns
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import Conflict
from kayse_dash.events import record
from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE
from kayse_dash.events.record import NewEvent
from kayse_dash.inbox import inboxes
from kayse_dash.inbox.models import Inbox
from kayse_dash.story import Happening
from kayse_dash.webhooks import auth, endpoints, signing
from kayse_dash.webhooks.models import Endpoint

SYSTEM = "Sample case management system"
SHEET = "Sample intake sheet"
CAMPAIGNS: tuple[tuple[str, str | None, bool], ...] = (
    ("Sample motor vehicle intake", "Motor vehicle accident", True),
    ("Sample truck accident outreach", "Truck accident", True),
    ("Sample slip and fall intake", "Premises liability", True),
    ("Sample workplace injury follow-up", "Workers' compensation", True),
    ("Sample medical malpractice review", "Medical malpractice", True),
    ("Sample former clients check-in", None, False),
)
ON_THE_SHEET = 2  # campaigns, the first ones

LIVE_KEY = "kayse:demo:live"
BEAT_KEY = "kayse:demo:beat"
ROUND_KEY = "kayse:demo:round"
LIVE_FOR = timedelta(minutes=10)
BEAT = timedelta(seconds=4)
PACE_OF_THE_PAST = timedelta(seconds=12)


@dataclass(frozen=True)
class Loaded:
    """What there is after loading.

    Args:
        inboxes: that of the case management system, that of the intake sheet.
        events: recorded by this load; none where the sample firm was there already.
        live: whether live events are played; not while Redis is away.
    """

    campaigns: int
    inboxes: tuple[Inbox, Inbox]
    events: int
    live: bool


@dataclass(frozen=True)
class Removed:
    """What was taken away, by number, and in words what had to stay."""

    webhooks: int
    inboxes: int
    campaigns: int
    kept: list[str]

    @property
    def in_words(self) -> str:
        webhooks, campaigns = words.plural(self.webhooks, "webhook"), words.plural(self.campaigns, "campaign")
        return f"{webhooks}, {words.plural(self.inboxes, 'test inbox', 'test inboxes')} and {campaigns}"


def load(now: datetime) -> Loaded:
    """Make the sample firm, or what is missing of it, and have live events played. Commits."""
    firm = _campaigns(now)
    system, sheet = _inbox(SYSTEM, now), _inbox(SHEET, now)
    on_the_sheet = {"events": [name for name in CATALOGUE if name in CALL_EVENTS]}
    on_the_sheet["campaign_ids"] = [campaign.id for campaign in firm[:ON_THE_SHEET]]
    key = auth.ApiKey(auth.DEFAULT_API_KEY_HEADER, secrets.token_urlsafe(24))
    fresh = [
        _webhook(SYSTEM, system, {"auth": auth.Hmac(signing.new_secret())}, now),
        _webhook(SHEET, sheet, {"auth": key, **on_the_sheet}, now),
    ]
    if any(fresh):
        audit.note("sample_firm.loaded", "sample firm", now=now)
    # The events are matched in a transaction of their own: the rules they meet are kept in memory, and must not be rolled back.
    db.session.commit()
    events = 0
    if any(fresh):
        began = now - story.STEPS * PACE_OF_THE_PAST
        told = story.tell(secrets.randbits(32), _callers(firm), began, PACE_OF_THE_PAST)
        _record(told, now)
        events = len(told)
    return Loaded(len(firm), (system, sheet), events, _play())


def is_loaded() -> bool:
    """Whether there is a sample firm, or a part of one."""
    return bool(db.session.scalar(sa.select(sa.exists().where(_is_sample(Inbox.token)))))


def is_live() -> bool:
    """Whether live events are being played."""
    try:
        return bool(queue.door().redis.exists(LIVE_KEY))
    except redis.RedisError:
        return False


def tick(now: datetime) -> None:
    """Record the next live event when it is time for one; one worker does it for all. Commits.

    Raises:
        RedisError, SQLAlchemyError: Redis or the database is away.
    """
    connection = queue.door().redis
    if not connection.exists(LIVE_KEY):
        return
    if not connection.set(BEAT_KEY, 1, nx=True, px=int(BEAT.total_seconds() * 1000)):
        return
    known = [name for name, _, _ in CAMPAIGNS]
    callers = _callers(db.session.scalars(sa.select(Campaign).where(Campaign.name.in_(known)).order_by(Campaign.id)))
    if not callers or not is_loaded():
        connection.delete(LIVE_KEY)
        return
    told = json.loads(connection.get(ROUND_KEY) or "{}")
    step = told.get("step", 0)
    if not 0 < step < story.STEPS:
        step, told = 0, {"seed": secrets.randbits(32), "began": now.isoformat()}
    happening = story.tell(told["seed"], callers, datetime.fromisoformat(told["began"]), BEAT)[step]
    connection.set(ROUND_KEY, json.dumps({**told, "step": step + 1}), ex=int(LIVE_FOR.total_seconds()))
    _record([happening], now)


def remove(now: datetime) -> Removed:
    """Delete the sample firm's webhooks, inboxes and campaigns; its events stay on record. Commits."""
    with suppress(redis.RedisError):  # without Redis nothing is played, and later the clock finds nothing to play for
        queue.door().redis.delete(LIVE_KEY, ROUND_KEY)
    boxes = list(db.session.scalars(sa.select(Inbox).where(_is_sample(Inbox.token))))
    hooks = [hook for inbox in boxes for hook in inboxes.senders(inbox)]
    for hook in hooks:
        endpoints.delete(hook, now)
    for inbox in boxes:
        inboxes.delete(inbox)
    gone, kept = 0, []
    for campaign in db.session.scalars(sa.select(Campaign).where(Campaign.name.in_([name for name, _, _ in CAMPAIGNS]))):
        try:
            campaigns.delete(campaign)
            gone += 1
        except Conflict as conflict:
            kept.append(str(conflict))
    removed = Removed(len(hooks), len(boxes), gone, kept)
    if hooks or boxes or gone:
        audit.note("sample_firm.removed", "sample firm", {"webhooks": [hook.name for hook in hooks]}, now=now)
    db.session.commit()
    return removed


def _campaigns(now: datetime) -> list[Campaign]:
    found = {campaign.name: campaign for campaign in campaigns.by_name()}
    for name, case_type, active in CAMPAIGNS:
        if name not in found:
            found[name] = campaigns.create({"name": name, "case_type": case_type, "active": active}, now)
    return [found[name] for name, _, _ in CAMPAIGNS]


def _inbox(name: str, now: datetime) -> Inbox:
    found = db.session.scalar(sa.select(Inbox).where(Inbox.name == name, _is_sample(Inbox.token)).order_by(Inbox.id).limit(1))
    return found or inboxes.create(name, now, token_prefix=story.INBOX_TOKENS)


def _webhook(name: str, inbox: Inbox, values: dict[str, object], now: datetime) -> bool:
    """See to it that a webhook sends to `inbox`, at the address it has now; whether one had to be made."""
    address = inboxes.address(inbox)
    hook: Endpoint | None = next((hook for hook in inboxes.senders(inbox) if hook.name == name), None)
    if hook is None:
        endpoints.create({"name": name, "url": address, "enabled": True, **values}, now)
        return True
    if hook.url != address:
        endpoints.update(hook, {"url": address}, now)
    return False


def _callers(firm: Iterable[Campaign]) -> list[story.Campaign]:
    """The campaigns that calls are made for: those that run, or all if somebody ended them."""
    known = list(firm)
    called = [campaign for campaign in known if campaign.active] or known
    return [story.Campaign(campaign.id, campaign.case_type) for campaign in called]


def _record(told: list[Happening], now: datetime) -> None:
    events = [
        NewEvent(
            type=happening.type,
            data=record.as_json(happening.data),
            timestamp=min(happening.at, now),
            id=story.EVENT_IDS + record.new_id(now).removeprefix("evt_"),
            campaign_id=happening.campaign_id,
            case_type=happening.case_type,
        )
        for happening in told
    ]
    intake.receive(events, now, current_app.extensions["kayse_settings"].retry_waits[0])
    db.session.commit()


def _play() -> bool:
    try:
        return bool(queue.door().redis.set(LIVE_KEY, 1, ex=int(LIVE_FOR.total_seconds())))
    except redis.RedisError:
        return False


def _is_sample(token: sa.orm.InstrumentedAttribute[str]) -> sa.ColumnElement[bool]:
    return token.startswith(story.INBOX_TOKENS, autoescape=True)

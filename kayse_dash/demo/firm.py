"""Loading the sample firm: made once, or what is missing of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash import story, words
from kayse_dash.accounts import audit
from kayse_dash.clients import agents, campaigns, fields, records
from kayse_dash.clients.models import Agent, Campaign, Client, CreatedVia, Detail, Source
from kayse_dash.db import db
from kayse_dash.demo import live, members, recording
from kayse_dash.demo.members import SHEET, SYSTEM
from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE
from kayse_dash.inbox import inboxes
from kayse_dash.inbox.models import Inbox
from kayse_dash.story import cast, month, people, rounds
from kayse_dash.story.scenes import Happening
from kayse_dash.webhooks import auth, endpoints, signing
from kayse_dash.webhooks.models import Endpoint, RoutingEpoch

ON_THE_SHEET = 2  # campaigns, the first ones
PACE_OF_THE_PAST = timedelta(seconds=12)
ENTERED_BY = "Sample firm"


@dataclass(frozen=True)
class Loaded:
    """What there is after loading.

    Args:
        inboxes: that of the case management system, that of the intake sheet.
        events: recorded by this load; none where the sample firm was there already.
        live: whether live events are played; not while Redis is away.
    """

    clients: int
    campaigns: int
    agents: int
    inboxes: tuple[Inbox, Inbox]
    events: int
    live: bool

    @property
    def in_words(self) -> str:
        counted = {"client": self.clients, "campaign": self.campaigns, "agent": self.agents}
        listed = ", ".join(words.plural(number, noun) for noun, number in counted.items())
        return f"The sample firm is there: {listed}, 2 webhooks, 2 test inboxes."


def load(now: datetime) -> Loaded:
    """Make the sample firm, or what is missing of it, and have live events played. Commits."""
    # Two who press the button at once wait for each other.
    db.session.execute(sa.select(RoutingEpoch.id).with_for_update())
    outreach = _campaigns(now)
    callers = _agents(outreach, now)
    is_new = _clients(now)
    system, sheet = _inbox(SYSTEM, now), _inbox(SHEET, now)
    on_the_sheet = {"events": [name for name in CATALOGUE if name in CALL_EVENTS]}
    on_the_sheet["campaign_ids"] = [campaign.id for campaign in outreach[:ON_THE_SHEET]]
    key = auth.ApiKey(auth.DEFAULT_API_KEY_HEADER, secrets.token_urlsafe(24))
    fresh = [
        _webhook(SYSTEM, system, {"auth": auth.Hmac(signing.new_secret())}, now),
        _webhook(SHEET, sheet, {"auth": key, **on_the_sheet}, now),
    ]
    if is_new or any(fresh):
        audit.note("sample_firm.loaded", "sample firm", now=now)
    # The events are matched in a transaction of their own: the rules they meet are kept in memory, and must not be rolled back.
    db.session.commit()
    told = _story(now, whole=is_new) if is_new or any(fresh) else []
    recording.tell(told, now)
    number = db.session.scalar(sa.select(sa.func.count()).select_from(Client).where(members.CLIENTS)) or 0
    return Loaded(number, len(outreach), len(callers), (system, sheet), len(told), live.play())


def _story(now: datetime, *, whole: bool) -> list[Happening]:
    """The last minutes, and the month before them where the whole is told."""
    seed, acting = secrets.randbits(32), members.acting()
    began = now - rounds.STEPS * PACE_OF_THE_PAST
    told = month.tell(seed, acting, began) if whole else []
    four = rounds.choose(seed, acting)
    return told + (rounds.tell(seed, four, acting, began, PACE_OF_THE_PAST) if four else [])


def _campaigns(now: datetime) -> list[Campaign]:
    found = {campaign.name: campaign for campaign in members.campaigns()}
    for name, case_type, active in cast.CAMPAIGNS:
        if name not in found:
            found[name] = campaigns.create({"name": name, "case_type": case_type, "active": active}, now)
    return [found[name] for name, *_ in cast.CAMPAIGNS]


def _agents(outreach: Sequence[Campaign], now: datetime) -> list[Agent]:
    found = {agent.external_id: agent for agent in members.agents()}
    for external_id, name, place, built_in in cast.AGENTS:
        if external_id not in found:
            values = {"name": name, "external_id": external_id, "created_via": CreatedVia(built_in)}
            values["campaign_id"] = None if place is None else outreach[place].id
            found[external_id] = agents.create(values, now)
    return list(found.values())


def _clients(now: datetime) -> bool:
    """Make the clients where there is none; one that somebody deleted or merged does not come back."""
    if db.session.scalar(sa.select(sa.exists().where(members.CLIENTS))):
        return False
    for person in people.people():
        new = fields.NewClient(**fields.check(person.fields, None, now.date()))
        since = person.since(now)
        client = Client(**records.client_row(new, Source.SAMPLE, since))
        client.details = [Detail(**records.detail_row(one, Source.SAMPLE, ENTERED_BY, since)) for one in new.details]
        db.session.add(client)
    db.session.flush()
    return True


def _inbox(name: str, now: datetime) -> Inbox:
    found = db.session.scalar(sa.select(Inbox).where(Inbox.name == name, members.INBOXES).order_by(Inbox.id).limit(1))
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

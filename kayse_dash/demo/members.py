"""What on record belongs to the sample firm, and who of it can act in a story."""

from __future__ import annotations

import sqlalchemy as sa

from kayse_dash import story
from kayse_dash.clients.models import Agent, Campaign, Client, Detail, DetailKind
from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes
from kayse_dash.inbox.models import Inbox
from kayse_dash.story import cast
from kayse_dash.webhooks.models import Endpoint

SYSTEM = "Sample case management system"
SHEET = "Sample intake sheet"

INBOXES = Inbox.token.startswith(story.INBOX_TOKENS, autoescape=True)
CLIENTS = Client.external_source == story.CLIENTS
CAMPAIGNS = Campaign.name.in_([name for name, *_ in cast.CAMPAIGNS])
AGENTS = Agent.external_id.in_([external_id for external_id, *_ in cast.AGENTS])
EVENTS = Event.id.startswith(story.EVENT_IDS, autoescape=True)
# Also those that were deleted, but none that a person made.
WEBHOOKS = sa.and_(Endpoint.url.contains(inboxes.PATH + story.INBOX_TOKENS, autoescape=True), Endpoint.name.in_([SYSTEM, SHEET]))


def is_loaded() -> bool:
    """Whether there is a sample firm, or a part of one."""
    return any(db.session.scalar(sa.select(sa.exists().where(condition))) for condition in (INBOXES, CLIENTS))


def campaigns() -> list[Campaign]:
    """Its campaigns, in the order of the cast."""
    found = {campaign.name: campaign for campaign in db.session.scalars(sa.select(Campaign).where(CAMPAIGNS))}
    return [found[name] for name, *_ in cast.CAMPAIGNS if name in found]


def agents() -> list[Agent]:
    """Its agents, in the order of the cast."""
    found = {agent.external_id: agent for agent in db.session.scalars(sa.select(Agent).where(AGENTS))}
    return [found[external_id] for external_id, *_ in cast.AGENTS if external_id in found]


def acting() -> cast.Cast:
    """The agents, and the clients who may be called; each client's calls belong to one of the campaigns that run, or to any of
    them where somebody ended them all."""
    known = campaigns()
    called = [cast.Campaign(one.id, one.case_type) for one in [one for one in known if one.active] or known]
    phone = sa.and_(Detail.client_id == Client.id, Detail.kind == DetailKind.PHONE, Detail.is_primary)
    columns = (Client.id, Client.first_name, Client.last_name, Client.case_ids, Client.created_at, Detail.value)
    query = sa.select(*columns).outerjoin(Detail, phone).where(CLIENTS, Client.voice_calls_opted_out.is_(False))
    clients = [
        cast.Client(
            id=row.id,
            first_name=row.first_name,
            last_name=row.last_name,
            phone=row.value,
            case_id=row.case_ids[0] if row.case_ids else None,
            campaign=called[row.id % len(called)],
            since=row.created_at,
        )
        for row in db.session.execute(query.order_by(Client.id))
        if called
    ]
    return cast.Cast(clients, [cast.Agent(one.external_id, one.name, one.campaign_id) for one in agents()])

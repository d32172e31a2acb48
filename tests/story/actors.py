"""The sample firm's people as they act in a story, without a database."""

from __future__ import annotations

from datetime import datetime

from kayse_dash.clients import normal
from kayse_dash.story import cast, people
from kayse_dash.story.cast import Agent, Campaign, Cast, Client

CAMPAIGNS = [Campaign(7 + place, case_type) for place, (_, case_type, runs) in enumerate(cast.CAMPAIGNS) if runs]
AGENTS = [Agent(external_id, name, None if place is None else 7 + place) for external_id, name, place, _ in cast.AGENTS]


def everybody(now: datetime) -> Cast:
    """All two hundred, as they are on record at `now`."""
    clients = [
        Client(
            id=number,
            first_name=person.fields["first_name"],
            last_name=person.fields["last_name"],
            phone=next((normal.phone(phone) for phone in person.fields["phones"]), None),
            case_id=next(iter(person.fields["case_ids"]), None),
            campaign=CAMPAIGNS[number % len(CAMPAIGNS)],
            since=person.since(now),
        )
        for number, person in enumerate(people.people(), 1)
    ]
    return Cast(clients, AGENTS)

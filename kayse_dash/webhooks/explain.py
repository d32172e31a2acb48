"""Why an event went to a webhook, or did not: told from the settings that were in force when it was recorded."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.webhooks import routing
from kayse_dash.webhooks.matching import Verdict
from kayse_dash.webhooks.models import Delivery, Endpoint

ADDED_LATER = "added_later"
OUTCOMES = (*(str(verdict) for verdict in Verdict), ADDED_LATER)


@dataclass(frozen=True)
class Explanation:
    """What one webhook made of one event.

    Args:
        outcome: one of `OUTCOMES`.
        words: one sentence for a person.
        delivery: what is owed for it; None when nothing is, or when retention removed it.
    """

    endpoint: Endpoint
    outcome: str
    words: str
    delivery: Delivery | None


def explain(event: Event) -> list[Explanation]:
    """What became of an event: one entry for every webhook there is now, and for deleted ones that it was owed to, by name.

    A test concerns only the webhook it was sent to.
    """
    owed = {row.endpoint_id: row for row in db.session.scalars(sa.select(Delivery).where(Delivery.event_seq == event.seq))}
    wanted = Endpoint.id.in_(owed)
    if not event.is_test:
        wanted = sa.or_(wanted, Endpoint.deleted_at.is_(None))
    hooks = db.session.scalars(sa.select(Endpoint).where(wanted).order_by(sa.func.lower(Endpoint.name), Endpoint.id)).all()
    if event.is_test:
        return [Explanation(hook, Verdict.SEND, "Sent as a test of this webhook.", owed[hook.id]) for hook in hooks]
    verdicts = dict(routing.at(event.epoch).verdicts(event.type, event.campaign_id, event.case_type))
    return [_explanation(hook, verdicts.get(hook.id), owed.get(hook.id)) for hook in hooks]


def _explanation(hook: Endpoint, verdict: Verdict | None, delivery: Delivery | None) -> Explanation:
    if verdict is None:
        return Explanation(hook, ADDED_LATER, "Not sent: this webhook was added after the event was recorded.", delivery)
    return Explanation(hook, verdict, verdict.words, delivery)

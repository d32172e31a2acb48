"""The webhooks' rules at one version of their settings.

Every change of a webhook's rule counts an epoch up and leaves a revision. An event carries the epoch it was matched against,
so what it met can be told later, exactly and without trusting clocks: that is what `reconcile` proves and the event's page shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask import current_app

from kayse_dash.db import db
from kayse_dash.events.catalogue import CALL_EVENTS
from kayse_dash.webhooks.matching import Rule, Verdict, judge
from kayse_dash.webhooks.models import Endpoint, Revision, RoutingEpoch

_EPOCH = sa.select(RoutingEpoch.__table__.c.epoch)  # asked for every event, so made once


@dataclass(frozen=True)
class Routes:
    """Every webhook's rule at `epoch`."""

    epoch: int
    rules: tuple[tuple[int, Rule], ...]

    def verdicts(self, event_type: str, campaign_id: int | None, case_type: str | None) -> list[tuple[int, Verdict]]:
        """What each webhook makes of such an event, as (webhook id, verdict)."""
        takes = event_type in CALL_EVENTS
        return [
            (endpoint_id, judge(rule, event_type, takes_campaign_filter=takes, campaign_id=campaign_id, case_type=case_type))
            for endpoint_id, rule in self.rules
        ]


def current() -> Routes:
    """The rules in force now; read again only after a change."""
    epoch = db.session.scalar(_EPOCH) or 0
    if db.session().info.get("revised_by") is db.session().get_transaction():
        # Made by this very transaction, which may be rolled back: another one then gets the same number.
        return at(epoch)
    kept: Routes | None = current_app.extensions.get("kayse_routes")
    if kept is None or kept.epoch != epoch:
        kept = at(epoch)
        current_app.extensions["kayse_routes"] = kept
    return kept


def at(epoch: int) -> Routes:
    """The rules as they were at `epoch`."""
    latest = (
        sa.select(Revision.endpoint_id, sa.func.max(Revision.epoch).label("epoch"))
        .where(Revision.epoch <= epoch)
        .group_by(Revision.endpoint_id)
        .subquery()
    )
    query = (
        sa.select(Revision)
        .join(latest, sa.and_(Revision.endpoint_id == latest.c.endpoint_id, Revision.epoch == latest.c.epoch))
        .where(Revision.gone.is_(False))
        .order_by(Revision.endpoint_id)
    )
    return Routes(epoch, tuple((row.endpoint_id, row.rule) for row in db.session.scalars(query)))


def revise(endpoint: Endpoint, now: datetime) -> None:
    """Put the rule that `endpoint` has now into force, from the next epoch on."""
    epoch = db.session.scalar(sa.update(RoutingEpoch).values(epoch=RoutingEpoch.epoch + 1).returning(RoutingEpoch.epoch))
    db.session.add(
        Revision(
            endpoint_id=endpoint.id,
            epoch=epoch,
            at=now,
            gone=endpoint.deleted_at is not None,
            enabled=endpoint.enabled,
            events=list(endpoint.events),
            campaign_ids=list(endpoint.campaign_ids),
            case_types=list(endpoint.case_types),
        )
    )
    db.session.flush()
    db.session().info["revised_by"] = db.session().get_transaction()

"""How a webhook is doing, in the figures its pages show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, schedule
from kayse_dash.webhooks.models import Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State

RECENT = timedelta(hours=24)


@dataclass(frozen=True)
class Health:
    """The last 24 hours of one webhook, and what waits. Counts of waiting, held and failed stop at 10,001."""

    delivered: int
    gave_up: int
    waiting: int
    held: int
    failed: int
    switch_off_at: datetime | None

    @property
    def success_rate(self) -> float | None:
        """Of the deliveries that ended, the part that arrived, 0 to 1; None when none ended."""
        ended = self.delivered + self.gave_up
        return self.delivered / ended if ended else None


def of(endpoint: Endpoint, now: datetime) -> Health:
    return of_all([endpoint], now)[endpoint.id]


def of_all(hooks: Sequence[Endpoint], now: datetime) -> dict[int, Health]:
    """The health of each, by webhook id."""
    totals = sa.select(HourlyCount.endpoint_id, sa.func.sum(HourlyCount.delivered), sa.func.sum(HourlyCount.failed))
    recent = totals.where(HourlyCount.hour > now - RECENT).group_by(HourlyCount.endpoint_id)
    ended = {endpoint_id: (good, bad) for endpoint_id, good, bad in db.session.execute(recent)}
    found = {}
    for hook in hooks:
        delivered, gave_up = ended.get(hook.id, (0, 0))
        found[hook.id] = Health(
            delivered=delivered,
            gave_up=gave_up,
            waiting=deliveries.count(hook.id, [State.PENDING, State.SENDING]),
            held=deliveries.count(hook.id, [State.HELD]),
            failed=deliveries.count(hook.id, [State.FAILED]),
            switch_off_at=schedule.switch_off_at(hook.failing_since, now) if hook.enabled else None,
        )
    return found



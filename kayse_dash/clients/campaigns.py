"""Adding, changing and deleting campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash import typed
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.webhooks.models import Endpoint

SHORTEST_NAME, LONGEST_NAME = 2, 200
LONGEST_CASE_TYPE = 100


def get(campaign_id: int) -> Campaign:
    """The campaign with this id.

    Raises:
        NotFound: there is none.
    """
    known = typed.record_id(campaign_id)
    campaign = db.session.get(Campaign, known) if known else None
    if campaign is None:
        raise NotFound("There is no such campaign. It may have been deleted.")
    return campaign


def all_by_name() -> list[Campaign]:
    """Every campaign, by name."""
    return list(db.session.scalars(sa.select(Campaign).order_by(sa.func.lower(Campaign.name), Campaign.id)))


def create(
    name: str, case_type: str | None = None, active: bool = True, self_healing_disabled: bool = False, *, now: datetime
) -> Campaign:
    """Add a campaign.

    Args:
        case_type: such as "Motor vehicle accident"; None or empty for none.
        self_healing_disabled: no enrichment for this campaign's calls.

    Raises:
        InvalidInput: by field.
    """
    given = {"name": name, "case_type": case_type, "active": active, "self_healing_disabled": self_healing_disabled}
    campaign = Campaign(**_checked(given), created_at=now)
    db.session.add(campaign)
    db.session.flush()
    return campaign


def update(campaign: Campaign, **changes: Any) -> None:
    """Change a campaign.

    Args:
        changes: any of `name, case_type, active, self_healing_disabled`, as `create` takes them.

    Raises:
        InvalidInput: by field; nothing is changed then.
    """
    for field, value in _checked(changes).items():
        setattr(campaign, field, value)


def delete(campaign: Campaign) -> None:
    """Delete a campaign. Events that name it keep its id.

    Raises:
        Conflict: a webhook is narrowed to it; without the campaign it would get nothing, or everything.
    """
    names = [endpoint.name for endpoint in filtered_by(campaign)]
    if names:
        listed = ", ".join(f"“{name}”" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise Conflict(f"“{campaign.name}” is in the campaign filter of {listed}. Take it out there first, then delete it.")
    db.session.delete(campaign)
    db.session.flush()


def filtered_by(campaign: Campaign) -> list[Endpoint]:
    """The webhooks that are narrowed to this campaign, perhaps among others."""
    live = sa.select(Endpoint).where(Endpoint.deleted_at.is_(None)).order_by(sa.func.lower(Endpoint.name))
    return [endpoint for endpoint in db.session.scalars(live) if campaign.id in endpoint.campaign_ids]


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    checks = {"name": _name, "case_type": _case_type, "active": typed.yes_or_no, "self_healing_disabled": typed.yes_or_no}
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for field, value in given.items():
        try:
            values[field] = checks[field](value)
        except ValueError as error:
            faults[field] = str(error)
    if faults:
        raise InvalidInput("Please check the fields that are marked.", faults)
    return values


def _name(value: Any) -> str:
    return typed.line(value, "The name", SHORTEST_NAME, LONGEST_NAME)


def _case_type(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return typed.line(value, "The case type", 1, LONGEST_CASE_TYPE)

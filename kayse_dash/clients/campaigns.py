"""Making, changing and deleting campaigns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash import typed
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.webhooks.models import Endpoint

LARGEST_ID = 2**31 - 1
CHUNK = 500  # ids in one IN (…)

_columns = Campaign.__table__.c
# Asked for every event, so made once.
_CASE_TYPES = sa.select(_columns.id, _columns.case_type).where(
    _columns.id.in_(sa.bindparam("ids", expanding=True)), _columns.case_type.is_not(None)
)


def get(campaign_id: int) -> Campaign:
    """One campaign.

    Raises:
        NotFound: there is none with this id.
    """
    campaign = db.session.get(Campaign, campaign_id) if 0 < campaign_id <= LARGEST_ID else None
    if campaign is None:
        raise NotFound("There is no such campaign.")
    return campaign


def by_name() -> list[Campaign]:
    """Every campaign, by name."""
    return list(db.session.scalars(sa.select(Campaign).order_by(sa.func.lower(Campaign.name), Campaign.id)))


def page(number: int, size: int) -> tuple[list[Campaign], int]:
    """One page of the campaigns by id, pages counted from 1; and how many campaigns there are."""
    query = sa.select(Campaign).order_by(Campaign.id).offset((number - 1) * size).limit(size)
    return list(db.session.scalars(query)), db.session.scalar(sa.select(sa.func.count()).select_from(Campaign)) or 0


def case_types(campaign_ids: Collection[int]) -> dict[int, str]:
    """The case type of those of these campaigns that are on record and have one."""
    known = [one for one in set(campaign_ids) if 0 < one <= LARGEST_ID]
    found: dict[int, str] = {}
    for start in range(0, len(known), CHUNK):
        found.update(db.session.execute(_CASE_TYPES, {"ids": known[start : start + CHUNK]}).all())
    return found


def names(campaign_ids: Collection[int | None]) -> dict[int, str]:
    """The names of those of these campaigns that are on record."""
    known = [one for one in set(campaign_ids) if one is not None and 0 < one <= LARGEST_ID]
    query = sa.select(Campaign.id, Campaign.name).where(Campaign.id.in_(known))
    return dict(db.session.execute(query).all()) if known else {}


def check(given: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """Check what was typed for a campaign and bring it into the form in which it is kept.

    Args:
        given: any of `name, case_type, active, self_healing_disabled`; what is missing keeps its value.
        new: whether it is for a new campaign, which needs a name.

    Raises:
        InvalidInput: by field.
    """
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for field, check_one in _CHECKS.items():
        if field in given or (new and field == "name"):
            try:
                values[field] = check_one(given.get(field))
            except ValueError as error:
                faults[field] = str(error)
    if faults:
        raise InvalidInput("Please check the fields that are marked.", faults)
    return values


def create(values: Mapping[str, Any], now: datetime) -> Campaign:
    """Make a campaign from what `check` returned."""
    campaign = Campaign(**{"active": True, "self_healing_disabled": False, **values}, created_at=now)
    db.session.add(campaign)
    db.session.flush()
    return campaign


def update(campaign: Campaign, values: Mapping[str, Any]) -> list[str]:
    """Change a campaign by what `check` returned; the names of the fields that are different now.

    A new case type counts for events from now on; those recorded keep the one they had.
    """
    changed = [field for field, value in values.items() if getattr(campaign, field) != value]
    for field in changed:
        setattr(campaign, field, values[field])
    return changed


def delete(campaign: Campaign) -> None:
    """Delete a campaign; events that name it keep its id.

    Raises:
        Conflict: webhooks are narrowed to it. Without it they might come to be sent everything.
    """
    if hooks := filtered_by(campaign.id):
        names = ", ".join(f"“{hook.name}”" for hook in hooks[:5]) + (f" and {len(hooks) - 5} more" if len(hooks) > 5 else "")
        raise Conflict(f"Webhooks are narrowed to this campaign: {names}. Take it out of their campaign filter first.")
    db.session.delete(campaign)


def filtered_by(campaign_id: int) -> list[Endpoint]:
    """The webhooks whose campaign filter names this campaign, by name."""
    live = sa.select(Endpoint).where(Endpoint.deleted_at.is_(None)).order_by(sa.func.lower(Endpoint.name))
    return [hook for hook in db.session.scalars(live) if campaign_id in hook.campaign_ids]


def _name(value: Any) -> str:
    return typed.line(value, "The name", 1, Campaign.name.type.length)


def _case_type(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return typed.line(value, "The case type", 1, Campaign.case_type.type.length)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Say true or false.")
    return value


_CHECKS = {"name": _name, "case_type": _case_type, "active": _flag, "self_healing_disabled": _flag}

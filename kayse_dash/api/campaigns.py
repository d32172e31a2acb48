"""`/v1/campaigns`."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, Field

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer, nothing
from kayse_dash.api.fields import Id, PageNumber, Size
from kayse_dash.api.inputs import Body, Query
from kayse_dash.api.resource import Resource
from kayse_dash.clients import campaigns
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db

bp = Resource("campaigns", "Outreach of the firm that calls belong to, and that webhooks can be narrowed to.")


class CampaignPages(Query):
    page: PageNumber = 1
    page_size: Size = 25


class CampaignPath(BaseModel):
    campaign_id: Id


class CampaignChange(Body):
    """What is to be different; what is left out stays as it is."""

    name: str = Field(None, json_schema_extra={"minLength": 1, "maxLength": 200}, examples=["January intake"])
    case_type: str | None = Field(None, json_schema_extra={"maxLength": 100}, examples=["auto_accident"])
    active: bool = Field(None)
    self_healing_disabled: bool = Field(None, description="Whether its calls start no enrichment.")


class CampaignIn(CampaignChange):
    """A new campaign."""

    name: str = Field(json_schema_extra={"minLength": 1, "maxLength": 200}, examples=["January intake"])
    active: bool = True
    self_healing_disabled: bool = Field(False, description="Whether its calls start no enrichment.")


@bp.get("", responses={200: schemas.CampaignPage, **errors.OF_QUERY})
def list_campaigns(query: CampaignPages) -> Response:
    """List campaigns, in the order in which they were made."""
    rows, total = campaigns.page(query.page, query.page_size)
    shown = [schemas.Campaign.model_validate(row) for row in rows]
    return json_answer(schemas.CampaignPage(data=shown, page=query.page, total=total))


@bp.post("", responses={201: schemas.Campaign, **errors.OF_BODY})
def create_campaign(body: CampaignIn) -> Response:
    """Make a campaign."""
    campaign = campaigns.create(campaigns.check(_given(body), new=True), clock.now())
    audit.note("campaign.created", f"campaign {campaign.id}", {"name": campaign.name})
    return _committed(campaign, 201)


@bp.get("/<campaign_id>", responses={200: schemas.Campaign, **errors.OF_PATH})
def get_campaign(path: CampaignPath) -> Response:
    """One campaign."""
    return json_answer(schemas.Campaign.model_validate(campaigns.get(path.campaign_id)))


@bp.patch("/<campaign_id>", responses={200: schemas.Campaign, **errors.OF_PATH, **errors.OF_BODY})
def change_campaign(path: CampaignPath, body: CampaignChange) -> Response:
    """Change some of a campaign's fields.

    A new case type counts for events from now on; those on record keep the one they had.
    """
    values = campaigns.check(_given(body), new=False)
    campaign = campaigns.get(path.campaign_id)
    if changed := campaigns.update(campaign, values):
        audit.note("campaign.changed", f"campaign {campaign.id}", {"changed": changed})
    return _committed(campaign)


@bp.delete("/<campaign_id>", responses={204: None, **errors.OF_PATH, **errors.OF_STATE})
def delete_campaign(path: CampaignPath) -> Response:
    """Delete a campaign. 409: webhooks are narrowed to it."""
    campaign = campaigns.get(path.campaign_id)
    campaigns.delete(campaign)
    audit.note("campaign.deleted", f"campaign {campaign.id}", {"name": campaign.name})
    db.session.commit()
    return nothing()


def _given(body: CampaignChange) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True)


def _committed(campaign: Campaign, status: int = 200) -> Response:
    shown = schemas.Campaign.model_validate(campaign)
    db.session.commit()
    return json_answer(shown, status)

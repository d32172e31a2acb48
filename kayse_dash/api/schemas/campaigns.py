"""Answers about campaigns."""

from __future__ import annotations

from pydantic import Field

from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer


class Campaign(Answer):
    """A campaign."""

    id: int
    name: str
    case_type: str | None
    active: bool
    self_healing_disabled: bool = Field(description="Whether its calls start no enrichment.")
    created_at: Shown


class CampaignPage(Answer):
    """Some of the campaigns, and how many there are."""

    data: list[Campaign]
    page: int
    total: int

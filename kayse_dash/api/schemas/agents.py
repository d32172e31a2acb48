"""Answers about agents."""

from __future__ import annotations

from pydantic import Field

from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer
from kayse_dash.clients.models import CreatedVia


class Agent(Answer):
    """A voice agent."""

    id: int
    name: str
    external_id: str | None = Field(description="What events call it in `data.agent_id`.", examples=["agent_7c2e"])
    campaign_id: int | None
    created_via: CreatedVia
    events: list[str] = Field(description="The call events that it sends.")
    created_at: Shown


class AgentPage(Answer):
    """Some of the agents, and how many there are."""

    data: list[Agent]
    page: int
    total: int

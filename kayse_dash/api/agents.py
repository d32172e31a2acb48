"""`/v1/agents`."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, Field, WithJsonSchema

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer, nothing
from kayse_dash.api.fields import LARGEST_ID, Id, PageNumber, Size
from kayse_dash.api.inputs import Body, Query
from kayse_dash.api.resource import Resource
from kayse_dash.clients import agents
from kayse_dash.clients.models import Agent, CreatedVia
from kayse_dash.db import db

bp = Resource("agents", "Voice agents, and the call events that each of them sends.")

EventName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(agents.CALLS)})]
EventNames = Annotated[list[EventName], Field(max_length=len(agents.CALLS))]
Flow = Annotated[str, WithJsonSchema({"type": "string", "enum": list(CreatedVia)})]


class AgentPages(Query):
    page: PageNumber = 1
    page_size: Size = 25


class AgentPath(BaseModel):
    agent_id: Id


class AgentChange(Body):
    """What is to be different; what is left out stays as it is."""

    name: str = Field(None, json_schema_extra={"minLength": 1, "maxLength": 200}, examples=["Intake agent"])
    external_id: str | None = Field(
        None,
        json_schema_extra={"maxLength": 128},
        description="What events call it in `data.agent_id`; it belongs to one agent only.",
        examples=["agent_7c2e"],
    )
    campaign_id: int | None = Field(None, json_schema_extra={"minimum": 1, "maximum": LARGEST_ID})
    events: EventNames = Field(None, description="The call events that it sends; others that come in are recorded all the same.")


class AgentIn(AgentChange):
    """A new agent."""

    name: str = Field(json_schema_extra={"minLength": 1, "maxLength": 200}, examples=["Intake agent"])
    created_via: Flow = Field(CreatedVia.BUILDER.value, description="The flow in which it was built.")
    events: EventNames = Field(
        None, description="The call events that it sends: all eight, unless told. The four transfer events are always among them."
    )


@bp.get("", responses={200: schemas.AgentPage, **errors.OF_QUERY})
def list_agents(query: AgentPages) -> Response:
    """List agents, in the order in which they were made."""
    rows, total = agents.page(query.page, query.page_size)
    shown = [schemas.Agent.model_validate(row) for row in rows]
    return json_answer(schemas.AgentPage(data=shown, page=query.page, total=total))


@bp.post("", responses={201: schemas.Agent, **errors.OF_BODY})
def create_agent(body: AgentIn) -> Response:
    """Make an agent. It sends the four transfer events from the start."""
    agent = agents.create(agents.check(_given(body)), clock.now())
    audit.note("agent.created", f"agent {agent.id}", {"name": agent.name, "created_via": agent.created_via})
    return _committed(agent, 201)


@bp.get("/<agent_id>", responses={200: schemas.Agent, **errors.OF_PATH})
def get_agent(path: AgentPath) -> Response:
    """One agent."""
    return json_answer(schemas.Agent.model_validate(agents.get(path.agent_id)))


@bp.patch("/<agent_id>", responses={200: schemas.Agent, **errors.OF_PATH, **errors.OF_BODY})
def change_agent(path: AgentPath, body: AgentChange) -> Response:
    """Change some of an agent's fields.

    A list of events that leaves transfer events out switches them off.
    """
    agent = agents.get(path.agent_id)
    values = agents.check(_given(body), agent)
    before = {name: getattr(agent, name) for name in values}
    if changed := agents.update(agent, values):
        details = {name: {"from": before[name], "to": getattr(agent, name)} for name in changed}
        audit.note("agent.changed", f"agent {agent.id}", details)
    return _committed(agent)


@bp.delete("/<agent_id>", responses={204: None, **errors.OF_PATH})
def delete_agent(path: AgentPath) -> Response:
    """Delete an agent. The transfers of its calls stay on record without it."""
    agent = agents.get(path.agent_id)
    agents.delete(agent)
    audit.note("agent.deleted", f"agent {agent.id}", {"name": agent.name})
    db.session.commit()
    return nothing()


def _given(body: AgentChange) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True)


def _committed(agent: Agent, status: int = 200) -> Response:
    shown = schemas.Agent.model_validate(agent)
    db.session.commit()
    return json_answer(shown, status)

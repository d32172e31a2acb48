"""Agents: list with their coverage, one agent with its transfers, add, edit, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import RadioField, SelectField, SelectMultipleField, StringField

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients import agents, campaigns, coverage, normal, records, timeline, transfers
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.clients.models import Agent, CreatedVia, Transfer
from kayse_dash.clients.timeline import Outcome, Step
from kayse_dash.clients.transfers import Page
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.keyset import Place
from kayse_dash.querystring import QueryString

bp = Blueprint("agents", __name__, url_prefix="/agents")

FLOWS = {CreatedVia.BUILDER: "Agent Builder", CreatedVia.WIZARD: "Wizard", CreatedVia.CAMPAIGN: "Campaign"}
NO_CAMPAIGN = ""
EXACT = {"autocomplete": "off", "spellcheck": "false"}


class AgentForm(FlaskForm):
    name = StringField("Name", render_kw={"maxlength": Agent.name.type.length, "autocomplete": "off"})
    created_via = RadioField(
        "Where it is built", choices=[(flow.value, label) for flow, label in FLOWS.items()], default="builder"
    )
    campaign_id = SelectField("Campaign", validate_choice=False)
    external_id = StringField("Id in the voice software", render_kw={"maxlength": Agent.external_id.type.length, **EXACT})
    events = SelectMultipleField("Events it sends", validate_choice=False)

    def offer(self) -> None:
        """Fill in the campaigns there are."""
        self.campaign_id.choices = [(NO_CAMPAIGN, "No campaign"), *((str(one.id), one.name) for one in campaigns.by_name())]

    def given(self, *, new: bool) -> dict[str, Any]:
        """What was typed, as `agents.check` takes it."""
        chosen = self.campaign_id.data or NO_CAMPAIGN
        return {
            "name": self.name.data,
            "external_id": self.external_id.data,
            "campaign_id": (int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else 0) if chosen else None,
            **({"created_via": self.created_via.data} if new else {"events": self.events.data or []}),
        }

    @property
    def own_faults(self) -> dict[str, str]:
        """What is wrong with the form though an agent may be so: one that is built with a campaign needs that chosen."""
        is_missing = self.created_via.data == CreatedVia.CAMPAIGN and not self.campaign_id.data
        return {"campaign_id": "Choose the campaign in which it is built."} if is_missing else {}

    def mark(self, faults: Mapping[str, str]) -> None:
        """Put what is wrong with the input at the fields it is about."""
        for field, fault in faults.items():
            self[field].errors = [*self[field].errors, fault]


@bp.get("")
def index() -> Response:
    return _with_transfers("agents/index.html", {} if web.wants_fragment() else _overview())


@bp.get("/<int:agent_id>")
def show(agent_id: int) -> Response:
    agent = agents.get(agent_id)
    return _with_transfers("agents/show.html", {} if web.wants_fragment() else _details(agent), agent)


@bp.get("/new")
@needs(Role.STAFF)
def new() -> Response:
    form = AgentForm(formdata=None)
    if campaign := QueryString(request.args).number("campaign", campaigns.LARGEST_ID):
        form.created_via.data, form.campaign_id.data = CreatedVia.CAMPAIGN.value, str(campaign)
    return _form_page(form)


@bp.post("")
def add() -> BaseResponse:
    form = AgentForm()
    try:
        values = agents.check(form.given(new=True))
        if form.own_faults:
            raise InvalidInput("Please check the fields.")
        agent = agents.create(values, clock.now())
    except InvalidInput as error:
        form.mark(form.own_faults | error.fields)
        return _form_page(form, status=422)
    audit.note("agent.created", f"agent {agent.id}", {"name": agent.name, "created_via": agent.created_via})
    db.session.commit()
    flash(f"“{agent.name}” was added. It sends all four transfer events.", "success")
    return web.go("agents.show", agent_id=agent.id)


@bp.get("/<int:agent_id>/edit")
@needs(Role.STAFF)
def edit(agent_id: int) -> Response:
    agent = agents.get(agent_id)
    form = AgentForm(formdata=None, obj=agent)
    form.campaign_id.data = str(agent.campaign_id) if agent.campaign_id else NO_CAMPAIGN
    return _form_page(form, agent)


@bp.post("/<int:agent_id>/edit")
def change(agent_id: int) -> BaseResponse:
    agent = agents.get(agent_id)
    form = AgentForm()
    try:
        values = agents.check(form.given(new=False), agent)
        taken_off = [CATALOGUE[name] for name in TRANSFERS if name in agent.events and name not in values["events"]]
        if taken_off and request.form.get("confirmed") != "yes":
            return _form_page(form, agent, taken_off=taken_off, status=422)
        before = {name: getattr(agent, name) for name in values}
        changed = agents.update(agent, values)
    except InvalidInput as error:
        form.mark(error.fields)
        return _form_page(form, agent, status=422)
    if changed:
        audit.note("agent.changed", f"agent {agent_id}", {name: {"from": before[name], "to": values[name]} for name in changed})
    db.session.commit()
    flash(f"“{agent.name}” was saved.", "success")
    return web.go("agents.show", agent_id=agent_id)


@bp.post("/<int:agent_id>/delete")
def delete(agent_id: int) -> BaseResponse:
    agent = agents.get(agent_id)
    if request.form.get("confirmed") != "yes":
        return _ask_before_deleting(agent)
    name = agent.name
    agents.delete(agent)
    audit.note("agent.deleted", f"agent {agent_id}", {"name": name})
    db.session.commit()
    flash(f"“{name}” was deleted.", "success")
    return web.go("agents.index")


def _overview() -> dict[str, Any]:
    """One page of the agents with their coverage."""
    text = QueryString(request.args).text("q")
    shown, found = agents.newest(text, Place.of(web.decode_cursor(request.args.get("agents"))))
    given = {"q": text} if text else {}

    def page(place: Place | None) -> str | None:
        return url_for("agents.index", **given, agents=web.encode_cursor(*place.values)) if place else None

    return {
        "coverages": coverage.of(shown, clock.now()),
        "text": text,
        "newer_agents_url": page(found.newer),
        "older_agents_url": page(found.older),
        "flows": FLOWS,
    }


def _details(agent: Agent) -> dict[str, Any]:
    [covered] = coverage.of([agent], clock.now())
    return {
        "coverage": covered,
        "sent_though_off": coverage.sent_though_off(covered),
        "other_events": [CATALOGUE[name] for name in agent.events if name in CALLS and name not in TRANSFERS],
        "flows": FLOWS,
    }


def _with_transfers(page: str, context: dict[str, Any], agent: Agent | None = None) -> Response:
    """A page with the transfers of an agent, or of all; its fragment is their list."""
    found = transfers.page(Place.of(web.decode_cursor(request.args.get("cursor"))), agent.id if agent else None)
    now = clock.now()
    return web.page_or_fragment(
        page,
        "agents/_transfers.html",
        agent=agent,
        found=found,
        lines=[_line(row, now) for row in found.rows],
        client_names=records.names([row.client_id for row in found.rows]),
        phone_shown=normal.phone_shown,
        **_links(found, agent),
        **context,
    )


def _line(row: Transfer, now: datetime) -> tuple[Transfer, list[Step], Outcome]:
    """A transfer with its line of time and how it stands."""
    times = (row.started_at, row.bridged_at, row.cancelled_at, row.ended_at)
    return row, timeline.steps(*times, reason=row.reason), timeline.outcome(*times, now)


def _links(found: Page, agent: Agent | None) -> dict[str, str | None]:
    """Addresses of the list of transfers, and of its neighbouring pages."""
    view, path = ("agents.show", {"agent_id": agent.id}) if agent else ("agents.index", {})

    def page(place: Place | None) -> str | None:
        return url_for(view, **path, cursor=web.encode_cursor(*place.values)) if place else None

    return {"here_url": url_for(view, **path), "newer_url": page(found.slice.newer), "older_url": page(found.slice.older)}


def _form_page(form: AgentForm, agent: Agent | None = None, *, status: int = 200, **context: Any) -> Response:
    form.offer()
    kinds = {"Calls": [name for name in CALLS if name not in TRANSFERS], "Live call transfers": list(TRANSFERS)}
    page = render_template(
        "agents/form.html",
        form=form,
        agent=agent,
        groups={label: [CATALOGUE[name] for name in names] for label, names in kinds.items()},
        **{"taken_off": [], **context},
    )
    return Response(page, status)


def _ask_before_deleting(agent: Agent) -> Response:
    """The question that stands in a dialog where there is JavaScript, as a page."""
    page = render_template(
        "confirm.html",
        title=f"Delete “{agent.name}”?",
        text="The transfers of its calls stay on record without it. This cannot be undone.",
        label="Delete agent",
        kind="danger",
        action=request.path,
        back=url_for("agents.show", agent_id=agent.id),
    )
    return Response(page)

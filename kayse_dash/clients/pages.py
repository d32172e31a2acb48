"""Campaigns: list, add, edit, delete."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import BooleanField, StringField

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.clients import agents, campaigns, coverage
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput

bp = Blueprint("clients", __name__)

MOST_AGENTS = 50  # of a campaign on its page

FIELDS = ("name", "case_type", "active", "self_healing_disabled")


class CampaignForm(FlaskForm):
    name = StringField("Name", render_kw={"maxlength": Campaign.name.type.length, "autocomplete": "off"})
    case_type = StringField("Case type", render_kw={"maxlength": Campaign.case_type.type.length, "autocomplete": "off"})
    active = BooleanField("The campaign is running", default=True)
    self_healing_disabled = BooleanField("No enrichment for this campaign's calls")

    def given(self) -> dict[str, Any]:
        """What was typed, as `campaigns.check` takes it."""
        return {field: self[field].data for field in FIELDS}

    def mark(self, error: InvalidInput) -> None:
        """Put what a verb said against the input at the fields it is about."""
        for field, fault in error.fields.items():
            self[field].errors = [*self[field].errors, fault]


@bp.get("/campaigns")
def list_campaigns() -> Response:
    return Response(render_template("clients/campaigns.html", campaigns=campaigns.by_name()))


@bp.get("/campaigns/new")
@needs(Role.STAFF)
def new_campaign() -> Response:
    return _form_page(CampaignForm(formdata=None))


@bp.post("/campaigns")
def add_campaign() -> BaseResponse:
    form = CampaignForm()
    try:
        campaign = campaigns.create(campaigns.check(form.given(), new=True), clock.now())
    except InvalidInput as error:
        form.mark(error)
        return _form_page(form, status=422)
    audit.note("campaign.created", f"campaign {campaign.id}", {"name": campaign.name})
    db.session.commit()
    flash(f"“{campaign.name}” was added.", "success")
    return web.go("clients.list_campaigns")


@bp.get("/campaigns/<int:campaign_id>")
@needs(Role.STAFF)
def edit_campaign(campaign_id: int) -> Response:
    campaign = campaigns.get(campaign_id)
    return _form_page(CampaignForm(formdata=None, obj=campaign), campaign)


@bp.post("/campaigns/<int:campaign_id>")
def change_campaign(campaign_id: int) -> BaseResponse:
    campaign = campaigns.get(campaign_id)
    form = CampaignForm()
    before = {field: getattr(campaign, field) for field in FIELDS}
    try:
        changed = campaigns.update(campaign, campaigns.check(form.given(), new=False))
    except InvalidInput as error:
        form.mark(error)
        return _form_page(form, campaign, status=422)
    if changed:
        details = {field: {"from": before[field], "to": getattr(campaign, field)} for field in changed}
        audit.note("campaign.changed", f"campaign {campaign_id}", details)
    db.session.commit()
    flash(f"“{campaign.name}” was saved.", "success")
    return web.go("clients.list_campaigns")


@bp.post("/campaigns/<int:campaign_id>/delete")
def delete_campaign(campaign_id: int) -> BaseResponse:
    campaign = campaigns.get(campaign_id)
    if request.form.get("confirmed") != "yes":
        return _ask_before_deleting(campaign)
    name = campaign.name
    try:
        campaigns.delete(campaign)
    except Conflict as error:
        db.session.rollback()
        flash(str(error), "error")
        return web.go("clients.edit_campaign", campaign_id=campaign_id)
    audit.note("campaign.deleted", f"campaign {campaign_id}", {"name": name})
    db.session.commit()
    flash(f"“{name}” was deleted.", "success")
    return web.go("clients.list_campaigns")


def _form_page(form: CampaignForm, campaign: Campaign | None = None, status: int = 200) -> Response:
    shown = {}
    if campaign:
        shown = {
            "webhooks": campaigns.filtered_by(campaign.id),
            "agents": [(agent, coverage.off(agent)) for agent in agents.of_campaign(campaign.id, MOST_AGENTS)],
        }
    return Response(render_template("clients/campaign.html", form=form, campaign=campaign, **shown), status)


def _ask_before_deleting(campaign: Campaign) -> Response:
    """The question that stands in a dialog where there is JavaScript, as a page."""
    page = render_template(
        "confirm.html",
        title=f"Delete “{campaign.name}”?",
        text="Events that name it stay as they are. This cannot be undone.",
        label="Delete campaign",
        kind="danger",
        action=request.path,
        back=url_for("clients.edit_campaign", campaign_id=campaign.id),
    )
    return Response(page)

"""The style guide: every part of `templates/_macros.html` in its states, to look at and to try."""

from __future__ import annotations

import time
from datetime import timedelta

from flask import Blueprint, Response, flash, render_template, request
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from kayse_dash import clock
from kayse_dash.accounts.access import needs
from kayse_dash.accounts.models import Role
from kayse_dash.errors import Conflict
from kayse_dash.web import go, page_or_fragment, wants_fragment

bp = Blueprint("styleguide", __name__, url_prefix="/styleguide")

SLOW = 1.5  # seconds; long enough to see a button wait


def _choices(words: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class SampleForm(FlaskForm):
    """One field of every kind."""

    name = StringField("Name", validators=[InputRequired("Give the webhook a name."), Length(max=120)])
    url = StringField("Destination URL", validators=[InputRequired("Enter the address to send to.")])
    secret = PasswordField("Password")
    notes = TextAreaField("Notes")
    state = SelectField("State", choices=_choices({"": "All states", "failed": "Failed", "held": "Held"}))
    method = RadioField(
        "Security", choices=_choices({"none": "None", "api_key": "API Key", "hmac": "HMAC Signature"}), default="hmac"
    )
    events = SelectMultipleField(
        "Events",
        choices=_choices({"call_started": "Call started", "call_ended": "Call ended", "call_analyzed": "Call analyzed"}),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    enabled = BooleanField("Send events as soon as it is saved", default=True)


@bp.get("")
@needs(Role.ADMIN)
def guide() -> Response:
    with_errors = SampleForm(formdata=None, prefix="wrong-")
    with_errors.validate()
    context = {"now": clock.now(), "minute": timedelta(minutes=1), "form": SampleForm(formdata=None), "wrong": with_errors}
    return Response(render_template("styleguide/guide.html", **context))


@bp.post("")
@needs(Role.ADMIN)
def answer() -> Response:
    """Answer a button of the guide as its `outcome` asks: saved, slow, invalid, refused."""
    outcome = request.form.get("outcome", "saved")
    if outcome == "refused":
        raise Conflict("Another person changed this webhook. Reload the page to see it.")
    if outcome == "invalid":
        form = SampleForm(prefix="sent-")
        form.validate()
        return page_or_fragment("styleguide/form.html", "styleguide/_form.html", status=422, form=form)
    if outcome == "slow":
        time.sleep(SLOW)
    flash("The change was saved.", "success")
    if wants_fragment():
        return page_or_fragment("styleguide/form.html", "styleguide/_answer.html", at=clock.now())
    return go("styleguide.guide")

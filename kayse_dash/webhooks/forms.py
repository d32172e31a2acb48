"""The webhook form: what is typed in five steps, and the same as `endpoints.check` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import HiddenInput, PasswordInput

from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE
from kayse_dash.webhooks import auth, signing
from kayse_dash.webhooks.models import Endpoint

DESTINATION, EVENTS, CAMPAIGNS, SECURITY, REVIEW = range(1, 6)
STEPS = {DESTINATION: "Destination", EVENTS: "Events", CAMPAIGNS: "Campaigns", SECURITY: "Security", REVIEW: "Review"}

ALL, SOME = "all", "some"
TOKEN, OAUTH2 = "token", "oauth2"
SECURITY_CHOICES = [
    ("none", "None"),
    ("api_key", "API Key"),
    ("basic", "Basic Auth"),
    ("bearer", "Bearer Token"),
    ("hmac", "HMAC Signature"),
]
SECURITY_HINTS = {
    "none": "No security is added. Anybody who knows the address could send to it.",
    "api_key": "Adds a key in a header.",
    "basic": "Uses a user name and a password.",
    "bearer": "Uses a JWT or an OAuth token.",
    "hmac": "Signs each delivery, so that the other system can verify it. The strongest choice.",
}

# `endpoints.check` speaks of fields by their names in the API; here they are spread over inputs.
INPUTS = {
    "name": "name",
    "url": "url",
    "events": "events",
    "campaign_ids": "campaign_ids",
    "case_types": "case_types",
    "auth.type": "auth_type",
    "auth.header": "api_key_header",
    "auth.value": "api_key_value",
    "auth.username": "basic_username",
    "auth.password": "basic_password",
    "auth.token": "bearer_token",
    "auth.token_url": "oauth2_token_url",
    "auth.client_id": "oauth2_client_id",
    "auth.client_secret": "oauth2_client_secret",
    "auth.scope": "oauth2_scope",
    "auth.secret": "hmac_secret",
}
STEP_OF = {
    "name": DESTINATION,
    "url": DESTINATION,
    "scope": EVENTS,
    "events": EVENTS,
    "campaign_ids": CAMPAIGNS,
    "case_types": CAMPAIGNS,
}
# Browsers should neither remember nor correct what is typed here.
EXACT = {"autocomplete": "off", "spellcheck": "false"}


class Kept(PasswordInput):
    """A secret's input: what was typed stays while the form goes to and fro, and no browser offers to save it."""

    def __init__(self) -> None:
        super().__init__(hide_value=False)


def _secret(label: str) -> PasswordField:
    return PasswordField(label, widget=Kept(), render_kw=EXACT)


class WebhookForm(FlaskForm):
    """All five steps in one form: shown a step at a time, or whole where there is no JavaScript."""

    step = IntegerField(widget=HiddenInput(), default=DESTINATION)
    version = IntegerField(widget=HiddenInput(), validators=[Optional()])
    name = StringField("Name", render_kw={"maxlength": 120, "autocomplete": "off"})
    url = StringField("Destination URL", render_kw={"type": "url", **EXACT})
    scope = RadioField("Which events", choices=[(ALL, "All events"), (SOME, "Only the events I pick")], default=ALL)
    events = SelectMultipleField("Events", validate_choice=False)
    campaign_ids = SelectMultipleField("Campaigns", coerce=int, validate_choice=False)
    case_types = StringField("Case types", render_kw={"autocomplete": "off"})
    auth_type = RadioField("How the other system can tell it is you", choices=SECURITY_CHOICES, default="none")
    api_key_header = StringField("Header", default=auth.DEFAULT_API_KEY_HEADER, render_kw=EXACT)
    api_key_value = _secret("Key")
    basic_username = StringField("User name", render_kw=EXACT)
    basic_password = _secret("Password")
    bearer_form = RadioField(
        "Where the token comes from",
        choices=[(TOKEN, "A token or JWT that I paste"), (OAUTH2, "OAuth 2: fetched with a client id and secret")],
        default=TOKEN,
    )
    bearer_token = _secret("Token or JWT")
    oauth2_token_url = StringField("Token URL", render_kw={"type": "url", **EXACT})
    oauth2_client_id = StringField("Client id", render_kw=EXACT)
    oauth2_client_secret = _secret("Client secret")
    oauth2_scope = StringField("Scope", render_kw=EXACT)
    hmac_secret = StringField("Signing secret", render_kw=EXACT)
    enabled = BooleanField("Switch it on as soon as it is saved", default=True)

    def fill(self, endpoint: Endpoint) -> None:
        """Show what a webhook is set to; its secrets stay out."""
        self.version.data = endpoint.version
        self.name.data, self.url.data = endpoint.name, endpoint.url
        self.scope.data = SOME if endpoint.events else ALL
        self.events.data, self.campaign_ids.data = list(endpoint.events), list(endpoint.campaign_ids)
        self.case_types.data = ", ".join(endpoint.case_types)
        kind, shown = endpoint.auth_type, auth.public(endpoint.auth)
        self.auth_type.data = "bearer" if kind == OAUTH2 else kind
        self.bearer_form.data = OAUTH2 if kind == OAUTH2 else TOKEN
        for name in ("header", "username", "token_url", "client_id", "scope"):
            if name in shown:
                self[INPUTS[f"auth.{name}"]].data = shown[name]

    def offer_secret(self) -> None:
        """Put a fresh signing secret where none is typed."""
        if not self.hmac_secret.data:
            self.hmac_secret.data = signing.new_secret()

    def has_call_events(self) -> bool:
        """Whether a campaign filter would narrow anything."""
        return self.scope.data != SOME or bool(CALL_EVENTS & set(self.events.data or ()))

    def given(self) -> dict[str, Any]:
        """What was typed, as `endpoints.check` takes it."""
        return {
            "name": self.name.data,
            "url": self.url.data,
            "events": list(self.events.data or ()) if self.scope.data == SOME else [],
            "campaign_ids": list(self.campaign_ids.data or ()) if self.has_call_events() else [],
            "case_types": [part.strip() for part in (self.case_types.data or "").split(",") if part.strip()],
            "auth": self._auth(),
            "enabled": bool(self.enabled.data),
        }

    def _auth(self) -> dict[str, Any]:
        kind = self.auth_type.data
        if kind == "bearer" and self.bearer_form.data == OAUTH2:
            kind = OAUTH2
        fields = {
            "api_key": ("header", "value"),
            "basic": ("username", "password"),
            "bearer": ("token",),
            "oauth2": ("token_url", "client_id", "client_secret", "scope"),
            "hmac": ("secret",),
        }.get(kind or "", ())
        return {"type": kind, **{name: self[INPUTS[f"auth.{name}"]].data for name in fields}}

    def mark(self, faults: Mapping[str, str], only_step: int | None = None) -> int | None:
        """Write faults beside their inputs; the first step that has one, of `only_step` where given."""
        first = None
        for field, sentence in faults.items():
            name = INPUTS.get(field, "auth_type" if field.startswith("auth") else "name")
            step = STEP_OF.get(name, SECURITY)
            if only_step in (None, step):
                self[name].errors = [*self[name].errors, sentence]
                first = step if first is None else min(first, step)
        return first


class TestForm(FlaskForm):
    """Which event to send as a test."""

    __test__ = False  # not a test case, whatever pytest makes of its name

    event = SelectField("Event", choices=[(name, f"{entry.label} ({name})") for name, entry in CATALOGUE.items()])


class SinceForm(FlaskForm):
    """How much of what failed or was held to send: all of it, or since a time."""

    which = RadioField("Which ones", validators=[InputRequired("Please choose one.")])
    since = DateTimeLocalField(
        "Since (UTC)", format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], validators=[Optional()], render_kw={"step": 60}
    )
    confirmed = HiddenField()

    def since_utc(self) -> datetime | None:
        """The time that was typed, where "since" is chosen."""
        return self.since.data.replace(tzinfo=UTC) if self.which.data == "since" and self.since.data else None

    def validate_since(self, field: DateTimeLocalField) -> None:
        if self.which.data == "since" and field.data is None and not field.errors:
            raise ValueError("Say since when.")


class RotateForm(FlaskForm):
    """A new signing secret, and how long the old one signs along."""

    secret = StringField("New signing secret", render_kw=EXACT)
    overlap = SelectField(
        "The old secret keeps signing for",
        choices=[("24", "24 hours"), ("0", "Not at all: it has leaked"), ("1", "1 hour"), ("72", "3 days"), ("168", "7 days")],
        default="24",
    )

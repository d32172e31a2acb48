"""What makes and changes a webhook. `endpoints.check` judges the values; these models say which fields there are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, WithJsonSchema
from pydantic_core import CoreSchema

from kayse_dash.api.fields import EVENT_NAME_SCHEMA, EventName, Moment, text
from kayse_dash.api.inputs import Body
from kayse_dash.events import catalogue
from kayse_dash.webhooks import auth, endpoints

Name = Annotated[str, WithJsonSchema({"type": "string", "minLength": 3, "maxLength": endpoints.LONGEST_NAME})]
Url = Annotated[str, WithJsonSchema({"type": "string", "format": "uri", "maxLength": 2048})]
Events = Annotated[list[Annotated[str, WithJsonSchema(EVENT_NAME_SCHEMA)]], Field(max_length=len(catalogue.CATALOGUE))]
CampaignIds = Annotated[list[int], Field(max_length=endpoints.MOST_CAMPAIGNS)]
CaseTypes = Annotated[list[str], Field(max_length=endpoints.MOST_CASE_TYPES)]


class AuthNone(Body):
    """Nothing proves who sends."""

    type: Literal["none"]


class AuthApiKey(Body):
    """A fixed header."""

    type: Literal["api_key"]
    header: str = Field(auth.DEFAULT_API_KEY_HEADER, max_length=100)
    value: str = Field(json_schema_extra={"writeOnly": True})


class AuthBasic(Body):
    """User name and password."""

    type: Literal["basic"]
    username: str
    password: str = Field(json_schema_extra={"writeOnly": True})


class AuthBearer(Body):
    """A fixed token or JWT."""

    type: Literal["bearer"]
    token: str = Field(json_schema_extra={"writeOnly": True})


class AuthOAuth2(Body):
    """A token of the OAuth 2 client-credentials grant, fetched when needed."""

    type: Literal["oauth2"]
    token_url: str = Field(json_schema_extra={"format": "uri"})
    client_id: str
    client_secret: str = Field(json_schema_extra={"writeOnly": True})
    scope: str = ""


class AuthHmac(Body):
    """A signature of each delivery, as in the Standard Webhooks specification."""

    type: Literal["hmac"]
    secret: str = Field(None, description="`whsec_` and base64 of 24 to 64 bytes; made here, if not given.")


_any_auth = TypeAdapter(
    Annotated[AuthNone | AuthApiKey | AuthBasic | AuthBearer | AuthOAuth2 | AuthHmac, Field(discriminator="type")] | None
)


class _DescribedAsAuth:
    """Has the reference show the kinds of authentication; `auth.parse` judges the value, in words fit for people."""

    @staticmethod
    def __get_pydantic_json_schema__(_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(_any_auth.core_schema)


AuthIn = Annotated[dict[str, Any] | None, _DescribedAsAuth]


class WebhookChange(Body):
    """What is to be different; what is left out stays as it is."""

    name: Name = None
    url: Url = Field(None, description="The Destination URL: https, and an address on the public internet.")
    events: Events = Field(None, description="What it listens to; empty for all events, also those to come.")
    campaign_ids: CampaignIds = Field(None, description="Narrows the eight call events; empty for all campaigns.")
    case_types: CaseTypes = Field(None, description="Narrows all events; empty for all.")
    auth: AuthIn = Field(
        None, description="How it proves who sends. An empty or missing secret keeps the one there is; null changes nothing."
    )
    enabled: bool = Field(None, description="While it is off, what it is owed is held.")


class WebhookIn(WebhookChange):
    """A new webhook."""

    model_config = {
        "openapi_extra": {
            "example": {
                "name": "Case management",
                "url": "https://hooks.example.com/kayse",
                "events": ["call_ended", "case.updated"],
                "auth": {"type": "hmac"},
            }
        }
    }

    name: Name
    url: Url = Field(description="The Destination URL: https, and an address on the public internet.")


class SampleIn(Body):
    """Which event's sample to send."""

    model_config = {"openapi_extra": {"required": False}}

    event: EventName = Field(None, description="The first that the webhook listens to, if not given.")


class EnableIn(Body):
    """What to do with what was held while the webhook was off."""

    model_config = {"openapi_extra": {"required": False}}

    held: Literal["send", "drop", "keep"] = "keep"
    since: Moment = Field(None, description="With `send`: only what was owed at this time or later; what is older is dropped.")


class DisableIn(Body):
    """Why the webhook is switched off."""

    model_config = {"openapi_extra": {"required": False}}

    reason: text(500) = None


class RetryFailedIn(Body):
    """What to send again."""

    model_config = {"openapi_extra": {"required": False}}

    since: Moment = Field(None, description="Only what was owed at this time or later.")


class RotateIn(Body):
    """The next signing secret."""

    model_config = {"openapi_extra": {"required": False}}

    secret: str = Field(None, description="`whsec_` and base64 of 24 to 64 bytes; made here, if not given.")
    overlap_hours: int = Field(24, ge=0, le=168, description="For how long the secret so far signs along.")

"""What `POST /v1/events` takes: one event or a batch, all of it checked before anything is recorded."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import CoreSchema

from kayse_dash.api import inputs
from kayse_dash.api.fields import EVENT_NAME_SCHEMA, LARGEST_FOREIGN_ID, EventId, ForeignId, Moment, text
from kayse_dash.errors import InvalidInput
from kayse_dash.events import catalogue, idempotency, record, validation
from kayse_dash.events.record import NewEvent

MOST_EVENTS = 1000
LONGEST_CASE_TYPE = 100

_SAMPLE = catalogue.CATALOGUE["call_ended"]


AnyName = Annotated[Any, WithJsonSchema(EVENT_NAME_SCHEMA)]
AnyData = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": True, "examples": [_SAMPLE.sample]})]
CaseType = text(LONGEST_CASE_TYPE)


class EventIn(inputs.Body):
    """One event that happened."""

    event: AnyName = Field(description="The event's name.")
    data: AnyData = Field(
        description="What happened, as it is to be delivered. Fields that the event's schema knows must have its types; all may "
        "be missing or null, and others may stand beside them."
    )
    timestamp: Moment | None = Field(None, description="When it happened (RFC 3339, with its zone); now, if not given.")
    id: EventId | None = Field(
        None, description="Your own id of the event. It is the `webhook-id` of each delivery, and makes a repeat a no-op."
    )
    campaign_id: ForeignId | None = Field(
        None, description="The campaign it belongs to; campaign filters look at it. That of `data.campaign_id`, if not given."
    )
    client_id: ForeignId | None = Field(
        None, description="The client it is about. Without it, the one on record that `data` names by id, external id or phone."
    )
    case_type: CaseType | None = Field(
        None, description="The type of case; case type filters look at it. That of the campaign, if not given."
    )


class EventBatch(inputs.Body):
    """Several events, recorded in this order: all or none."""

    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)


_either = TypeAdapter(EventIn | EventBatch)
_EXAMPLES: dict[str, Any] = {
    kind.name: {
        "summary": kind.label,
        "value": {"event": kind.name, "data": kind.sample, "timestamp": catalogue.SAMPLE_TIME, "campaign_id": 12},
    }
    for kind in catalogue.CATALOGUE.values()
}
_EXAMPLES["batch"] = {
    "summary": "A batch",
    "value": {
        "events": [
            {"event": name, "id": f"call_5f3a9c-{name}", "campaign_id": 12, "data": {"id": "call_5f3a9c"}}
            for name in ("call_started", "call_ended")
        ]
    },
}


class EventPost(inputs.Body):
    """One event, or a batch under `events`."""

    model_config = {"openapi_extra": {"examples": _EXAMPLES}}

    items: list[EventIn]
    is_batch: bool

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"title": cls.__name__, "description": cls.__doc__, **handler(_either.core_schema)}

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        is_batch = "events" in given
        items, faults = [], {}
        for number, one in enumerate(_batch(given) if is_batch else [given]):
            item, found = _read_one(one)
            items.append(item)
            for field, words in found.items():
                faults[f"events.{number}.{field}".removesuffix(".") if is_batch else field] = words
            if len(faults) > inputs.MOST_FAULTS:
                break
        if faults:
            raise inputs.refusal(faults)
        return cls.model_construct(items=items, is_batch=is_batch)

    def new_events(self) -> list[NewEvent]:
        """The events as they are to be recorded."""
        return [
            NewEvent(
                type=item.event,
                data=record.as_json(item.data),
                timestamp=item.timestamp,
                id=item.id,
                campaign_id=item.campaign_id or _campaign_in(item.data),
                client_id=item.client_id,
                case_type=(item.case_type or "").strip() or None,
            )
            for item in self.items
        ]


def _campaign_in(data: dict[str, Any]) -> int | None:
    """The campaign that an event's data names, where it can be one: an event should not miss its webhooks for its place."""
    named = data.get("campaign_id")
    return named if type(named) is int and 0 < named <= LARGEST_FOREIGN_ID else None


class Repeatable(inputs.Query):
    """The header that makes a request safe to repeat."""

    key: str | None = Field(
        None,
        alias=idempotency.HEADER,
        json_schema_extra={"minLength": 1, "maxLength": idempotency.LONGEST, "pattern": "^[\\x21-\\x7e]+$"},
        description="1 to 255 visible ASCII characters, such as a UUID. A repeat of the same request with the same key within "
        "24 hours records nothing and is answered as the first was, with `duplicate` true.",
    )


def _batch(given: dict[str, Any]) -> list[Any]:
    beside = {inputs.shown(name): "Send either one event or a list under events, not both." for name in given if name != "events"}
    if beside:
        raise inputs.refusal(beside)
    items = given["events"]
    if not isinstance(items, list):
        raise InvalidInput("Please check the fields that are named.", {"events": "This must be a list of events."})
    if not 1 <= len(items) <= MOST_EVENTS:
        words = f"A batch has 1 to {MOST_EVENTS:,} events; this one has {len(items):,}."
        raise InvalidInput("Please check the fields that are named.", {"events": words})
    return items


def _read_one(given: Any) -> tuple[EventIn | None, dict[str, str]]:
    """The event as it was read, and what is wrong with it by field."""
    item, faults = None, {}
    try:
        item = EventIn.model_validate(given)
    except ValidationError as error:
        faults = inputs.faults_of(error, EventIn.model_fields)
    if isinstance(given, dict):
        faults |= validation.check(given.get("event"), given.get("data"))
    return item, faults

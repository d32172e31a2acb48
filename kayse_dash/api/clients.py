"""`/v1/clients`."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, g
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer, nothing
from kayse_dash.api.fields import BigId, PageNumber, QueryText, Size
from kayse_dash.api.inputs import Body, Query
from kayse_dash.api.resource import Resource
from kayse_dash.clients import normal, paging, records
from kayse_dash.clients.fields import MOST_CASES, MOST_OF_A_KIND
from kayse_dash.clients.models import Client, Source
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput
from kayse_dash.typed import identifier

bp = Resource("clients", "The people the firm serves. Each phone, email and address of theirs tells where it came from.")

_columns = Client.__table__.c
LONGEST_SOURCE = _columns.external_source.type.length
LONGEST_EXTERNAL_ID = _columns.external_source_id.type.length


class ClientItemIn(BaseModel):
    """One of a list of phones, emails or addresses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    primary: bool = False


class ClientValueIn(ClientItemIn):
    value: str


class ClientAddressIn(ClientItemIn):
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


PhoneOrEmail = Annotated[
    ClientValueIn,
    BeforeValidator(lambda given: {"value": given} if isinstance(given, str) else given),
    WithJsonSchema({"anyOf": [{"type": "string"}, ClientValueIn.model_json_schema()]}),
]
_LIST = "All there are, instead of those on record; of each one whether it is the `primary` one."


def _text(longest: int, example: str | None = None, description: str | None = None, **schema: Any) -> Any:
    examples = [example] if example else None
    return Field(None, description=description, json_schema_extra={"maxLength": longest, **schema}, examples=examples)


class ClientFilters(Query):
    page: PageNumber = 1
    page_size: Size = 25
    q: QueryText | None = Field(None, description="A name or its beginning, a phone in any format, an email, an id.")
    external_source: QueryText | None = None
    external_source_id: QueryText | None = None
    email: QueryText | None = Field(None, description="Any of the client's emails.")
    mobile: QueryText | None = Field(None, description="Any of the client's phones, in any format.")


class ClientPath(BaseModel):
    client_id: BigId


class ClientChange(Body):
    """What is to be different; what is left out stays as it is."""

    first_name: str | None = _text(100, "Dana")
    last_name: str | None = _text(100, "Whitfield")
    email: str | None = _text(
        254, "dana.whitfield@example.com", "The primary email. What was primary stays beside it; null takes it away."
    )
    mobile: str | None = _text(
        60, "+12025550147", "The primary phone, in any format. What was primary stays beside it; null takes it away."
    )
    external_source: str | None = _text(LONGEST_SOURCE, "clio", "The other system that knows this client.")
    external_source_id: str | None = _text(LONGEST_EXTERNAL_ID, "CL-1042", "The client's id there.")
    date_of_birth: str | None = _text(10, "1980-12-31", format="date")
    address_line1: str | None = _text(200, "12 Main St")
    address_line2: str | None = _text(200, "Apt 4")
    city: str | None = _text(100, "Boston")
    state: str | None = _text(60, "MA")
    postal_code: str | None = _text(20, "02139")
    voice_calls_opted_out: bool = Field(None)
    enrichment_opted_out: bool = Field(None)
    case_ids: list[int] = Field(None, max_length=MOST_CASES)
    phones: list[PhoneOrEmail] | None = Field(None, max_length=MOST_OF_A_KIND, description=_LIST)
    emails: list[PhoneOrEmail] | None = Field(None, max_length=MOST_OF_A_KIND, description=_LIST)
    addresses: list[ClientAddressIn] | None = Field(None, max_length=MOST_OF_A_KIND, description=_LIST)


class ClientIn(ClientChange):
    """A client, with at least a name, a phone or an email."""


@bp.get("", responses={200: schemas.ClientPage, **errors.OF_QUERY})
def list_clients(query: ClientFilters) -> Response:
    """List clients, in the order in which they were made."""
    rows, total = paging.page(_wanted(query), query.page, query.page_size)
    shown = [schemas.Client.of(row) for row in rows]
    return json_answer(schemas.ClientPage(data=shown, page=query.page, total=total))


@bp.post("", responses={200: schemas.Client, 201: schemas.Client, 409: errors.ErrorAnswer, **errors.OF_BODY})
def save_client(body: ClientIn) -> Response:
    """Make a client, or change the one that is known by `external_source` and `external_source_id`.

    201: it was made. 200: it was on record; what is left out stayed as it was.
    409: somebody else changed the same client at the same moment; send it again.
    """
    given = _given(body)
    known = _known(given)
    if known is None:
        try:
            return _made(given)
        except (Conflict, InvalidInput):
            known = _known(given)  # somebody else made it in between
            if known is None:
                raise
    # Found by its id there, it need not be given it; one that it has from a client merged into it stays beside its own.
    named_by = ("external_source", "external_source_id")
    return _changed(known, {name: value for name, value in given.items() if name not in named_by})


@bp.get("/<client_id>", responses={200: schemas.Client, **errors.OF_PATH})
def get_client(path: ClientPath) -> Response:
    """One client."""
    return json_answer(schemas.Client.of(records.get(path.client_id)))


@bp.patch("/<client_id>", responses={200: schemas.Client, **errors.OF_PATH, **errors.OF_STATE, **errors.OF_BODY})
def change_client(path: ClientPath, body: ClientChange) -> Response:
    """Change some of a client's fields. 409: another client came to have the external id at the same moment."""
    return _changed(records.get(path.client_id, lock=True), _given(body))


@bp.delete("/<client_id>", responses={204: None, **errors.OF_PATH})
def delete_client(path: ClientPath) -> Response:
    """Delete a client for good. What is personal goes from events, attempts and lookups too; what accounts for them stays."""
    client = records.get(path.client_id, lock=True)
    records.delete(client, clock.now())
    audit.note("client.deleted", f"client {path.client_id}")
    db.session.commit()
    return nothing()


def _wanted(query: ClientFilters) -> paging.Wanted:
    """The filters, by what they are compared with.

    Raises:
        InvalidInput: by filter.
    """
    faults: dict[str, str] = {}
    email, phone = normal.email(query.email or ""), normal.phone(query.mobile or "")
    if query.email and not email:
        faults["email"] = "This is not an email address, such as name@example.com."
    if query.mobile and not phone:
        faults["mobile"] = "This is not a phone number, such as +12025550142."
    if faults:
        raise InvalidInput("Please check the fields that are named.", faults)
    return paging.Wanted((query.q or "").strip(), query.external_source, query.external_source_id, email, phone)


def _given(body: ClientChange) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True)


def _known(given: dict[str, Any]) -> Client | None:
    """The client that is on record under the external id that is given."""
    source = identifier(given.get("external_source"), LONGEST_SOURCE)
    external_id = identifier(given.get("external_source_id"), LONGEST_EXTERNAL_ID)
    return records.by_external(source, external_id, lock=True) if source and external_id else None


def _made(given: dict[str, Any]) -> Response:
    values = records.check(given, None)
    client = records.create(values, Source.API, _caller(), clock.now(), source_name=g.api_key.name)
    db.session.flush()
    audit.note("client.created", f"client {client.id}")
    return _committed(client, 201)


def _changed(client: Client, given: dict[str, Any]) -> Response:
    values = records.check(given, client)
    if changed := records.update(client, values, Source.API, _caller(), clock.now(), source_name=g.api_key.name):
        audit.note("client.changed", f"client {client.id}", {"changed": changed})
    return _committed(client)


def _caller() -> str:
    return f"API key {g.api_key.name}"


def _committed(client: Client, status: int = 200) -> Response:
    db.session.flush()
    shown = schemas.Client.of(client)
    db.session.commit()
    return json_answer(shown, status)

"""Answers about clients."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import Field

from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer
from kayse_dash.clients import records
from kayse_dash.clients.models import Client as ClientRow
from kayse_dash.clients.models import Source


class ClientDetail(Answer):
    """Where a fact about a client came from."""

    primary: bool
    source: Source
    source_name: str | None = Field(description="The import's file, the provider or the API key.")
    created_at: Shown


class ClientPhoneOrEmail(ClientDetail):
    """A phone number or an email address of a client."""

    value: str = Field(description="In E.164, or in lower case.", examples=["+12025550147"])
    typed: str = Field(description="As it was entered.", examples=["(202) 555-0147"])


class ClientAddress(ClientDetail):
    """An address of a client."""

    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None


class Client(Answer):
    """A client, with the primary phone, email and address, and with all of them."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    mobile: str | None = Field(description="In E.164.", examples=["+12025550147"])
    external_source: str | None
    external_source_id: str | None
    date_of_birth: date | None
    address_line1: str | None
    address_line2: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    voice_calls_opted_out: bool
    enrichment_opted_out: bool
    case_ids: list[int]
    origin: Source = Field(description="Where the client came from.")
    update_origin: Source = Field(description="Where the latest change came from.")
    created_at: Shown
    updated_at: Shown
    phones: list[ClientPhoneOrEmail]
    emails: list[ClientPhoneOrEmail]
    addresses: list[ClientAddress]

    @classmethod
    def of(cls, row: ClientRow) -> Self:
        return cls.model_validate(records.as_api(row))


class ClientPage(Answer):
    """Some of the clients, and how many match."""

    data: list[Client]
    page: int
    total: int

"""The people a firm serves, each fact about them with its source; the campaigns and agents that call them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kayse_dash.db import NEVER_AGAIN, BigKey, JSONText, db

# Keys that are searched by their beginning compare byte by byte, so that an index serves `>=` and `<` on both databases.
KeyText = String(200).with_variant(sa.String(200, collation="C"), "postgresql")


class Campaign(db.Model):
    """Outreach of the firm, which calls belong to and webhooks can be narrowed to."""

    __tablename__ = "campaigns"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    case_type: Mapped[str | None] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(default=True)
    # The firm's word for it in the public API: no enrichment for this campaign's calls.
    self_healing_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class CreatedVia(StrEnum):
    """The flow in which an agent was built."""

    BUILDER = "builder"
    WIZARD = "wizard"
    CAMPAIGN = "campaign"


class Agent(db.Model):
    """A voice agent, and the events it sends. `external_id` is what events call it (`agent_…`)."""

    __tablename__ = "agents"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    external_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id", ondelete="SET NULL"), index=True)
    created_via: Mapped[CreatedVia]
    events: Mapped[Any] = mapped_column(JSONText, default=list)
    created_at: Mapped[datetime]

    campaign: Mapped[Campaign | None] = relationship(lazy="raise_on_sql")


class Transfer(db.Model):
    """A live call transfer as its events told it, one row a call."""

    __tablename__ = "transfers"
    __table_args__ = (Index(None, "agent_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    call_id: Mapped[str] = mapped_column(String(128), unique=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id", ondelete="SET NULL"))
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    client_id: Mapped[int | None] = mapped_column(BigKey, index=True)
    started_at: Mapped[datetime | None]
    bridged_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(100))  # why it was cancelled
    transfer_to: Mapped[str | None] = mapped_column(String(100))
    updated_at: Mapped[datetime]

    agent: Mapped[Agent | None] = relationship(lazy="raise_on_sql")


class Source(StrEnum):
    """Where a client or a fact about one came from."""

    PERSON = "person"
    API = "public_api"
    IMPORT = "import"
    PROVIDER = "provider"
    SAMPLE = "sample"


class Client(db.Model):
    """A person the firm serves. Phones, emails and addresses are details; the keys are for searching only."""

    __tablename__ = "clients"
    __table_args__ = (
        Index("uq_clients_external", "external_source", "external_source_id", unique=True),
        Index("ix_clients_by_last", "last_key", "first_key", "id"),
        Index("ix_clients_by_first", "first_key", "last_key", "id"),
        Index("ix_clients_external_id", "external_source_id"),
        Index("ix_clients_updated", "updated_at", "id"),
        Index(
            "ix_clients_import",
            "import_id",
            sqlite_where=sa.text("import_id IS NOT NULL"),
            postgresql_where=sa.text("import_id IS NOT NULL"),
        ),
        NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    first_name: Mapped[str] = mapped_column(String(100), default="")
    last_name: Mapped[str] = mapped_column(String(100), default="")
    first_key: Mapped[str] = mapped_column(KeyText, default="")
    last_key: Mapped[str] = mapped_column(KeyText, default="")
    external_source: Mapped[str | None] = mapped_column(String(60))
    external_source_id: Mapped[str | None] = mapped_column(String(128))
    date_of_birth: Mapped[date | None]
    case_ids: Mapped[Any] = mapped_column(JSONText, default=list)
    voice_calls_opted_out: Mapped[bool] = mapped_column(default=False)
    enrichment_opted_out: Mapped[bool] = mapped_column(default=False)
    origin: Mapped[Source]
    update_origin: Mapped[Source]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    import_id: Mapped[int | None]  # the import that made it

    details: Mapped[list[Detail]] = relationship(
        back_populates="client", lazy="raise_on_sql", order_by="Detail.id", cascade="all, delete-orphan", passive_deletes=True
    )

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or "No name"


class DetailKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"


class Detail(db.Model):
    """One fact known of a client: a phone, an email or an address, as typed and as compared, and where it came from."""

    __tablename__ = "details"
    __table_args__ = (
        Index("uq_details_value", "client_id", "kind", "value", unique=True),
        Index("ix_details_find", "kind", "value", "client_id"),
        Index(
            "ix_details_import",
            "import_id",
            sqlite_where=sa.text("import_id IS NOT NULL"),
            postgresql_where=sa.text("import_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    client_id: Mapped[int] = mapped_column(BigKey, ForeignKey("clients.id", ondelete="CASCADE"))
    kind: Mapped[DetailKind]
    # Phones in E.164, emails in lower case, addresses as one normal line; what searching and matching compare.
    value: Mapped[str] = mapped_column(String(400).with_variant(sa.String(400, collation="C"), "postgresql"))
    typed: Mapped[str] = mapped_column(String(400))
    line1: Mapped[str | None] = mapped_column(String(200))  # line1 to postal_code: addresses only
    line2: Mapped[str | None] = mapped_column(String(200))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(60))
    postal_code: Mapped[str | None] = mapped_column(String(20))
    is_primary: Mapped[bool] = mapped_column(default=False)
    source: Mapped[Source]
    source_name: Mapped[str | None] = mapped_column(String(200))  # the import's file, the provider, the API key
    entered_by: Mapped[str | None] = mapped_column(String(254))
    created_at: Mapped[datetime]
    import_id: Mapped[int | None]

    client: Mapped[Client] = relationship(back_populates="details", lazy="raise_on_sql")


class Merge(db.Model):
    """Two clients made one, with what is needed to take it back."""

    __tablename__ = "merges"

    id: Mapped[int] = mapped_column(primary_key=True)
    kept_id: Mapped[int] = mapped_column(BigKey, index=True)
    gone_id: Mapped[int] = mapped_column(BigKey, index=True)
    before: Mapped[Any] = mapped_column(JSONText)  # both clients with their details, as they were
    by: Mapped[str] = mapped_column(String(254))
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]

"""The form of a client: what is typed in rows, and the same as `records.check` takes it."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, FormField, HiddenField, StringField

from kayse_dash.clients import fields
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.errors import InvalidInput

SPARE_ROWS = {"phones": 2, "emails": 2, "addresses": 1}  # empty ones below what is known
MORE_ROWS = 3  # empty ones when somebody asks for more
FLAGS = ("voice_calls_opted_out", "enrichment_opted_out")
TEXTS = ("first_name", "last_name", "date_of_birth", "external_source", "external_source_id")
# What is typed here is about somebody else: a browser must not offer the address of whoever sits before it.
ABOUT_OTHERS = {"autocomplete": "off", "spellcheck": "false"}


def _text(label: str, column: Any, **attributes: Any) -> StringField:
    return StringField(label, render_kw={"maxlength": column.type.length, **ABOUT_OTHERS, **attributes})


class AddressForm(Form):
    address_line1 = _text("Street", Detail.line1, placeholder="12 Main Street")
    address_line2 = _text("Apartment, suite", Detail.line2)
    city = _text("City", Detail.city)
    state = _text("State", Detail.state)
    postal_code = _text("ZIP code", Detail.postal_code, inputmode="text")


class ClientForm(FlaskForm):
    version = HiddenField()
    first_name = _text("First name", Client.first_name)
    last_name = _text("Last name", Client.last_name)
    date_of_birth = StringField("Date of birth", render_kw={"type": "date", **ABOUT_OTHERS})
    phones = FieldList(_text("Phone", Detail.typed, type="tel"), label="Phones", max_entries=fields.MOST_OF_A_KIND)
    emails = FieldList(
        _text("Email", Detail.typed, type="text", inputmode="email"), label="Emails", max_entries=fields.MOST_OF_A_KIND
    )
    addresses = FieldList(FormField(AddressForm, "Address"), label="Addresses", max_entries=fields.MOST_OF_A_KIND)
    # The name of the row that holds the primary one.
    primary_phones = HiddenField()
    primary_emails = HiddenField()
    primary_addresses = HiddenField()
    external_source = _text("System", Client.external_source, placeholder="clio")
    external_source_id = _text("Id in that system", Client.external_source_id)
    case_ids = StringField("Case ids", render_kw=ABOUT_OTHERS)
    voice_calls_opted_out = BooleanField("No voice calls to this client")
    enrichment_opted_out = BooleanField("Do not look up further details of this client")

    def fill(self, client: Client) -> None:
        """Show what is known of a client."""
        self.version.data = client.version
        for name in TEXTS:
            self[name].data = str(getattr(client, name) or "")
        for name in FLAGS:
            self[name].data = getattr(client, name)
        self.case_ids.data = ", ".join(map(str, client.case_ids))
        for name, kind in fields.LISTS.items():
            for detail in (one for one in client.details if one.kind is kind):
                row = self[name].append_entry(_parts(detail) if kind is DetailKind.ADDRESS else detail.typed)
                if detail.is_primary:
                    self[f"primary_{name}"].data = row.name

    def offer_rows(self, more: str | None = None) -> None:
        """Add empty rows, more of them to the list of this name."""
        for name, spare in SPARE_ROWS.items():
            empty = sum(not _typed(row) for row in self[name])
            wanted = max(spare, MORE_ROWS + (empty if name == more else 0)) if name == more else spare
            for _ in range(min(wanted - empty, fields.MOST_OF_A_KIND - len(self[name]))):
                self[name].append_entry()

    def given(self) -> dict[str, Any]:
        """What was typed, as `records.check` takes it."""
        told: dict[str, Any] = {name: self[name].data or "" for name in TEXTS}
        told |= {name: bool(self[name].data) for name in FLAGS}
        told["case_ids"] = _case_ids(self.case_ids.data or "")
        for name in fields.LISTS:
            told[name] = [self._item(name, row) for row in self._rows(name)]
        return told

    def mark(self, error: InvalidInput) -> None:
        """Put what a verb said against the input at the fields it is about."""
        for path, fault in error.fields.items():
            name, *rest = path.split(".")
            self[name].errors = [*self[name].errors, fault]
            if rest and name in fields.LISTS:
                row = self._rows(name)[int(rest[0])]
                spot = row.form[rest[1]] if len(rest) > 1 else row
                spot.errors = [*spot.errors, fault]

    def _rows(self, name: str) -> list[Any]:
        return [row for row in self[name] if _typed(row)]

    def _item(self, name: str, row: Any) -> dict[str, Any]:
        told = row.data if name == "addresses" else {"value": row.data}
        return {**told, "primary": self[f"primary_{name}"].data == row.name}


def _parts(detail: Detail) -> dict[str, Any]:
    return {name: getattr(detail, part) or "" for name, part in fields.ADDRESS_PARTS.items()}


def _typed(row: Any) -> bool:
    """Whether anything stands in a row."""
    values = row.data.values() if isinstance(row, FormField) else [row.data]
    return any(value and value.strip() for value in values)


def _case_ids(text: str) -> list[Any]:
    """Numbers, and what is none as it was typed, for `records.check` to name."""
    parts = [part for part in text.replace(",", " ").split() if part]
    return [int(part) if part.isascii() and part.isdigit() and len(part) < 19 else part for part in parts]

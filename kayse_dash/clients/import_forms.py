"""What is chosen for an import: how its file is read, what its columns become, what happens to whom is on record already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice

from kayse_dash.clients.import_choices import LONGEST_SOURCE, Choices, Duplicates
from kayse_dash.clients.import_dates import ORDER_WORDS, Order
from kayse_dash.clients.import_fields import TARGETS
from kayse_dash.clients.import_models import Import
from kayse_dash.errors import InvalidInput
from kayse_dash.tables import formats, text
from kayse_dash.tables.formats import Layout

COLUMN = "column-"

DUPLICATES = {
    Duplicates.UPDATE: "Add to what is known",
    Duplicates.SKIP: "Leave them as they are",
    Duplicates.ADD: "Add every row as a new client",
}
DUPLICATE_HINTS = {
    Duplicates.UPDATE: "Nothing that is known is replaced. A person's own entries always stay.",
    Duplicates.SKIP: "Only people who are new are imported.",
    Duplicates.ADD: "Nobody is looked for. An ID of another system can still be used only once.",
}


def _options(words: Mapping[str, str]) -> list[SelectChoice]:
    return [SelectChoice(str(value), label) for value, label in words.items()]


class ChoicesForm(FlaskForm):
    """Everything but the columns."""

    duplicates = RadioField("People who are on record already", choices=_options(DUPLICATES))
    fill = BooleanField("Fill what is empty: name, date of birth, ID in another system")
    add = BooleanField("Add phones, emails, addresses and case numbers")
    order = SelectField("Dates are written", choices=_options(ORDER_WORDS))
    source = StringField("Name of the other system", render_kw={"maxlength": LONGEST_SOURCE, "autocomplete": "off"})

    @classmethod
    def of(cls, choices: Choices) -> ChoicesForm:
        """The form with what was chosen before."""
        return cls(formdata=None, **choices.as_json())

    def chosen(self, before: Choices) -> Choices:
        """What was typed; what makes no sense counts as not chosen."""
        orders, duplicates = {order.value for order in Order}, {one.value for one in Duplicates}
        return replace(
            before,
            duplicates=Duplicates(self.duplicates.data) if self.duplicates.data in duplicates else before.duplicates,
            order=Order(self.order.data) if self.order.data in orders else before.order,
            source=self.source.data or "",
            fill=bool(self.fill.data),
            add=bool(self.add.data),
        )

    def mark(self, error: InvalidInput) -> None:
        """Put what is wrong at the fields it is about."""
        for name, fault in error.fields.items():
            if name in self:
                self[name].errors = [*self[name].errors, fault]


class LayoutForm(FlaskForm):
    """How the file is read."""

    headings = BooleanField("The first row names the columns")
    separator = SelectField("Between the cells stands", choices=_options(text.SEPARATORS))
    encoding = SelectField("Text is encoded as", choices=_options(text.ENCODINGS))
    sheet = SelectField("Sheet", choices=[], validate_choice=False)

    @classmethod
    def of(cls, import_: Import, sheets: list[str]) -> LayoutForm:
        """The form with how a file is read now."""
        form = cls(
            formdata=None,
            headings=Choices.from_json(import_.options).headings,
            separator=import_.delimiter,
            encoding=import_.encoding,
            sheet=import_.sheet,
        )
        form.sheet.choices = sheets
        return form

    def layout(self, import_: Import) -> Layout:
        """How the file is to be read."""
        if import_.format == formats.XLSX:
            return Layout(formats.XLSX, sheet=self.sheet.data)
        return Layout(formats.CSV, encoding=self.encoding.data, separator=self.separator.data)


def mapping(form: MultiDict[str, str], width: int) -> dict[int, str]:
    """What each column was chosen to become; those that are ignored left out."""
    chosen = {place: form.get(f"{COLUMN}{place}", "") for place in range(width)}
    return {place: target for place, target in chosen.items() if target in TARGETS}

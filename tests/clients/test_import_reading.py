"""What columns are guessed to be, and how rows are read: names, dates, and every kind of value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kayse_dash.clients import import_choices, import_dates, import_fields
from kayse_dash.clients.export import HEADINGS, safe
from kayse_dash.clients.fields import NewClient
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_dates import Order
from kayse_dash.clients.import_fields import TARGETS
from kayse_dash.clients.import_names import split_name
from kayse_dash.clients.import_rows import NOTHING_KNOWN, Reader, Rejected
from kayse_dash.errors import InvalidInput

TODAY = date(2026, 11, 23)


# Columns


def guessed(*headings: str, values: dict[str, list[str]] | None = None) -> dict[str, str]:
    found = import_fields.guess(headings, [(values or {}).get(heading, []) for heading in headings])
    return {headings[place]: target for place, target in found.items()}


@pytest.mark.parametrize(
    ("heading", "target"),
    [
        ("First", "first_name"), ("FIRST_NAME", "first_name"), ("Given name", "first_name"), ("firstName", "first_name"),
        ("Client First Name", "first_name"), ("Surname", "last_name"), ("Name", "full_name"), ("ClientName", "full_name"),
        ("Cell", "mobile"), ("Mobile Phone", "mobile"), ("Phone", "phone"), ("Home Phone #", "phone"), ("Phone 2", "phone"),
        ("E-mail", "email"), ("Email Address", "email"), ("Contact: Email", "email"), ("Zip", "postal_code"),
        ("ZIP Code", "postal_code"), ("DOB", "date_of_birth"), ("Date of Birth", "date_of_birth"), ("D.O.B.", "date_of_birth"),
        ("Street", "address_line1"), ("Address 1", "address_line1"), ("Apt #", "address_line2"), ("St.", "state"),
        ("External ID", "external_source_id"), ("Matter ID", "case_ids"), ("Do Not Call", "voice_calls_opted_out"),
        ("Notes", None), ("", None), ("Favourite colour", None),
    ],
)  # fmt: skip
def test_a_column_is_guessed_by_its_heading(heading: str, target: str | None) -> None:
    assert guessed(heading).get(heading) == target


def test_of_two_mobiles_the_second_is_another_phone_and_other_targets_are_given_once() -> None:
    found = guessed("Cell", "Mobile", "First name", "Given name", "ID", "External ID", "Name")
    assert found == {"Mobile": "mobile", "Cell": "phone", "First name": "first_name", "External ID": "external_source_id"}


def test_what_stands_in_a_column_speaks_too() -> None:
    emails, phones = ["a@example.com", "b@example.com"], ["(212) 555-0142", "617.555.0143"]
    values = {"Contact": emails, "Reach at": phones, "Case no": ["2024-CV-0001"], "Number": ["17", "18"]}
    assert guessed(*values, values=values) == {"Contact": "email", "Reach at": "phone"}


def test_a_file_without_headings_is_guessed_by_its_values_alone() -> None:
    rows = [["Ann", "212-555-0142", "a@example.com", "12/31/1980", "02134", "MA"]] * 3
    assert not import_fields.has_headings(rows)
    found = import_fields.guess_without_headings(list(zip(*rows, strict=True)))
    assert found == {1: "phone", 2: "email", 3: "date_of_birth", 4: "postal_code", 5: "state"}


@pytest.mark.parametrize("first", [["First", "Phone"], ["Vorname", "Telefon"], ["Name", "Address 1"], ["Line 1", "2024 bonus"]])
def test_headings_are_told_from_rows(first: list[str]) -> None:
    assert import_fields.has_headings([first, ["Ann", "212-555-0142"]])


def test_our_own_export_can_be_imported_as_it_is() -> None:
    found = guessed(*HEADINGS)
    assert found["Other phones"] == "phone"
    assert found["External source id"] == "external_source_id"
    assert set(TARGETS) - set(found.values()) == {"full_name", "mobile"}


def test_columns_are_called_by_heading_and_letter() -> None:
    headings = ["Phone", "", "phone "]
    assert [import_fields.shown(headings, place) for place in range(3)] == ["Phone (column A)", "Column B", "phone (column C)"]
    assert import_fields.letter(27) == "AB"


def test_choices_that_cannot_work_are_named() -> None:
    headings = ["First", "Given", "Name", "City"]
    with pytest.raises(InvalidInput) as caught:
        import_choices.check({0: "first_name", 1: "first_name", 2: "full_name"}, headings, Choices(source=" "))
    assert set(caught.value.fields) == {"column-1", "column-2", "source"}
    with pytest.raises(InvalidInput) as caught:
        import_choices.check({3: "city"}, headings, Choices())
    assert set(caught.value.fields) == {"columns"}
    assert import_choices.check({0: "first_name"}, headings, Choices(source=" our  CRM ")).source == "our CRM"
    assert Choices.from_json(Choices(order=Order.DAY_FIRST).as_json() | {"more": 1}).order is Order.DAY_FIRST


# Dates and names


@pytest.mark.parametrize(
    ("text", "month_first", "day_first"),
    [
        ("12/31/1980", "1980-12-31", None), ("31.12.1980", None, "1980-12-31"), ("3-4-1980", "1980-03-04", "1980-04-03"),
        ("1980-12-31", "1980-12-31", "1980-12-31"), ("1980/1/2", "1980-01-02", "1980-01-02"),
        ("1980-12-31 00:00:00", "1980-12-31", "1980-12-31"), ("1980-12-31T10:00:00Z", "1980-12-31", "1980-12-31"),
        ("12/31/1980 12:00:00 AM", "1980-12-31", None), ("3/4/80", "1980-03-04", "1980-04-03"),
        ("3/4/27", "1927-03-04", "1927-04-03"), ("3/4/26", "2026-03-04", "2026-04-03"), ("19800304", "1980-03-04", "1980-03-04"),
        ("03041980", "1980-03-04", "1980-04-03"), ("Mar 4, 1980", "1980-03-04", "1980-03-04"),
        ("4th March 1980", "1980-03-04", "1980-03-04"), ("4-Mar-80", "1980-03-04", "1980-03-04"),
        ("Tuesday, March 4, 1980", "1980-03-04", "1980-03-04"),
        ("2/30/1980", None, None), ("Foo 4, 1980", None, None), ("1980", None, None), ("29221", None, None), ("", None, None),
        ("٣/٤/1980", None, None), ("0/0/0000", None, None), ("0000-00-00", None, None),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(text: str, month_first: str | None, day_first: str | None) -> None:
    for order, iso in ((Order.MONTH_FIRST, month_first), (Order.DAY_FIRST, day_first)):
        found = import_dates.read(text, order, TODAY)
        assert (found and found.isoformat()) == iso


def test_the_order_is_month_first_unless_the_values_say_otherwise() -> None:
    assert import_dates.guess_order(["3/4/1980", "1980-31-12", "x"]) is Order.MONTH_FIRST
    assert import_dates.guess_order(["3/4/1980", "25/12/1980"]) is Order.DAY_FIRST
    assert import_dates.guess_order(["25/12/1980", "12/25/1980", "11/30/1980"]) is Order.MONTH_FIRST


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("Anna Smith", "Anna", "Smith"), ("Smith, Anna", "Anna", "Smith"), ("Mary Ann Smith", "Mary Ann", "Smith"),
        ("Dr. John Q. Public Jr.", "John Q.", "Public Jr."), ("John Smith, III", "John", "Smith III"),
        ("Maria de la Cruz", "Maria", "de la Cruz"), ("van Gogh, Vincent", "Vincent", "van Gogh"), ("Cher", "Cher", ""),
        ("Mr. Smith", "Smith", ""), ("De La Cruz", "De", "La Cruz"), ("Mr.", "Mr.", ""), (",", "", ""),
    ],
)  # fmt: skip
def test_full_names_are_taken_apart(text: str, first: str, last: str) -> None:
    assert split_name(text) == (first, last)


# Rows


def read(choices: Choices | None = None, **cells: str) -> NewClient:
    """Read a row of which each cell's column becomes what the cell is called here; `phone_2` is another `phone`."""
    targets = [name.rsplit("_", 1)[0] if name[-1].isdigit() and name[-2] == "_" else name for name in cells]
    headings = [name.replace("_", " ").capitalize() for name in cells]
    return Reader(headings, dict(enumerate(targets)), choices or Choices(), TODAY).read(list(cells.values()))


def reason(choices: Choices | None = None, **cells: str) -> str:
    with pytest.raises(Rejected) as caught:
        read(choices, **cells)
    return str(caught.value)


def test_a_row_becomes_a_client() -> None:
    found = read(
        first_name=" Anna ", last_name="Núñez", mobile="(212) 555-0142", phone="617.555.0143", phone_2="212-555-0142",
        email="Anna@Example.com", address_line1="12 Main St", city="Boston", state="Massachusetts", postal_code="2134",
        date_of_birth="12/31/1980", external_source_id="17", case_ids="3, 4; 3", voice_calls_opted_out="Yes",
    )  # fmt: skip
    assert (found.first_name, found.last_name, found.date_of_birth) == ("Anna", "Núñez", date(1980, 12, 31))
    assert [(one.value, one.typed, one.is_primary) for one in found.phones] == [
        ("+12125550142", "(212) 555-0142", True),
        ("+16175550143", "617.555.0143", False),
    ]
    assert [(one.value, one.typed) for one in found.emails] == [("anna@example.com", "Anna@Example.com")]
    assert [(one.value, one.state, one.postal_code) for one in found.addresses] == [("12 MAIN ST BOSTON MA 02134", "MA", "02134")]
    assert (found.external_source, found.external_source_id, found.case_ids) == ("import", "17", [3, 4])
    assert (found.voice_calls_opted_out, found.enrichment_opted_out) == (True, False)


def test_one_cell_can_hold_several_phones_and_emails() -> None:
    found = read(phone="(212) 555-0142 / 617-555-0143 or 617-555-0144", email="Bo <bo@example.com>; mailto:al@example.com")
    assert [one.value for one in found.phones] == ["+12125550142", "+16175550143", "+16175550144"]
    assert [one.value for one in found.emails] == ["bo@example.com", "al@example.com"]


def test_what_only_says_that_there_is_nothing_is_nothing() -> None:
    found = read(first_name="Null", last_name="-", phone="N/A", email="none", date_of_birth="unknown", external_source_id="n/a")
    assert found == NewClient(first_name="Null")


def test_formulas_are_text_and_apostrophes_against_them_are_taken_away_again() -> None:
    found = read(first_name="=1+1", last_name="'=HYPERLINK(1)", mobile=safe("+1 212 555 0142"))
    assert (found.first_name, found.last_name, found.phones[0].value) == ("=1+1", "=HYPERLINK(1)", "+12125550142")
    assert read(last_name="'t Hooft").last_name == "'t Hooft"


def test_signs_that_cannot_be_seen_are_dropped() -> None:
    assert read(mobile="\u202a+1 212 555 0142\u202c").phones[0].value == "+12125550142"


def test_the_system_of_an_id_is_the_column_s_else_the_chosen_one() -> None:
    assert read(Choices(source="Clio"), last_name="x", external_source_id="1").external_source == "Clio"
    assert read(last_name="x", external_source_id="1", external_source="Filevine").external_source == "Filevine"
    assert read(last_name="x", external_source="Filevine").external_source is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"mobile": "12345"}, "Mobile: “12345” is not a phone number."),
        ({"mobile": "212-555-0142 / 12"}, "is not a phone number."),
        ({"mobile": "212-555-0142;" * 100}, "is not a phone number."),
        ({"email": "a@example.com," * 100}, "is not an email address."),
        ({"email": "anna at example"}, "is not an email address."),
        ({"first_name": "x" * 101}, "is longer than 100 characters"),
        ({"first_name": "a\x07b"}, "one that cannot be kept"),
        ({"first_name": "M\ufffdller"}, "could not be read"),
        ({"first_name": "#REF!"}, "is an error that the spreadsheet shows."),
        ({"full_name": "x" * 150 + " y"}, "is longer than 100"),
        ({"date_of_birth": "31/12/1980"}, "is not a date of the form month/day/year."),
        ({"date_of_birth": "1/1/2040"}, "is not a day on which somebody who is alive was born."),
        ({"case_ids": "A-1"}, "is no list of case numbers"),
        ({"case_ids": "9" * 30}, "is no list of case numbers"),
        ({"voice_calls_opted_out": "maybe"}, "is neither yes nor no."),
        ({"external_source_id": "x" * 129}, "is longer than 128"),
        ({"city": "x" * 101}, "The city"),
        ({"first_name": "", "email": " "}, NOTHING_KNOWN),
        ({"city": "Boston"}, NOTHING_KNOWN),
    ],
)
def test_a_value_that_cannot_be_read_rejects_the_row_in_plain_words(cells: dict[str, str], words: str) -> None:
    assert words in reason(**cells)


def test_all_that_is_wrong_with_a_row_is_said_at_once_in_the_order_of_its_columns() -> None:
    told = reason(email="x", mobile="1", date_of_birth="y")
    assert [told.index(word) for word in ("Email:", "Mobile:", "Date of birth:")] == sorted(
        told.index(word) for word in ("Email:", "Mobile:", "Date of birth:")
    )
    assert len(reason(**{f"mobile_{n}": "z" * 60 for n in range(9)})) <= 500


def test_rows_may_be_short_of_cells_but_not_have_more() -> None:
    reader = Reader(["First", "Last"], {0: "first_name", 1: "last_name"}, Choices(), TODAY)
    assert reader.read(["Anna"]).first_name == "Anna"
    assert reader.read(["Anna", "Smith", "", " "]).last_name == "Smith"
    with pytest.raises(Rejected, match="3 cells, but there are only 2 columns"):
        reader.read(["Smith", "Jr", "Anna"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=len(TARGETS), max_size=len(TARGETS)))
def test_nothing_that_stands_in_a_cell_does_worse_than_reject_its_row(cells: list[str]) -> None:
    reader = Reader([""] * len(cells), dict(enumerate(TARGETS)), Choices(), TODAY)
    try:
        found = reader.read(cells)
    except Rejected:
        return
    assert found.first_name or found.last_name or found.phones or found.emails

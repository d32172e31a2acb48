"""What is said of a client, checked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kayse_dash.clients import fields
from kayse_dash.clients.fields import NewClient
from kayse_dash.errors import InvalidInput
from tests.clients.people import JANE

TODAY = date(2026, 3, 12)
HOSTILE = ["a\0b", "\ud800", "x" * 100_000, 7, 1.5, True, {"a": 1}, ["x"], b"x"]


def check(**given):
    return fields.check({"last_name": "Doe"} | given, None, TODAY)


def faults(**given) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        check(**given)
    return refused.value.fields


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "field", ["first_name", "last_name", "external_source", "email", "mobile", "date_of_birth", "city", "state"]
)
def test_hostile_values_are_faults_by_field(field, value):
    assert list(faults(**{field: value, "external_source_id": "1"})) in ([field], [field, "external_source"])


@pytest.mark.parametrize("value", [*HOSTILE, "not a phone"])
def test_hostile_items_of_lists_are_faults_by_place(value):
    for name in ("phones", "emails"):
        found = faults(**{name: [value]})
        assert list(found) == [f"{name}.0"]
    if not isinstance(value, dict):
        assert list(faults(addresses=[value])) == ["addresses.0"]
        assert list(faults(phones=["2125550142", {"value": value}])) == ["phones.1"]


@pytest.mark.parametrize("value", ["2125550142", 7, {"value": "2125550142"}])
def test_a_list_must_be_one(value):
    for name in ("phones", "emails", "addresses"):
        assert faults(**{name: value}) == {name: "This must be a list."}
    assert set(faults(phones=["2125550142"] * 51)) == {"phones"}


def test_a_fault_in_an_address_names_its_part():
    assert list(faults(addresses=[{"city": "Boston"}, {"city": 7, "state": "x" * 61}])) == [
        "addresses.1.city",
        "addresses.1.state",
    ]
    assert list(faults(city="x" * 101, address_line1="y" * 201)) == ["address_line1", "city"]


@pytest.mark.parametrize(
    "value", ["1980-2-3", "31.12.1980", "1980-13-01", "1700-01-01", str(TODAY + timedelta(days=1)), "1980-W01-1", "0"]
)
def test_a_date_of_birth_is_a_day_on_which_somebody_alive_was_born(value):
    assert list(faults(date_of_birth=value)) == ["date_of_birth"]


def test_a_date_of_birth_is_kept_as_a_date():
    assert check(date_of_birth="1980-12-31")["date_of_birth"] == date(1980, 12, 31)
    assert check(date_of_birth="")["date_of_birth"] is None
    assert check(date_of_birth=None)["date_of_birth"] is None


@pytest.mark.parametrize("value", ["7", 7, ["7"], [0], [-1], [2**53], [True], [1.0], list(range(1, 502))])
def test_case_ids_are_a_list_of_numbers(value):
    assert list(faults(case_ids=value)) == ["case_ids"]


def test_case_ids_are_kept_once_in_their_order():
    assert check(case_ids=[9, 7, 9])["case_ids"] == [9, 7]
    assert check(case_ids=None)["case_ids"] == []


@pytest.mark.parametrize("value", ["yes", 1, None, "true"])
def test_an_opt_out_is_true_or_false(value):
    assert list(faults(voice_calls_opted_out=value)) == ["voice_calls_opted_out"]


@pytest.mark.parametrize("given", [{"external_source": "clio"}, {"external_source_id": "7"}])
def test_another_systems_record_needs_both_its_name_and_the_id(given):
    missing = {"external_source", "external_source_id"} - set(given)
    assert set(faults(**given)) == missing


@pytest.mark.parametrize("given", [{}, {"last_name": " "}, {"phones": []}, {"phones": None, "emails": [], "city": ""}])
def test_somebody_unknown_cannot_be_kept(given):
    with pytest.raises(InvalidInput, match="Please check"):
        fields.check(given, None, TODAY)


@pytest.mark.parametrize("given", [{"mobile": "2125550142"}, {"emails": ["a@b.co"]}, {"first_name": "Jane"}])
def test_a_name_or_a_way_to_reach_somebody_is_enough(given):
    assert NewClient(**fields.check(given, None, TODAY))


def test_the_flat_fields_are_the_primary_ones():
    new = NewClient(**fields.check(JANE | {"phones": ["617 555 0199", "2125550142"]}, None, TODAY))
    assert [(one.value, one.typed, one.is_primary) for one in new.phones] == [
        ("+12125550142", "(212) 555-0142", True),
        ("+16175550199", "617 555 0199", False),
    ]
    assert [(one.value, one.is_primary) for one in new.addresses] == [("12 MAIN ST BOSTON MA 02139", True)]


def test_each_value_is_kept_once_and_one_of_them_is_primary():
    new = NewClient(
        **check(phones=["2125550142", {"value": "(212) 555-0142", "primary": True}, {"value": "6175550199", "primary": True}])
    )
    assert [(one.value, one.is_primary) for one in new.phones] == [("+12125550142", True), ("+16175550199", False)]
    assert check(emails=["b@x.co", "a@x.co"])["emails"][0].is_primary is True


def test_an_address_is_kept_as_written_with_its_codes_put_in_order():
    [address] = check(addresses=[{"address_line1": " 12  Main St ", "state": "mass.", "postal_code": "2139", "city": None}])[
        "addresses"
    ]
    assert (address.line1, address.line2, address.city, address.state, address.postal_code) == (
        "12 Main St",
        None,
        None,
        "MA",
        "02139",
    )
    [abroad] = check(addresses=[{"city": "Ottawa", "state": "Ontario", "postal_code": "K1M 1M4"}])["addresses"]
    assert (abroad.state, abroad.postal_code) == ("Ontario", "K1M 1M4")
    assert check(addresses=[{"city": " "}, {}])["addresses"] == []

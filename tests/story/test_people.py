"""The clients of the sample firm: fit to be kept, invented, and as mixed as people are."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import phonenumbers
import pytest

from kayse_dash.clients import fields, normal
from kayse_dash.clients.fields import NewClient
from kayse_dash.story import lines, people

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
LINES_OF_THE_FIRM = {lines.FIRM_NUMBER, *(number for _, number in lines.DESKS)}


@pytest.fixture(scope="module")
def checked() -> list[NewClient]:
    return [NewClient(**fields.check(person.fields, None, NOW.date())) for person in people.people()]


def test_there_are_two_hundred_and_each_has_an_id_of_the_sample_system(checked: list[NewClient]) -> None:
    assert len(checked) == 200
    assert {one.external_source for one in checked} == {"sample"}
    assert len({one.external_source_id for one in checked}) == 200


def test_their_phones_and_mailboxes_belong_to_nobody(checked: list[NewClient]) -> None:
    phones = {phone.value for one in checked for phone in one.phones}
    at_home = {phone for phone in phones if phone.startswith("+1")}
    assert all(re.fullmatch(r"\+1[2-9]\d\d55501\d\d", phone) for phone in at_home)
    assert phones - at_home == {"+442079460321", "+441614960845"}
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)
    assert not phones & LINES_OF_THE_FIRM
    assert all(email.value.endswith(("@example.com", ".example.com")) for one in checked for email in one.emails)


def test_their_addresses_are_complete_and_of_known_states(checked: list[NewClient]) -> None:
    for address in (address for one in checked for address in one.addresses):
        assert all((address.line1, address.city, address.state, address.postal_code))
        assert address.state in normal.STATES
        assert normal.zip_code(address.postal_code) == address.postal_code


def test_some_have_more_and_some_have_less(checked: list[NewClient]) -> None:
    for name in ("phones", "emails", "addresses"):
        counted = Counter(min(len(getattr(one, name)), 2) for one in checked)
        assert counted[0] >= 2
        assert counted[1] > 100
        assert counted[2] >= 5
    assert sum(one.date_of_birth is None for one in checked) >= 5
    assert all(date(1941, 1, 1) <= one.date_of_birth <= date(2006, 1, 1) for one in checked if one.date_of_birth)
    assert sum(not one.case_ids for one in checked) >= 5


def test_two_do_not_want_to_be_called_and_one_of_them_not_to_be_looked_up(checked: list[NewClient]) -> None:
    assert sum(one.voice_calls_opted_out for one in checked) == 2
    assert [one.voice_calls_opted_out for one in checked if one.enrichment_opted_out] == [True]


def test_five_are_there_twice_and_nobody_else(checked: list[NewClient]) -> None:
    def shared(values: list[str]) -> int:
        return sum(number > 1 for number in Counter(values).values())

    phones = [phone.value for one in checked for phone in one.phones]
    emails = [email.value for one in checked for email in one.emails]
    names = [" ".join(sorted((one.first_name.lower(), one.last_name.lower()))) for one in checked]
    births = Counter(one.date_of_birth for one in checked if one.date_of_birth)
    assert 2 <= shared(phones) <= 4
    assert 2 <= shared(emails) <= 5
    assert shared(names) == 3
    assert sum(number > 1 for number in births.values()) >= 3


def test_no_name_is_met_too_often_and_many_peoples_names_are_met(checked: list[NewClient]) -> None:
    assert len({one.last_name for one in checked}) > 70
    assert max(Counter(one.last_name for one in checked).values()) <= 10
    assert sum(not f"{one.first_name}{one.last_name}".isascii() for one in checked) >= 3


def test_they_became_clients_one_after_the_other_and_some_of_them_this_month() -> None:
    since = [person.since(NOW) for person in people.people()]
    assert all(at <= NOW for at in since)
    assert [at.date() for at in since] == sorted(at.date() for at in since)
    assert sum(at > NOW - timedelta(days=30) for at in since) == people.NEWCOMERS
    assert NOW - since[0] > timedelta(days=300)

"""The two hundred clients of the sample firm: invented, always the same, as a person would type them. Pure.

Their phone numbers end in 555-0100 to 555-0199, which are set aside for fiction in every area code (ATIS-0300115, section 4);
their addresses at example.com are too (RFC 2606, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from kayse_dash.story import CLIENTS, hours, lines

PEOPLE = 200
NEWCOMERS = 20  # who became clients in the last 30 days
_SEED = 2001
_AREA_CODE_OF_LINES = lines.FIRM_NUMBER[2:5]

_HERITAGES: tuple[tuple[str, str], ...] = (  # first names, and last names that go with them
    (
        "James Linda Robert Karen Michael Susan Brian Deborah Kevin Amy Timothy Laura Emily Tyler Megan Scott Heather Walter",
        "Miller Anderson Whitfield Harrington Carlisle Bennett Sutherland Pruitt Holloway McKenna Fraser Dunn Ashford Kessler "
        "Prescott Langley Whitaker Thornton Beckett Ellison Hargrove Winslow Mercer Abbott Tate Redmond Garner Lowell Osborne",
    ),
    (
        "Jerome Latoya Marcus Keisha Darnell Denise Terrence Monique Andre Tamika Reginald Simone Isaiah Imani",
        "Washington Banks Booker Gaines Jefferson Merriweather Broussard Hairston Pettway Dorsey Mayfield Tolliver",
    ),
    (
        "Rosa Miguel Guadalupe Javier Xiomara Luis Marisol Hector Yesenia Tomás Carmen Ramón Daniela Esteban Lucía",
        "Delgado Herrera Ortega Vargas Fuentes Castañeda Quiñones Rivera Maldonado Zamora Peña Echeverría Núñez",
    ),
    (
        "Linh Minh Thuy Duc Evelyn Jin Grace Wei Mei Hana Kenji Sun-hee",
        "Tran Nguyen Pham Park Choi Chen Liang Huang Tanaka Sato Yoon",
    ),
    ("Priya Arjun Anjali Vikram Farah Imran Deepa Sanjay", "Nair Patel Krishnan Chaudhry Banerjee Rao Siddiqui"),
    ("Aisha Omar Leila Yusuf Samira Karim Dalia Tariq", "Rahman Haddad Khoury Mansour Farouk Nasser"),
    ("Samuel Ngozi Grace Kwame Abena Chidi Fatou Amara", "Okafor Mensah Adeyemi Mbeki Diallo Asante Eze"),
    ("Walter Halina Dmitri Irina Stefan Zofia Milan Katarzyna", "Kowalski Novak Petrov Wójcik Horvat Lindqvist Sokolova"),
    (
        "Hannah Ari Miriam Daniel Colin Fiona Sean Maeve Giulia Marco",
        "Weiss Abramson Goldfarb O'Rourke Gallagher Moretti Esposito",
    ),
    ("Winona Ben Talise Joseph", "Begay Yazzie Littlefield Tsosie"),
)

_PLACES: tuple[tuple[str, str, str, str], ...] = (  # city, state, ZIP code, area code; the firm's own region first
    ("Washington", "DC", "20009", "202"), ("Arlington", "VA", "22201", "703"), ("Alexandria", "VA", "22314", "571"),
    ("Silver Spring", "MD", "20910", "301"), ("Bethesda", "MD", "20814", "240"), ("Baltimore", "MD", "21201", "410"),
    ("Richmond", "VA", "23220", "804"), ("Philadelphia", "PA", "19103", "215"), ("Wilmington", "DE", "19801", "302"),
    ("New York", "NY", "10025", "212"), ("Brooklyn", "NY", "11215", "718"), ("Yonkers", "NY", "10701", "914"),
    ("Newark", "NJ", "07102", "973"), ("Jersey City", "NJ", "07302", "201"), ("Trenton", "NJ", "08608", "609"),
    ("Pittsburgh", "PA", "15222", "412"), ("Boston", "MA", "02116", "617"), ("Worcester", "MA", "01608", "508"),
    ("Providence", "RI", "02903", "401"), ("Hartford", "CT", "06103", "860"), ("Buffalo", "NY", "14201", "716"),
    ("Raleigh", "NC", "27601", "919"), ("Charlotte", "NC", "28202", "704"), ("Atlanta", "GA", "30308", "404"),
    ("Miami", "FL", "33130", "305"), ("Orlando", "FL", "32801", "407"), ("Nashville", "TN", "37203", "615"),
    ("New Orleans", "LA", "70115", "504"), ("Houston", "TX", "77002", "713"), ("Dallas", "TX", "75201", "214"),
    ("San Antonio", "TX", "78205", "210"), ("Chicago", "IL", "60614", "773"), ("Detroit", "MI", "48201", "313"),
    ("Cleveland", "OH", "44113", "216"), ("Milwaukee", "WI", "53202", "414"), ("Minneapolis", "MN", "55401", "612"),
    ("Denver", "CO", "80202", "303"), ("Phoenix", "AZ", "85004", "602"), ("Los Angeles", "CA", "90012", "213"),
    ("San Diego", "CA", "92101", "619"), ("San Francisco", "CA", "94110", "415"), ("Seattle", "WA", "98101", "206"),
    ("Portland", "OR", "97205", "503"),
)  # fmt: skip
_NEARBY = 15

_STREETS = (
    "Maple Avenue", "Oak St", "Chestnut Street", "2nd Ave", "Park Place", "Washington Blvd", "Elm Street", "Franklin Rd",
    "Lakeview Drive", "Church St", "Highland Avenue", "Cedar Lane", "Union Street", "Prospect Ave", "Mulberry Court", "Pine St",
    "North Main Street", "Harrison Ave", "Sycamore Road", "W 14th St",
)  # fmt: skip
_WRITTEN = ("({0}) {1}-{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "+1 {0} {1} {2}", "{0}{1}{2}")


@dataclass(frozen=True)
class Person:
    """One client.

    Args:
        fields: as the public API takes them.
        days: how many days ago they became a client, at least 1.
    """

    fields: dict[str, Any]
    days: int

    @property
    def id(self) -> str:
        return self.fields["external_source_id"]

    def since(self, now: datetime) -> datetime:
        """When they became a client."""
        return hours.at_home(now - timedelta(days=self.days), random.Random(self.id))


@cache
def people() -> tuple[Person, ...]:
    """All of them, those who have been clients longest first. Five are there twice, as happens in every office."""
    dice = random.Random(_SEED)
    phones = {area: _phones(area, dice) for _, _, _, area in _PLACES}
    told = [_person(name, dice, phones) for name in _names(PEOPLE - len(_TWICE), dice)]
    for place, abroad in ((40, "+44 20 7946 0321"), (160, "+44 161 496 0845")):  # Ofcom's numbers for drama
        told[place]["phones"] = [*told[place]["phones"], abroad]
    for place in (31, 118):
        told[place]["voice_calls_opted_out"] = True
    told[118]["enrichment_opted_out"] = True
    of_whom_all_is_known = [fields for fields in told if all(fields.get(name) for name in _ALL)]
    for fields, again in zip(of_whom_all_is_known[::25], _TWICE, strict=False):
        told.append(fields | again(fields, phones["202"]))
    dice.shuffle(told)
    return tuple(
        Person(fields | {"external_source": CLIENTS, "external_source_id": f"C-{1000 + place}"}, _days(place - 1))
        for place, fields in enumerate(told, 1)
    )


def _days(place: int) -> int:
    """How many days ago the firm took on the client at this place: more of them the nearer it comes to today."""
    left = PEOPLE - place
    return 1 + left * 29 // (NEWCOMERS + 1) if left <= NEWCOMERS else 31 + (left - NEWCOMERS) ** 2 // 40


def _names(number: int, dice: random.Random) -> list[tuple[str, str]]:
    """Names that nobody shares; people of the longer lists are met more often."""
    pools = [(first.split(), last.split()) for first, last in _HERITAGES]
    weights = [len(first) * len(last) for first, last in pools]
    found: dict[tuple[str, str], None] = {}
    while len(found) < number:
        first, last = dice.choices(pools, [weight**0.6 for weight in weights])[0]
        found[dice.choice(first), dice.choice(last)] = None
    return list(found)


def _phones(area: str, dice: random.Random) -> Iterator[str]:
    taken = {number[-4:] for number in (lines.FIRM_NUMBER, *(number for _, number in lines.DESKS))}
    ends = [f"{end:04d}" for end in range(100, 200)]
    dice.shuffle(ends)
    for end in ends:
        if area != _AREA_CODE_OF_LINES or end not in taken:
            yield dice.choice(_WRITTEN).format(area, "555", end)


def _person(name: tuple[str, str], dice: random.Random, phones: dict[str, Iterator[str]]) -> dict[str, Any]:
    first, last = name
    place = dice.choice(_PLACES[:_NEARBY] if dice.random() < 0.7 else _PLACES)
    area = place[3]
    mailbox = "".join(sign for sign in f"{first}.{last}".lower().translate(_PLAIN) if sign.isascii())
    fields: dict[str, Any] = {"first_name": first, "last_name": last, "emails": [], "addresses": []}
    fields["phones"] = [next(phones[area])]
    fields["phones"] += [next(phones[area]) for chance in (0.24, 0.05) if dice.random() < chance]
    if dice.random() < 0.85:
        fields["emails"] = [f"{mailbox}@example.com"] + ([f"{mailbox}@work.example.com"] if dice.random() < 0.12 else [])
    elif dice.random() < 0.15:
        fields |= {"phones": [], "emails": [f"{mailbox}@example.com"]}
    if dice.random() < 0.88:
        fields["addresses"] = [_address(place, dice)] + ([_address(place, dice)] if dice.random() < 0.08 else [])
    if dice.random() < 0.92:
        fields["date_of_birth"] = (date(1941, 1, 1) + timedelta(days=dice.randrange(65 * 365))).isoformat()
    cases = dice.choices((0, 1, 2), (6, 84, 10))[0]
    fields["case_ids"] = sorted(dice.sample(range(1000, 9000), cases))
    return fields


_ALL = ("phones", "emails", "addresses", "date_of_birth", "case_ids")
_PLAIN = str.maketrans("áéíóúñçó", "aeiounco", "'’-")


def _address(place: tuple[str, str, str, str], dice: random.Random) -> dict[str, str]:
    city, state, postal_code, _ = place
    street = {"address_line1": f"{dice.randrange(2, 2400)} {dice.choice(_STREETS)}"}
    if dice.random() < 0.3:
        street["address_line2"] = f"Apt {dice.randrange(1, 40)}{dice.choice('ABCD')}"
    return street | {"city": city, "state": state, "postal_code": postal_code}


def _by_another_name(fields: dict[str, Any], _: Iterator[str]) -> dict[str, Any]:
    return {"first_name": fields["first_name"][0] + ".", "emails": [], "addresses": [], "case_ids": []}


def _with_a_new_phone(_: dict[str, Any], phones: Iterator[str]) -> dict[str, Any]:
    return {"phones": [next(phones)], "case_ids": []}


def _misspelled(fields: dict[str, Any], phones: Iterator[str]) -> dict[str, Any]:
    return {"last_name": fields["last_name"][:-1], "phones": [next(phones)], "emails": [], "case_ids": []}


def _in_capitals(fields: dict[str, Any], _: Iterator[str]) -> dict[str, Any]:
    return {name: fields[name].upper() for name in ("first_name", "last_name")} | {"addresses": []}


def _the_wrong_way_round(fields: dict[str, Any], phones: Iterator[str]) -> dict[str, Any]:
    return {"first_name": fields["last_name"], "last_name": fields["first_name"], "phones": [next(phones)]}


_TWICE = (_by_another_name, _with_a_new_phone, _misspelled, _in_capitals, _the_wrong_way_round)

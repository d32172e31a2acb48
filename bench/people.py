"""People who do not exist, as many as wanted and always the same; names are as frequent as in the United States."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    first_name: str
    last_name: str
    born: str  # year-month-day
    phone: str  # E.164
    email: str
    line1: str
    city: str
    state: str
    postal_code: str


def people(how_many: int, seed: int = 1) -> Iterator[Person]:
    """The first so many of an endless line of people."""
    chance = random.Random(seed)
    rare = [_invented(chance) for _ in range(30_000)]
    last_names = chance.choices(list(LAST), list(LAST.values()), k=200_000)
    for number in range(how_many):
        first = chance.choice(FIRST)
        if number % 7 == 0:
            first = f"{first} {chance.choice(FIRST)}"
        last = last_names[number % 200_000] if chance.random() < sum(LAST.values()) / 100 else chance.choice(rare)
        city, state, zip_start = chance.choice(CITIES)
        yield Person(
            first_name=first,
            last_name=last,
            born=f"{chance.randint(1940, 2007)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
            phone=f"+1{chance.choice(AREA_CODES)}{chance.randint(2, 9)}{number % 1_000_000:06}",
            email=f"{first[:1].lower()}{last.lower()}{number}@{chance.choice(MAIL)}",
            line1=f"{chance.randint(1, 9999)} {chance.choice(rare)} {chance.choice(STREETS)}",
            city=city,
            state=state,
            postal_code=f"{zip_start}{chance.randint(0, 99):02}",
        )


def _invented(chance: random.Random) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 3))).capitalize()


# Percent of the population, Census 2010.
LAST = {
    "Smith": 0.83, "Johnson": 0.65, "Williams": 0.55, "Brown": 0.49, "Jones": 0.48, "Garcia": 0.39, "Miller": 0.39,
    "Davis": 0.38, "Rodriguez": 0.37, "Martinez": 0.36, "Hernandez": 0.35, "Lopez": 0.30, "Gonzalez": 0.28,
    "Wilson": 0.27, "Anderson": 0.27, "Thomas": 0.26, "Taylor": 0.25, "Moore": 0.25, "Jackson": 0.24, "Martin": 0.24,
    "Lee": 0.23, "Perez": 0.23, "Thompson": 0.23, "White": 0.22, "Harris": 0.21, "Sanchez": 0.21, "Clark": 0.19,
    "Ramirez": 0.19, "Lewis": 0.18, "Robinson": 0.18, "Walker": 0.18, "Young": 0.16, "Allen": 0.16, "King": 0.16,
    "Wright": 0.16, "Scott": 0.15, "Torres": 0.15, "Nguyen": 0.15, "Hill": 0.15, "O'Brien": 0.05, "Smithson": 0.02,
    "Van Der Berg": 0.01, "Núñez": 0.05, "Smith-Jones": 0.01,
}  # fmt: skip
FIRST = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica "
    "Thomas Sarah Christopher Karen Charles Lisa Daniel Nancy Matthew Sandra Anthony Betty Mark Ashley Donald Emily Steven "
    "Kimberly Andrew Margaret Paul Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa Timothy Deborah Ronald "
    "Stephanie Jason Rebecca George Sharon Edward Laura Jeffrey Cynthia Ryan Dorothy Jacob Amy Nicholas Kathleen Gary Angela "
    "Eric Shirley Jonathan Emma José María Luis Ana Carlos Sofía Juan Carmen Miguel Rosa"
).split()
SYLLABLES = (
    "al an ar bel ber bor bra cal can car chen cor dal dan del den dor dun el er fal fer fin gal gan gor ham har hel hol jan "
    "kel ken kor lan len lin lor mal man mar mel mor nor ol or pal par pen per por ran ren ril ros sal san sel sha son tal "
    "tan ter tor val van ver vin wal wen wil win yor zan zel"
).split()
CITIES = (
    ("New York", "NY", "100"), ("Houston", "TX", "770"), ("Dallas", "TX", "752"), ("Los Angeles", "CA", "900"),
    ("Chicago", "IL", "606"), ("Phoenix", "AZ", "850"), ("Miami", "FL", "331"),
    ("Atlanta", "GA", "303"), ("Boston", "MA", "021"), ("Seattle", "WA", "981"),
)  # fmt: skip
AREA_CODES = "212 213 214 281 305 310 312 332 347 404 470 480 512 602 617 646 713 718 786 832 857 917 929 972".split()
STREETS = ("St", "Ave", "Road", "Blvd", "Lane", "Drive")
MAIL = ("gmail.com", "yahoo.com", "outlook.com", "icloud.com", "example.com")

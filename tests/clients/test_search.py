"""Looking for clients: what can be meant by what was typed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.clients import listing, search
from kayse_dash.clients.listing import Filters
from kayse_dash.clients.models import Client
from kayse_dash.db import db
from tests.clients.people import make_client
from tests.conftest import on_both_databases

PEOPLE = {
    "john": {"first_name": "John", "last_name": "Smith", "mobile": "(212) 555-0142", "email": "jsmith@example.com"},
    "johnathan": {"first_name": "Johnathan Michael", "last_name": "Smithson", "mobile": "(917) 555-0142"},
    "mary": {"first_name": "Mary Ann", "last_name": "Van der Berg", "phones": ["2125550199", "+44 20 7946 0958"]},
    "smith": {"first_name": "Smith", "last_name": "Johnson", "email": "smith.j@work.example"},
    "obrien": {"first_name": "José", "last_name": "O'Brien-Núñez", "external_source": "clio", "external_source_id": "C-77"},
}


# What is typed, and who is found.
NAMES = {
    "smith": {"john", "johnathan", "smith"},
    "SMI": {"john", "johnathan", "smith"},
    "smithson": {"johnathan"},
    "john smith": {"john", "johnathan", "smith"},
    "smith john": {"john", "johnathan", "smith"},
    "smith, john": {"john", "johnathan"},
    "smith,": {"john", "johnathan", "smith"},
    "jo smi": {"john", "johnathan", "smith"},
    "johnathan m smithson": {"johnathan"},
    "mary ann van der berg": {"mary"},
    "van der": {"mary"},
    "berg": set(),
    "obrien": {"obrien"},
    "o'brien nunez": {"obrien"},
    "jose o’brien": {"obrien"},
    "nobody": set(),
    "!!!": set(),
}
PHONES = {
    "(212) 555-0142": {"john"},
    "+12125550142": {"john"},
    "1 212 555 0142": {"john"},
    "212.555.0142 x9": {"john"},
    "212": {"john", "mary"},
    "212-555": {"john", "mary"},
    "1212555": {"john", "mary"},
    "(212) 555-019": {"mary"},
    "555-0142": {"john", "johnathan"},
    "+44 20": {"mary"},
    "442079460958": {"mary"},
    "02079460958": set(),
    "999": set(),
    "(": set(),
}
OTHERS = {
    "jsmith@example.com": {"john"},
    "JSmith@Ex": {"john"},
    "jsmith": {"john"},
    "smith.j@": {"smith"},
    "@example.com": set(),
    "C-77": {"obrien"},
    "c-77": set(),
    "C-7": set(),
}


@pytest.fixture
def people(app: Flask) -> dict[str, int]:
    return {name: make_client(given).id for name, given in PEOPLE.items()}


def found(people: dict[str, int], text: str) -> set[str]:
    names = {client_id: name for name, client_id in people.items()}
    return {names[row.client.id] for row in listing.page(Filters(text)).rows}


@on_both_databases
def test_names_phones_emails_and_external_ids(people):
    for text, whom in (NAMES | PHONES | OTHERS).items():
        assert found(people, text) == whom, text


def test_the_id_here_finds_a_client(people):
    assert found(people, f"#{people['mary']}") == {"mary"}
    assert found(people, str(people["mary"])) == {"mary"}
    assert found(people, "9" * 18) == set()


@pytest.mark.parametrize(
    "text", ["\ud800", "%", "_", "' OR 1=1", "9" * 200, "x " * 100, "😀", "\\", "-", "+", "++1", "1,2,3", ", ,"]
)
def test_whatever_is_typed_finds_nobody_rather_than_fails(people, text):
    assert found(people, text.encode("utf-8", "replace").decode()) == set()


def test_a_client_who_is_meant_in_several_ways_is_found_once(app):
    make_client({"first_name": "Smith", "last_name": "Smith", "emails": ["smith@x.co", "smith2@x.co"]})
    assert len(listing.page(Filters("smith")).rows) == 1


def test_what_somebody_was_found_by_is_shown(app):
    make_client({"last_name": "Doe", "phones": ["2125550142", "9175550142"], "emails": ["a@x.co", "b@x.co"]})
    for text, phone, email in (
        ("9175", "+19175550142", "a@x.co"),
        ("(917) 555-0142", "+19175550142", "a@x.co"),
        ("b@x", "+12125550142", "b@x.co"),
        ("doe", "+12125550142", "a@x.co"),
    ):
        [row] = listing.page(Filters(text)).rows
        assert (row.phone.value, row.email.value) == (phone, email), text


@on_both_databases
def test_a_name_that_very_many_have_is_cut_and_says_so(app, monkeypatch):
    monkeypatch.setattr(search, "MOST_FOUND", 3)
    for number in range(5):
        make_client({"first_name": f"{number}", "last_name": "Smith"})
    assert search.understand("smith", most=3).is_cut is True
    assert search.understand("smith", most=6).is_cut is False
    everybody = search.understand("smith", most=None).ids
    assert db.session.scalar(sa.select(sa.func.count()).select_from(everybody)) == 5


@on_both_databases
def test_every_meaning_is_served_by_an_index(people):
    """No step of any plan goes through a whole table: with many clients that is what makes a search slow."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        explain, slow = "EXPLAIN ", "Seq Scan"
    else:
        explain, slow = "EXPLAIN QUERY PLAN ", "SCAN clients"
    for text in ("smith", "john smith", "smith, john", "(212) 555-0142", "212", "555-0142", "jsmith@", "jsmith", "C-77", "77"):
        query = sa.select(Client.id).where(Client.id.in_(sa.select(search.understand(text).ids.c.id)))
        statement = query.compile(db.engine, compile_kwargs={"literal_binds": True}).string.replace("%", "%%")
        plan = "\n".join(str(row) for row in db.session.connection().exec_driver_sql(explain + statement))
        assert slow not in plan, text
        assert "SCAN details" not in plan, text
        assert "ix_" in plan, text

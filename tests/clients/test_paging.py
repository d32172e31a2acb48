from __future__ import annotations

from flask import Flask

from kayse_dash.clients import paging
from kayse_dash.clients.paging import Wanted
from tests.clients.people import make_client
from tests.conftest import on_both_databases


def names(wanted: Wanted = Wanted(), number: int = 1, size: int = 10) -> list[str]:  # noqa: B008
    return [client.first_name for client in paging.page(wanted, number, size)[0]]


@on_both_databases
def test_clients_are_found_by_what_they_are_filtered_by(app: Flask) -> None:
    make_client()
    make_client({"first_name": "Bob", "phones": ["6465550101", "6465550102"], "emails": ["bob@example.com", "b@example.com"]})
    make_client({"first_name": "Ann", "external_source": "clio", "external_source_id": "c-8", "mobile": "6465550101"})
    assert names() == ["Jane", "Bob", "Ann"]
    assert names(Wanted(external_source="clio")) == ["Jane", "Ann"]
    assert names(Wanted(external_source="clio", external_source_id="c-8")) == ["Ann"]
    assert names(Wanted(external_source_id="c-7")) == ["Jane"]
    assert names(Wanted(phone="+16465550101")) == ["Bob", "Ann"]
    assert names(Wanted(email="b@example.com")) == ["Bob"]
    assert names(Wanted(text="o'brien")) == ["Jane"]
    assert names(Wanted(text="(646) 555-0101")) == ["Bob", "Ann"]
    assert names(Wanted(text="646 555 0101", external_source="clio")) == ["Ann"]
    assert names(Wanted(text="nobody")) == []


@on_both_databases
def test_pages_count_from_one_and_come_with_their_details(app: Flask) -> None:
    for number in range(5):
        make_client({"first_name": f"No {number}", "mobile": f"64655501{number:02}"})
    rows, total = paging.page(Wanted(), 2, 2)
    assert ([client.first_name for client in rows], total) == (["No 2", "No 3"], 5)
    assert [detail.value for detail in rows[0].details] == ["+16465550102"]
    assert paging.page(Wanted(), 1_000_000, 100) == ([], 5)

"""Clients as a CSV file."""

from __future__ import annotations

import csv
import io

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import export
from kayse_dash.clients.listing import Filters, Sort
from kayse_dash.clients.models import DetailKind
from kayse_dash.db import db
from tests.clients.people import JANE, make_client
from tests.conftest import on_both_databases


def rows(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def exported(filters: Filters | None = None, sort: Sort = Sort.NAME) -> list[dict[str, str]]:
    db.session.commit()
    return rows("".join(export.pieces(db.engine, filters or Filters(), sort)))


@on_both_databases
def test_the_file_holds_everything_known_of_a_client(app: Flask) -> None:
    client = make_client(JANE | {"phones": ["2125550142", "+44 20 7946 0958"], "emails": ["b@x.co"], "case_ids": [7, 9]})
    [row] = exported()
    added = row.pop("Added")
    assert row.pop("Last changed") == added
    assert added.endswith("Z")
    assert row == {
        "Client id": str(client.id),
        "First name": "Jane",
        "Last name": "O'Brien",
        "Phone": "(212) 555-0142",
        "Other phones": "'+44 20 7946 0958",
        "Email": "jane@example.com",
        "Other emails": "b@x.co",
        "Address line 1": "12 Main Street",
        "Address line 2": "",
        "City": "Boston",
        "State": "MA",
        "ZIP code": "02139",
        "Date of birth": "1980-12-31",
        "External source": "clio",
        "External source id": "c-7",
        "Case ids": "7, 9",
        "Opted out of voice calls": "no",
        "Opted out of enrichment": "no",
        "Came from": "public_api",
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_is_never_a_formula(start) -> None:
    assert export.safe(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert export.safe(f"x{start}") == f"x{start}"


def test_names_that_look_like_formulas_are_text(app: Flask) -> None:
    make_client(
        {
            "first_name": '=HYPERLINK("http://evil.test","x")',
            "last_name": "@SUM(1)",
            "external_source": "-1",
            "external_source_id": "+1",
        }
    )
    [row] = exported()
    assert [row[name][0] for name in ("First name", "Last name", "External source", "External source id")] == ["'"] * 4
    assert row["First name"] == '\'=HYPERLINK("http://evil.test","x")'


@on_both_databases
def test_the_file_is_the_list_as_it_is_filtered_and_sorted(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(export, "BATCH", 4)
    for number in range(10):
        make_client({"last_name": f"Doe{9 - number}", **({"mobile": "2125550142"} if number % 2 else {})})
    make_client({"last_name": "Roe"})
    assert [row["Last name"] for row in exported(Filters("doe"))] == [f"Doe{number}" for number in range(10)]
    assert [row["Last name"] for row in exported(Filters("doe"), Sort.NEWEST)] == [f"Doe{number}" for number in range(10)]
    assert len(exported(Filters(lacks=DetailKind.PHONE), Sort.CHANGED)) == 6
    assert exported(Filters("nobody")) == []


def test_staff_take_the_file_from_the_list_and_the_trail_says_so(login) -> None:
    make_client()
    make_client({"last_name": "Roe"})
    browser = login("staff")
    assert "Export as CSV" in browser.get("/clients?q=roe&lacks=phone").text
    assert "Export as CSV" not in login("viewer").get("/clients").text

    answer = browser.post("/clients/export", data={"q": "roe", "lacks": "phone", "sort": "newest"})

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=clients-")
    assert [row["Last name"] for row in rows(answer.text)] == ["Roe"]
    entry = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.details) == ("client.exported", {"lacks": "phone", "searched": True})

"""Merging and taking back in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import records
from kayse_dash.clients.models import DetailKind, Merge
from kayse_dash.db import db
from tests.clients.people import change, make_client, values
from tests.factories import make_event

Login = Callable[[str], FlaskClient]


@pytest.fixture
def pair(app) -> tuple[int, int]:
    kept = make_client()
    return kept.id, make_client({"first_name": "Janie", "last_name": "O'Brien", "phones": ["617 555 0199", "212 555 0142"]}).id


def choices(page: str) -> dict[str, str]:
    """What a browser would send of the page that shows both."""
    form = {}
    for one in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', one)[1], re.search(r'value="([^"]*)"', one)[1]
        if 'type="radio"' not in one or " checked" in one:
            form.setdefault(name, []).append(unescape(value))
    return form


def last_entry() -> AuditEntry:
    return db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def test_who_looks_like_the_same_person_is_shown_and_compared(login: Login, pair) -> None:
    kept, gone = pair
    browser = login("staff")
    page = browser.get(f"/clients/{kept}").text
    assert "This may be the same person as 1 other client" in page
    assert f"/clients/{kept}/merge?with={gone}" in unescape(page)
    assert "Compare" not in login("viewer").get(f"/clients/{kept}").text
    assert f"/clients/{kept}/merge?with={gone}" in unescape(browser.get(f"/clients/{kept}/merge").text)


def test_somebody_else_is_searched_to_merge_with(login: Login, pair) -> None:
    kept, gone = pair
    other = make_client({"first_name": "Bob", "last_name": "Roe"}).id
    browser = login("staff")
    found = browser.get(f"/clients/{kept}/merge?q=roe", headers={"HX-Request": "true"}).text
    assert f"merge?with={other}" in found
    assert "<html" not in found
    itself = browser.get(f"/clients/{kept}/merge?q=o%27brien").text
    assert f"merge?with={gone}" in itself
    assert f"merge?with={kept}" not in itself
    assert "No other client matches" in browser.get(f"/clients/{kept}/merge?q=nobody").text
    assert "Nobody looks like the same person" in browser.get(f"/clients/{other}/merge").text


def test_two_clients_are_merged_as_chosen_and_it_is_taken_back(login: Login, pair) -> None:
    kept, gone = pair
    make_event(client_id=gone)
    browser = login("staff")
    page = browser.get(f"/clients/{kept}/merge?with={gone}").text
    assert f"1 event of client {gone} becomes one of client {kept}" in page
    form = choices(page)
    assert form.pop("csrf_token", None) is not None
    assert form == {
        "with": [str(gone)],
        "version": ["1", "1"],
        "first_name": ["kept"],
        "date_of_birth": ["kept"],
        "external": ["kept"],
        "phone": ["kept"],
    }

    answer = browser.post(f"/clients/{kept}/merge", data=form | {"first_name": "gone"})

    assert answer.location == f"/clients/{kept}"
    assert records.get(kept).first_name == "Janie"
    assert values(kept, DetailKind.PHONE) == [("+12125550142", True), ("+16175550199", False)]
    done = db.session.scalars(sa.select(Merge)).one()
    assert (last_entry().action, last_entry().subject) == ("client.merged", f"client {kept}")
    assert last_entry().details == {"merged_with": f"client {gone}", "merge": done.id}
    page = browser.get(f"/clients/{kept}").text
    assert "Take back" in page
    assert browser.get(f"/clients/{gone}").location == f"/clients/{kept}"
    assert f"Client {gone} was merged into this one." in browser.get(f"/clients/{kept}").text

    asked = browser.post(f"/clients/merges/{done.id}/undo")
    assert "Take the merge back?" in asked.text
    assert browser.post(f"/clients/merges/{done.id}/undo", data={"confirmed": "yes"}).location == f"/clients/{kept}"

    assert (records.get(kept).first_name, records.get(gone).first_name) == ("Jane", "Janie")
    assert last_entry().action == "client.merge_undone"
    assert "Take back" not in browser.get(f"/clients/{kept}").text
    browser.post(f"/clients/merges/{done.id}/undo", data={"confirmed": "yes"})
    assert "taken back already" in browser.get(f"/clients/{kept}").text


def test_a_client_that_was_changed_meanwhile_is_looked_at_again(login: Login, pair) -> None:
    kept, gone = pair
    browser = login("staff")
    form = choices(browser.get(f"/clients/{kept}/merge?with={gone}").text)
    change(records.get(gone), {"first_name": "Jeanne"})

    answer = browser.post(f"/clients/{kept}/merge", data=form)

    assert answer.status_code == 409
    assert "One of the two was changed in the meantime" in answer.text
    assert "Jeanne" in answer.text
    assert records.get(gone).first_name == "Jeanne"
    assert browser.post(f"/clients/{kept}/merge", data=choices(answer.text)).status_code == 303


@pytest.mark.parametrize("with_id", ["", "x", "0", "999", str(2**63), "9" * 30])
def test_nobody_is_merged_with_somebody_unknown(login: Login, pair, with_id) -> None:
    browser = login("staff")
    assert browser.post(f"/clients/{pair[0]}/merge", data={"with": with_id}).status_code == 404
    assert browser.post(f"/clients/merges/{with_id or 7}/undo", data={"confirmed": "yes"}).status_code == 404


def test_nobody_is_merged_with_themselves(login: Login, pair) -> None:
    browser = login("staff")
    assert browser.get(f"/clients/{pair[0]}/merge?with={pair[0]}").status_code == 409
    assert browser.post(f"/clients/{pair[0]}/merge", data={"with": pair[0], "version": ["1", "1"]}).status_code == 409


def test_who_was_merged_further_is_taken_back_last_first(login: Login, pair) -> None:
    kept, gone = pair
    third = make_client({"first_name": "J", "last_name": "Obrien"}).id
    browser = login("staff")
    for stays, goes in ((kept, gone), (third, kept)):
        browser.post(f"/clients/{stays}/merge", data=choices(browser.get(f"/clients/{stays}/merge?with={goes}").text))
    first = db.session.scalars(sa.select(Merge).order_by(Merge.id)).first()

    answer = browser.post(f"/clients/merges/{first.id}/undo", data={"confirmed": "yes"})

    assert answer.location == f"/clients/{third}"
    assert "Take that back first" in browser.get(f"/clients/{third}").text
    assert browser.get(f"/clients/{gone}").location == f"/clients/{third}"

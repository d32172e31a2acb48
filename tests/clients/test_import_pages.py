"""The pages of imports, as a browser meets them: with and without JavaScript, and with files that are none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import import_files, import_prepare, import_run, imports
from kayse_dash.clients.import_models import Import, ImportReject, ImportState
from kayse_dash.clients.models import Client
from kayse_dash.config import Settings
from kayse_dash.db import db
from tests.clients.imports_of import HEADINGS, check, csv_bytes, how_many, person, reload, run, upload, work
from tests.tables.workbooks import parts, save, sheet, text_row

Login = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def staff(login: Login) -> FlaskClient:
    return login("staff")


def send(browser: FlaskClient, raw: bytes, name: str = "people.csv", **options: object) -> TestResponse:
    data = {"file": (io.BytesIO(raw), name)}
    return browser.post("/clients/import", data=data, content_type="multipart/form-data", **options)  # type: ignore[arg-type]


def the_import() -> Import:
    db.session.rollback()
    return db.session.scalars(sa.select(Import).order_by(Import.id.desc()).limit(1)).one()


def chosen(**over: str) -> dict[str, str]:
    """The form as the page of a file with `HEADINGS` sends it."""
    targets = ["first_name", "last_name", "mobile", "email", "address_line1", "city", "state", "postal_code", "date_of_birth"]
    columns = {f"column-{place}": target for place, target in enumerate([*targets, "external_source_id"])}
    return columns | {"duplicates": "update", "fill": "y", "add": "y", "order": "mdy", "source": "Clio"} | over


def test_a_file_is_imported_without_javascript(app: Flask, staff: FlaskClient) -> None:
    assert "Nothing was imported yet" in staff.get("/clients/import").text
    answer = send(staff, csv_bytes(person(1), person(2, mobile="12345")))
    assert (answer.status_code, answer.location) == (303, f"/clients/import/{the_import().id}")
    page = staff.get(answer.location).text
    assert re.search(r'<option value="mobile" selected>', page)
    assert "“12345” is not a phone number." in page
    here = answer.location
    assert staff.post(f"{here}/check", data=chosen()).location == here
    assert "Checking the file" in staff.get(here).text
    import_prepare.prepare(the_import().id)
    work(the_import())
    page = staff.get(here).text
    assert "1 new, 0 updated, 1 rejected, 0 unchanged" in page
    assert "every" not in page
    assert staff.post(f"{here}/start").location == here
    assert 'hx-trigger="every 1s"' in staff.get(here).text
    work(the_import())
    assert "What was imported" in staff.get(here).text
    assert "Undo this import?" in staff.post(f"{here}/undo").text
    assert staff.post(f"{here}/undo", data={"confirmed": "yes"}).location == here
    work(the_import())
    assert "This import was undone" in staff.get(here).text
    assert how_many(Client) == 0
    actions = list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions == ["import.uploaded", "import.started", "import.finished", "import.undo_started", "import.undone"]
    assert "people.csv" in staff.get("/clients/import").text


def test_with_htmx_the_page_follows_by_fragments(app: Flask, staff: FlaskClient) -> None:
    answer = send(staff, csv_bytes(person(1)), headers=HTMX)
    here = answer.headers["HX-Redirect"]
    assert answer.status_code == 204
    fragment = staff.post(f"{here}/check", data=chosen(), headers=HTMX).text
    assert fragment.startswith('\n<div id="import"') or '<div id="import"' in fragment[:200]
    assert "<html" not in fragment
    fragment = staff.post(f"{here}/cancel", headers=HTMX).text
    assert "What is in each column?" in fragment
    assert 'hx-trigger="every' not in fragment
    assert the_import().options["source"] == "Clio"


def test_the_preview_follows_the_choice_and_keeps_nothing(app: Flask, staff: FlaskClient) -> None:
    here = send(staff, csv_bytes(person(1))).location
    before = the_import().mapping
    fragment = staff.post(f"{here}/preview", data=chosen(**{"column-0": "full_name", "column-1": ""}), headers=HTMX).text
    assert "First1" in fragment
    assert "Last1" not in fragment
    page = staff.post(f"{here}/check", data=chosen(**{"column-1": ""}) | {"go": "preview"}).text
    assert re.search(r'name="column-1".*?<option value="">', page, re.DOTALL)
    assert (the_import().mapping, the_import().state) == (before, ImportState.UPLOADED)


def test_choices_that_cannot_work_come_back_with_the_reason(app: Flask, staff: FlaskClient) -> None:
    here = send(staff, csv_bytes(person(1))).location
    answer = staff.post(f"{here}/check", data=chosen(**{"column-1": "first_name", "source": ""}))
    assert answer.status_code == 422
    assert "is the first name already" in answer.text
    assert "The name of the other system is missing." in answer.text
    answer = staff.post(f"{here}/check", data={}, headers=HTMX)
    assert answer.status_code == 422
    assert "Choose at least one column" in answer.text
    odd = {"column-0": "no such", "duplicates": "x", "order": "x", "column-99": "city"}
    assert staff.post(f"{here}/check", data=chosen(**odd)).status_code == 303


def test_how_the_file_is_read_can_be_changed(app: Flask, staff: FlaskClient) -> None:
    here = send(staff, b"Name|Tel\nAnn|212-555-0142\n").location
    form = {"separator": ";", "encoding": "cp1252"}
    assert staff.post(f"{here}/layout", data=form).location == here
    assert (the_import().columns, the_import().delimiter) == ([""], ";")
    assert staff.post(f"{here}/layout", data=form | {"separator": "x"}).status_code == 422
    book = parts({"One": sheet(text_row(1, "Name"), text_row(2, "Ann")), "Two": sheet(text_row(1, "City"), text_row(2, "Rome"))})
    here = send(staff, save(import_files.folder() / "book", book).read_bytes()).location
    assert "Two" in staff.get(here).text
    assert staff.post(f"{here}/layout", data={"sheet": "Two", "headings": "y"}).location == here
    assert the_import().columns == ["City"]
    assert staff.post(f"{here}/layout", data={"sheet": "x" * 500, "headings": "y"}).status_code == 422


@pytest.mark.parametrize(
    ("raw", "name", "words"),
    [
        (b"", "people.csv", "The file is empty."),
        (b"%PDF-1.7", "people.csv", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "people.xlsx", "old Excel workbook"),
        (b"PK\x03\x04" + b"\0" * 100, "people.xlsx", "damaged"),
        (b"a,b\n", "", "Choose a file first."),
    ],
)
def test_what_is_no_table_is_refused_in_plain_words(app: Flask, staff: FlaskClient, raw: bytes, name: str, words: str) -> None:
    for headers in ({}, HTMX):
        answer = send(staff, raw, name, headers=headers)
        assert answer.status_code == 422
        assert words in answer.text
        assert ("<html" in answer.text) == (not headers)
    assert how_many(Import) == 0
    assert not list(import_files.folder().iterdir())


def test_a_file_that_is_too_large_is_refused_and_other_forms_stay_small(app: Flask, staff: FlaskClient, monkeypatch) -> None:
    monkeypatch.setattr(imports, "LARGEST_FILE", 3 << 20)
    assert send(staff, b"a,b\n" + b"1,2\n" * 600_000).status_code == 303  # above the limit of every other form
    answer = send(staff, b"a,b\n" + b"1,2\n" * 900_000)
    assert answer.status_code == 422
    assert "larger than 500 MB" in answer.text
    assert staff.post("/campaigns", data={"name": "x" * (2 << 20)}).status_code == 413


def test_an_upload_needs_the_token_and_leaves_nothing_behind_without(settings: Settings, app: Flask, staff: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert send(staff, csv_bytes(person(1))).status_code == 400
    assert how_many(Import) == 0
    assert not list(import_files.folder().iterdir())


def test_viewers_see_imports_and_change_nothing(app: Flask, login: Login) -> None:
    import_ = upload(csv_bytes(person(1), person(2, mobile="1")))
    viewer = login("viewer")
    here = f"/clients/import/{import_.id}"
    assert "Upload a file" not in viewer.get("/clients/import").text
    assert "Check the file" not in viewer.get(here).text
    assert viewer.post(f"{here}/check", data=chosen()).status_code == 403
    check(reload(import_))
    page = viewer.get(here).text
    assert "Import 1 row" not in page
    assert "Download" not in page
    assert viewer.get(f"{here}/rejected.csv").status_code == 403


def test_rejected_rows_are_downloaded_without_harm_and_can_come_back(app: Flask, staff: FlaskClient) -> None:
    rows = [person(1, first="=cmd()", mobile="+1 212"), person(2), [*person(3), "one", "two"]]
    import_ = run(csv_bytes(*rows))
    answer = staff.get(f"/clients/import/{import_.id}/rejected.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="people - rejected rows.csv"'
    headings, first, second = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert headings == [*HEADINGS, "Row", "Why it was rejected"]
    assert first == ["'=cmd()", "Last1", "'+1 212", *rows[0][3:], "2", "Mobile: “+1 212” is not a phone number."]
    assert (second[9], second[10]) == ("ext-3 | one | two", "4")
    again = upload(answer.text.replace("'+1 212,", "212-555-0001,").encode())
    assert again.mapping == import_.mapping
    assert run(again).created == 2
    assert "=cmd()" in {client.first_name for client in db.session.scalars(sa.select(Client))}


def test_the_sample_file_can_be_imported_as_it_is(app: Flask, staff: FlaskClient) -> None:
    answer = staff.get("/clients/import/sample.csv")
    assert answer.mimetype == "text/csv"
    assert set(re.findall(r"\) 555-(\d\d)", answer.text)) == {"01"}
    import_ = run(upload(answer.data))
    assert (import_.created, import_.rejected, len(import_.mapping)) == (50, 0, 10)


def test_a_page_that_waits_says_so(app: Flask, staff: FlaskClient) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    imports.start(import_, "a", clock.now() - 5 * imports.STALLED_AFTER)
    db.session.commit()
    assert "Nobody is at it right now" in staff.get(f"/clients/import/{import_.id}").text


def test_a_page_whose_file_is_gone_says_so(app: Flask, staff: FlaskClient) -> None:
    import_ = upload(csv_bytes(person(1)))
    import_files.discard(import_.id)
    here = f"/clients/import/{import_.id}"
    assert "not there any more" in staff.get(here).text
    assert staff.post(f"{here}/check", data=chosen()).status_code == 409
    assert "Remove this file?" in staff.post(f"{here}/remove").text
    assert staff.post(f"{here}/remove", data={"confirmed": "yes"}).location == "/clients/import"


def test_what_is_not_possible_now_is_refused(app: Flask, staff: FlaskClient) -> None:
    import_ = run(csv_bytes(person(1)))
    here = f"/clients/import/{import_.id}"
    for action in ("check", "start", "cancel", "go-on", "layout"):
        assert staff.post(f"{here}/{action}", data=chosen()).status_code == 409, action
    assert staff.post(f"{here}/remove", data={"confirmed": "yes"}).status_code == 409
    for address in ("/clients/import/99", "/clients/import/99999999999999999999", "/clients/import/99/rejected.csv"):
        assert staff.get(address).status_code == 404
    assert staff.get("/clients/import?cursor=x").status_code == 422


def test_the_list_is_read_in_pages(app: Flask, staff: FlaskClient) -> None:
    for n in range(23):
        upload(csv_bytes(person(n)), f"file {n}.csv")
    page = staff.get("/clients/import").text
    assert "file 22.csv" in page
    assert "file 2.csv" not in page
    [older] = re.findall(r'href="(/clients/import\?cursor=[^"]+)" rel="next"', page)
    assert "file 2.csv" in staff.get(older).text


def test_a_dry_run_says_how_many_rejected_rows_it_kept(app: Flask, staff: FlaskClient, monkeypatch) -> None:
    monkeypatch.setattr(import_run, "MOST_REJECTS_SHOWN", 2)
    import_ = check(upload(csv_bytes(*(person(n, mobile="1") for n in range(4)), person(9))))
    page = staff.get(f"/clients/import/{import_.id}").text
    assert "Download the first 2 as CSV" in page
    assert how_many(ImportReject) == 2

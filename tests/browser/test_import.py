"""A file becomes clients in a real browser: upload, columns, dry run, import, report, undo."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page, expect

from kayse_dash.clients.models import Client
from kayse_dash.db import db
from tests.clients.imports_of import csv_bytes, how_many, person

pytestmark = pytest.mark.browser

Visit = Callable[..., AbstractContextManager[Page]]
StartWorker = Callable[..., subprocess.Popen[str]]


def fits_and_is_accessible(page: Page) -> bool:
    page.evaluate("document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true })")
    page.evaluate("scrollTo(1000, 0)")
    found = ["it scrolls sideways"] if page.evaluate("scrollX") else []
    for fault in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
        found += [f"{fault['id']}: {node['html'][:200]}" for node in fault["nodes"]]
    assert found == []
    return True


def clients() -> int:
    db.session.rollback()
    found = how_many(Client)
    db.session.rollback()
    return found


@pytest.mark.parametrize("width", [1280, 390])
def test_from_the_upload_to_the_undoing(
    app: Flask, visit: Visit, start_worker: StartWorker, tmp_path: Path, width: int
) -> None:
    file = tmp_path / "people.csv"
    headings = ["Given name", "Last name", "Cell", "Mail", "Street", "Town", "State", "Zip", "DOB", "Code"]
    file.write_bytes(csv_bytes(*(person(n) for n in range(300)), person(3), person(300, mobile="12345"), headings=headings))
    start_worker()
    with visit("staff", "/clients/import", width=width) as page:
        expect(page.get_by_text("Nothing was imported yet")).to_be_visible()
        assert fits_and_is_accessible(page)
        page.get_by_label("CSV file or Excel workbook").set_input_files(file)
        page.get_by_role("button", name="Upload").click()

        expect(page.get_by_role("heading", name="What is in each column?")).to_be_visible()
        assert fits_and_is_accessible(page)
        expect(page.get_by_label("Given name")).to_have_value("first_name")
        expect(page.get_by_label("Code", exact=True)).to_have_value("")
        expect(page.locator("#preview")).not_to_contain_text("import: ext-1")
        page.get_by_label("Code", exact=True).select_option("ID in another system")
        expect(page.locator("#preview")).to_contain_text("import: ext-1")
        page.get_by_label("Town", exact=True).select_option("First name")
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_text("is the first name already")).to_be_visible()
        page.get_by_label("Town", exact=True).select_option("City")
        page.get_by_role("button", name="Check the file").click()

        expect(page.get_by_text("Checked: 300 new, 0 updated, 1 rejected, 1 unchanged")).to_be_visible(timeout=20_000)
        expect(page.get_by_text("Cell: “12345” is not a phone number.")).to_be_visible()
        assert fits_and_is_accessible(page)
        assert clients() == 0
        page.get_by_role("button", name="Import 300 rows").click()

        expect(page.get_by_role("heading", name="What was imported")).to_be_visible(timeout=20_000)
        assert fits_and_is_accessible(page)
        assert clients() == 300
        with page.expect_download() as download:
            page.get_by_role("link", name="Download all as CSV").click()
        assert "is not a phone number" in download.value.path().read_text()

        page.get_by_role("button", name="Undo this import").click()
        page.get_by_role("button", name="Undo this import").last.click()
        expect(page.get_by_role("heading", name="This import was undone")).to_be_visible(timeout=20_000)
        assert clients() == 0
        assert fits_and_is_accessible(page)
        page.reload()
        expect(page.get_by_role("heading", name="This import was undone")).to_be_visible()
        assert page.locator("[hx-trigger='every 1s']").count() == 0
        page.goto("/clients/import")
        assert fits_and_is_accessible(page)


def test_what_is_no_table_is_said_beside_the_button(app: Flask, visit: Visit, tmp_path: Path) -> None:
    file = tmp_path / "people.xlsx"
    file.write_bytes(b"%PDF-1.7 no workbook")
    with visit("staff", "/clients/import") as page:
        page.get_by_label("CSV file or Excel workbook").set_input_files(file)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("alert")).to_contain_text("This is a PDF document.")
        page.evaluate("document.querySelector('form[data-upload]').dataset.upload = '10'")
        page.get_by_label("CSV file or Excel workbook").set_input_files(file)
        assert "larger than" in page.get_by_label("CSV file or Excel workbook").evaluate("input => input.validationMessage")

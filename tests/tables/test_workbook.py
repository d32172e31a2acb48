"""Workbooks: what cells say, and files that are made to do harm."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from kayse_dash.tables import archive, formats, workbook
from kayse_dash.tables.faults import Unreadable
from tests.tables.workbooks import MAIN, cell, parts, row, save, sheet, text_row


def all_rows(path: Path) -> list[tuple[int, list[str]]]:
    """All rows of the first sheet, read in both ways."""
    with workbook.opened(path) as book:
        first = book.first_rows(None, 1_000)
        assert list(book.rows(None, path.parent, lambda: None)) == first
        return first


def the_cells(tmp_path: Path, *cells: str, **about: object) -> list[str]:
    """What stands in one row."""
    return all_rows(save(tmp_path / "book", parts({"S": sheet(row(1, *cells))}, **about)))[0][1]  # type: ignore[arg-type]


def test_every_kind_of_cell_is_text(tmp_path: Path) -> None:
    cells = (
        cell("A1", "inline &amp; escaped"),
        cell("B1", "1", "s"),
        cell("C1", "2125550142", "n"),
        cell("D1", "1.5E3", "n"),
        cell("E1", "12.50", "n"),
        cell("F1", "1", "b"),
        cell("G1", "#N/A", "e"),
        cell("H1", "computed", "str"),
        cell("I1", "2024-01-02T00:00:00", "d"),
    )
    texts = ["<t>first</t>", "<r><t>rich </t></r><r><t>text</t></r><rPh><t>how it is said</t></rPh>"]
    found = the_cells(tmp_path, *cells, texts=texts)
    assert found == [
        "inline & escaped", "rich text", "2125550142", "1500", "12.5", "TRUE", "#N/A", "computed", "2024-01-02T00:00:00",
    ]  # fmt: skip


def test_formulas_are_never_computed(tmp_path: Path) -> None:
    found = the_cells(
        tmp_path,
        '<c r="A1"><f>1+1</f><v>2</v></c>',
        '<c r="B1"><f>WEBSERVICE("http://evil.test")</f></c>',
        cell("C1", "=1+1"),
    )
    assert found == ["2", '=WEBSERVICE("http://evil.test")', "=1+1"]


@pytest.mark.parametrize(
    ("serial", "code", "shown"),
    [
        ("29221", "m/d/yy", "1980-01-01"),
        ("29221", "[$-409]mmmm d\\, yyyy;@", "1980-01-01"),
        ("29221.5", "yyyy-mm-dd hh:mm", "1980-01-01 12:00:00"),
        ("1", "m/d/yy", "1900-01-01"),
        ("59", "m/d/yy", "1900-02-28"),
        ("61", "m/d/yy", "1900-03-01"),
        ("0.75", "h:mm", "18:00:00"),
        ("99999999", "m/d/yy", "99999999"),  # beyond every calendar
        ("29221", "0.00", "29221"),
        ("29221", '"day "0', "29221"),
        ("2134", "00000", "02134"),
        ("5", "[Red]0", "5"),
    ],
)
def test_numbers_are_shown_by_their_format(tmp_path: Path, serial: str, code: str, shown: str) -> None:
    assert the_cells(tmp_path, cell("A1", serial, "n", 1), formats=[code.replace('"', "&quot;")]) == [shown]


def test_dates_can_count_from_1904(tmp_path: Path) -> None:
    found = the_cells(tmp_path, cell("A1", "27759", "n", 1), formats=["m/d/yy"], properties='date1904="1"')
    assert found == ["1980-01-01"]


def test_gaps_between_rows_and_cells_are_kept(tmp_path: Path) -> None:
    path = save(tmp_path / "book", parts({"S": sheet(text_row(2, "a", "", "c"), '<row><c t="n"><v>1</v></c></row>', row(9))}))
    assert all_rows(path) == [(2, ["a", "", "c"]), (3, ["1"])]


def test_hidden_sheets_come_last(tmp_path: Path) -> None:
    sheets = {"Secret": sheet(text_row(1, "s")), "People": sheet(text_row(1, "p"))}
    path = save(tmp_path / "book", parts(sheets, hidden=["Secret"]))
    assert formats.sheets(path) == ["People", "Secret"]
    assert all_rows(path) == [(1, ["p"])]
    with workbook.opened(path) as book:
        assert book.first_rows("Secret", 1) == [(1, ["s"])]


def test_escaped_signs_are_read_and_halves_of_signs_dropped(tmp_path: Path) -> None:
    assert the_cells(tmp_path, cell("A1", "a_x000D_b_x0000_c_xD800_d")) == ["a\rbcd"]


def test_names_may_have_prefixes(tmp_path: Path) -> None:
    cells = '<x:c t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c>'
    xml = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row>{cells}</x:row></x:sheetData></x:worksheet>'
    assert all_rows(save(tmp_path / "book", parts({"S": xml}))) == [(1, ["a"])]


def test_many_shared_texts_are_read_back_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kayse_dash.tables.sheet.KEPT_TEXTS", 2)
    texts = [f"<t>text é {n}</t>" for n in range(50)]
    rows = [row(n + 1, cell(f"A{n + 1}", str(49 - n), "s"), cell(f"B{n + 1}", "0", "s")) for n in range(50)]
    path = save(tmp_path / "book", parts({"S": sheet(*rows)}, texts=texts))
    assert [cells for _, cells in all_rows(path)] == [[f"text é {49 - n}", "text é 0"] for n in range(50)]




# Files that are made to do harm


def refused(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        all_rows(path)
    return str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = save(tmp_path / "book", parts({"S": sheet(text_row(1, "a"))}) | {"xl/media/image1.png": "0" * (40 << 20)})
    assert refused(path) == archive.BOMB


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path: Path) -> None:
    path = save(tmp_path / "book", parts({"S": sheet(text_row(1, "a" * 5_000_000))}))
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as zipped:
        size = zipped.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(raw.replace(struct.pack("<L", size), struct.pack("<L", 1000)))
    assert refused(path) == archive.DAMAGED


def test_a_directory_of_a_million_entries_is_not_read(tmp_path: Path) -> None:
    path = save(tmp_path / "book", parts({"S": sheet(text_row(1, "a"))}))
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"PK\x05\x06")
    struct.pack_into("<HH", raw, at + 8, 60_000, 60_000)
    path.write_bytes(bytes(raw))
    assert refused(path) == archive.BOMB


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a", "x" * 1000)
        zipped.filelist += [zipped.filelist[0]] * 50
    path = tmp_path / "book"
    path.write_bytes(out.getvalue() + b"")
    assert refused(path) in (archive.BOMB, archive.DAMAGED, workbook.NO_WORKBOOK)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    ],
)
def test_entities_cannot_be_declared(tmp_path: Path, doctype: str) -> None:
    contents = parts({"S": sheet(text_row(1, "a"))})
    contents["xl/worksheets/sheet1.xml"] = f'{doctype}<worksheet xmlns="{MAIN}"><sheetData/></worksheet>'
    assert "no spreadsheet program writes" in refused(save(tmp_path / "book", contents))


@pytest.mark.parametrize(
    ("xml", "words"),
    [
        ("<worksheet><sheetData>" + "<a>" * 200, "damaged"),
        ("<worksheet><sheetData><row r='1'><c r='ZZZ1' t='n'><v>1</v></c></row></sheetData></worksheet>", "300 columns"),
        ("<worksheet><sheetData><row r='1048577'/></sheetData></worksheet>", "1,048,576 rows"),
        (f"<worksheet><sheetData><row><c t='str'><v>{'x' * 200_000}</v></c></row></sheetData></worksheet>", "100,000 characters"),
        (f"<worksheet><sheetData {'x' * 3_000_000}='1'", "damaged"),
        ("<worksheet><sheetData><row>", "damaged"),
        ("no xml at all", "damaged"),
    ],
)
def test_xml_that_no_program_writes_is_refused(tmp_path: Path, xml: str, words: str) -> None:
    contents = parts({"S": sheet(text_row(1, "a"))}) | {"xl/worksheets/sheet1.xml": xml}
    path = tmp_path / "book"
    with zipfile.ZipFile(path, "w") as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)
    with workbook.opened(path) as book, pytest.raises(Unreadable, match=words):
        list(book.rows(None, tmp_path, lambda: None))


def test_a_workbook_with_a_password_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "book", parts({"S": sheet(text_row(1, "a"))}))
    raw = bytearray(path.read_bytes())
    whole = bytes(raw)
    at = raw.find(b"PK\x01\x02")
    raw[at + 8] |= 1
    path.write_bytes(bytes(raw))
    assert refused(path) == archive.LOCKED
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path) == archive.DAMAGED
    path.write_bytes(whole.replace(b"\x00\x00\x00", b"\x01\x02\x03", 3))
    refused(path)


def test_other_zip_files_are_no_workbooks(tmp_path: Path) -> None:
    assert refused(save(tmp_path / "a", {"word/document.xml": "<a/>"})) == workbook.NO_WORKBOOK
    assert refused(save(tmp_path / "b", parts({}))) == workbook.NO_SHEET

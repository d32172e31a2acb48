"""What a file is, whatever its name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from kayse_dash.tables import delimited, formats
from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.formats import Layout
from tests.tables.workbooks import parts, save, sheet, text_row, workbook


def written(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xff\xfe", "empty"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"{\\rtf1 hello}", "text document"),
        (b"<html><table><tr><td>Name", "web page"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (b'[{"name": "Ann"}]', "JSON"),
        (b'{"name": "Ann"}', "JSON"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "not a table"),
        (b"PK\x03\x04 and then nothing", "damaged"),
    ],
)
def test_what_is_no_table_is_refused_in_plain_words(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        formats.recognise(written(tmp_path, raw))


def test_a_zip_file_is_only_a_workbook_if_one_is_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as zipped:
        zipped.writestr("people.csv", "a,b\n")
    with pytest.raises(Unreadable, match="not an Excel workbook"):
        formats.recognise(tmp_path / "x")
    assert formats.recognise(workbook(tmp_path / "people.csv", ["a"])) == Layout("xlsx", sheet="People")


def test_a_csv_file_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, "Name;Phone\nNúñez;1\n".encode("cp1252"))
    layout = formats.recognise(path)
    assert layout == Layout("csv", encoding="cp1252", separator=";")
    assert formats.first_rows(path, layout, 10) == [(1, ["Name", "Phone"]), (2, ["Núñez", "1"])]


def test_a_file_wider_than_any_table_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b",".join(b"x" for _ in range(400)) + b"\n")
    with pytest.raises(Unreadable, match="300 columns"):
        formats.first_rows(path, formats.recognise(path), 1)


def test_the_copy_of_a_workbook_has_the_same_rows_under_the_same_numbers(tmp_path: Path) -> None:
    rows = sheet(text_row(1, "Name", "Note"), text_row(4, "Ann", 'a "b", c'), text_row(5, "Bo", "x_x000D_&#10;y"))
    path = save(tmp_path / "book", parts({"S": rows}))
    layout = formats.recognise(path)
    copied = formats.copy(path, layout, tmp_path / "copy", lambda: None)
    assert copied == formats.Copied(layout, 3)
    with open(tmp_path / "copy", "rb") as file:
        found = [(row.number, row.cells) for row in delimited.rows(file, formats.separator_of_copy(layout))]
    assert found == [(1, ["Name", "Note"]), (4, ["Ann", 'a "b", c']), (5, ["Bo", "x\ny"])]


def test_the_copy_of_a_csv_file_knows_how_many_rows_it_has(tmp_path: Path) -> None:
    path = written(tmp_path, b"Name\r\n\r\nAnn\r\n")
    assert formats.copy(path, formats.recognise(path), tmp_path / "copy", lambda: None).total == 2
    assert (tmp_path / "copy").read_bytes() == b"Name\n\nAnn\n"

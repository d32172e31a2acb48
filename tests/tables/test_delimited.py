"""CSV: a plain copy, and rows that can be read from any of them on."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kayse_dash.tables import delimited
from kayse_dash.tables.delimited import STRAY_QUOTE
from kayse_dash.tables.faults import Unreadable

CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=12)


def nothing() -> None:
    pass


def rows(raw: bytes, separator: str = ",", width: int | None = None, number: int = 0, position: int = 0) -> list[delimited.Row]:
    return list(delimited.rows(io.BytesIO(raw), separator, width, number, position))


def cells(raw: bytes, width: int | None = None) -> list[list[str]]:
    return [row.cells for row in rows(raw, width=width)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "mac_roman"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_copy_is_plain_utf_8_whatever_it_was_made_of(tmp_path: Path, encoding: str, line_end: str) -> None:
    words = "Name,Note\nJosé,ok\nÑandú,\0\n"
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(words.replace("\n", line_end).encode(encoding))
    told = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert delimited.copy(source, target, told, nothing) == told
    assert target.read_bytes() == words.replace("\0", "").encode()


def test_a_file_that_is_ascii_for_a_megabyte_can_still_be_windows_1252(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"Smith,1\n" * 200_000 + "Núñez,2\n".encode("cp1252"))
    assert delimited.copy(source, target, "utf-8", nothing) == "cp1252"
    assert target.read_text().endswith("Núñez,2\n")


def test_one_broken_byte_does_not_spoil_the_rest_of_a_utf_8_file(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes("Núñez,1\n".encode() + b"M\xfcller,2\n")
    assert delimited.copy(source, target, "utf-8", nothing) == "utf-8"
    assert target.read_text() == "Núñez,1\nM\ufffdller,2\n"


def test_the_line_that_names_the_separator_is_no_row(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"sep=;\r\nName;Phone\r\n")
    delimited.copy(source, target, "utf-8", nothing)
    assert target.read_bytes() == b"Name;Phone\n"


def test_rows_are_numbered_as_in_a_spreadsheet_and_empty_ones_left_out() -> None:
    found = rows(b'a,b\n\n , \n"1\n2",3\n\n4,5')
    assert [(row.number, row.cells) for row in found] == [(1, ["a", "b"]), (4, ["1\n2", "3"]), (6, ["4", "5"])]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=8), st.sampled_from([",", ";", "\t", "|"]))
def test_reading_goes_on_from_behind_any_row(table: list[list[str]], separator: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(table)
    raw = out.getvalue().encode()
    whole = rows(raw, separator)
    assert [row.cells for row in whole] == [row for row in table if "".join(row).strip()]
    for place, row in enumerate(whole):
        assert rows(raw, separator, number=row.number, position=row.end) == whole[place + 1 :]


def test_a_quotation_mark_that_is_never_closed_costs_one_row() -> None:
    found = rows(b'a,b\n1,"x\n2,y\n3,z\n', width=2)
    assert [(row.number, row.cells, row.fault) for row in found] == [
        (1, ["a", "b"], None),
        (2, ["1", '"x'], STRAY_QUOTE),
        (3, ["2", "y"], None),
        (4, ["3", "z"], None),
    ]


def test_two_stray_quotation_marks_do_not_swallow_the_rows_between_them() -> None:
    found = rows(b'a,b\n1,"x\n2,y\n3,"z\n4,w\n', width=2)
    assert [row.fault for row in found] == [None, STRAY_QUOTE, None, STRAY_QUOTE, None]
    assert [row.cells[0] for row in found] == ["a", "1", "2", "3", "4"]


def test_a_stray_quotation_mark_far_before_the_end_costs_one_row_too() -> None:
    found = rows(b'a,b\n1,"x\n' + b"2,y\n" * 60_000, width=2)
    assert len(found) == 60_002
    assert [row.number for row in found if row.fault] == [2]


def test_text_of_several_lines_stays_one_row_although_it_is_short_of_cells() -> None:
    assert cells(b'a,b,c\n1,"called him,\nwill call back"\n', width=3) == [["a", "b", "c"], ["1", "called him,\nwill call back"]]


def test_a_quotation_mark_inside_of_a_cell_is_a_sign_like_others() -> None:
    assert cells(b'Bob 5\'10" tall,x\n') == [['Bob 5\'10" tall', "x"]]


def test_a_line_without_end_is_no_table() -> None:
    with pytest.raises(Unreadable, match="longer than a megabyte"):
        rows(b"x" * (2 << 20))


def test_there_can_be_as_many_rows_as_a_spreadsheet_holds_counting_empty_ones(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_bytes(b"a\n\nb\n")
    assert delimited.count(path, ",", nothing) == 2
    path.write_bytes(b"a\n" + b"\n" * 1_048_574 + b"b\n")
    assert delimited.count(path, ",", nothing) == 2
    path.write_bytes(b"a\n" + b"\n" * 1_048_576 + b"b\n")
    with pytest.raises(Unreadable, match="1,048,576 rows"):
        delimited.count(path, ",", nothing)

"""The encoding and the separator of a CSV file, told from its beginning."""

from __future__ import annotations

import pytest

from kayse_dash.tables import text

PEOPLE = "First name;Last name\nJosé;Núñez\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (PEOPLE.encode(), "utf-8"),
        (PEOPLE.encode("utf-8-sig"), "utf-8"),
        (PEOPLE.encode("utf-16"), "utf-16-le"),
        (PEOPLE.encode("utf-16-le"), "utf-16-le"),
        (PEOPLE.encode("utf-16-be"), "utf-16-be"),
        (PEOPLE.encode("cp1252"), "cp1252"),
        (PEOPLE.replace("\n", "\r").encode("mac_roman"), "mac_roman"),
        (b"plain,ascii\n", "utf-8"),
        ("José".encode()[:-1], "utf-8"),  # the sample ends in the middle of a character
    ],
)
def test_the_encoding_is_told_from_the_bytes(raw: bytes, encoding: str) -> None:
    assert text.guess_encoding(raw) == encoding
    if len(raw) > 20:
        assert text.decode(raw, encoding).replace("\r", "\n") in (PEOPLE, "plain,ascii\n")


def test_nuls_and_what_cannot_be_read_do_no_harm() -> None:
    assert text.decode(b"a\0b\x9d", "cp1252") == "ab\ufffd"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_the_one_that_cuts_evenly(separator: str) -> None:
    rows = [["Name", "Note", "Phone"], ["Smith", "one, two; three | four", "1"], ["Ng", 'says ""hi""', "2"]]
    lines = "".join(separator.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)
    assert text.guess_separator(lines) == separator


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        ("Name\nSmith\nNg\n", ","),  # one column has none
        ("Name;Phone\nSmith, John;1\nNg, Anna;2\nMiller;3\n", ";"),
        ("sep=|\na,b|c\n", "|"),
        ("", ","),
        ("a;b\n1;2\n3;4,5,6,7,8", ";"),  # the last line may be cut off
    ],
)
def test_the_separator_of_odd_files(lines: str, separator: str) -> None:
    assert text.guess_separator(lines) == separator


def test_the_line_that_tells_excel_the_separator_is_recognised() -> None:
    assert text.separator_line("sep=;\r\nName;Phone") == "sep=;\r\n"
    assert text.separator_line("separate;x\n") == ""

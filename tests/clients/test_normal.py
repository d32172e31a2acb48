"""The normal forms that searching and matching compare."""

from __future__ import annotations

import pytest

from kayse_dash.clients import normal

HOSTILE = ["", " ", "\0", "\ud800", "x" * 100_000, "９" * 500, "ﷺ" * 400, "\n\r\t", "😀", "'; DROP TABLE clients; --"]


@pytest.mark.parametrize(
    "typed",
    [
        "(212) 555-0142",
        "212.555.0142",
        "212 555 0142",
        "2125550142",
        "12125550142",
        "+1 212 555 0142",
        "1-212-555-0142",
        "+1 (212) 555-0142 ext. 99",
        "212-555-0142 x99",
        "212 555 0142 #7",
        "212/555-0142",
        "212 555 0142 (cell)",
        "Home: 212-555-0142",
        "tel:+1-212-555-0142;ext=12",
        "٢١٢٥٥٥٠١٤٢",
        "２１２５５５０１４２",
        " 212\u00a0555\u20110142 ",
    ],
)
def test_a_phone_is_one_number_however_it_is_typed(typed):
    assert normal.phone(typed) == "+12125550142"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+44 20 7946 0958", "+442079460958"),
        ("+52 55 1234 5678", "+525512345678"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("1-800-FLOWERS", "+18003569377"),
    ],
)
def test_phones_from_abroad_and_in_letters(typed, number):
    assert normal.phone(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["5550142", "123", "0000000000", "1234567890", "111-111-1111", "212-055-0142", "12345678901234567890", "abc", *HOSTILE],
)
def test_what_can_be_no_phone_is_none(typed):
    assert normal.phone(typed) is None


def test_a_region_of_another_country_reads_its_national_numbers():
    assert normal.phone("020 7946 0958", "GB") == "+442079460958"
    assert normal.phone("020 7946 0958") is None


@pytest.mark.parametrize(
    ("number", "shown"), [("+12125550142", "(212) 555-0142"), ("+442079460958", "+44 20 7946 0958"), ("+0", "+0"), ("", "")]
)
def test_a_phone_is_shown_as_people_write_it(number, shown):
    assert normal.phone_shown(number) == shown


@pytest.mark.parametrize(
    ("typed", "extension"),
    [
        ("212-555-0142 x99", "99"),
        ("(212) 555-0142, ext. 4", "4"),
        ("212 555 0142 #7", "7"),
        ("212-555-0142", None),
        ("ext 4", None),
    ],
)
def test_an_extension_is_told_apart(typed, extension):
    assert normal.extension(typed) == extension


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Jane.Doe+X@Gmail.COM", "jane.doe+x@gmail.com"),
        ("  jane@firm.test ", "jane@firm.test"),
        ("o'brien@x.co", "o'brien@x.co"),
        ("joe@münchen.de", "joe@münchen.de"),
        ("É@b.co", "é@b.co"),
        ("a@xn--mnchen-3ya.de", "a@xn--mnchen-3ya.de"),
        (f"{'x' * 64}@a.co", f"{'x' * 64}@a.co"),
    ],
)
def test_an_email_is_lower_case(typed, address):
    assert normal.email(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "a@b",
        "a..b@c.co",
        ".a@b.co",
        "a.@b.co",
        "a@-b.co",
        "a@b-.co",
        "a b@c.co",
        "a@b@c.co",
        "@c.co",
        "a@",
        f"{'x' * 65}@a.co",
        f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.co",
        "a@b.c0m1",
        "a@1.2.3.4",
        *HOSTILE,
    ],
)
def test_what_can_be_no_email_is_none(typed):
    assert normal.email(typed) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("OBRIEN", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("  Mary   Ann ", "mary ann"),
        ("José María", "jose maria"),
        ("ÅNGSTRÖM", "angstrom"),
        ("Núñez", "nunez"),
        ("ﬁsher", "fisher"),
        ("Weiß", "weiss"),
        ("İstanbul", "istanbul"),
        ("李小龍", "李小龍"),
        ("J. R.", "j r"),
        ("St. John", "st john"),
        ("!!!", ""),
        ("Smith (Jr)", "smith jr"),
    ],
)
def test_a_name_is_compared_without_accents_capitals_and_signs(name, key):
    assert normal.name_key(name) == key


@pytest.mark.parametrize("text", HOSTILE)
def test_a_key_fits_its_column_and_can_be_stored(text):
    key = normal.name_key(text)
    assert len(key) <= normal.LONGEST_KEY
    assert all(sign.isalnum() or sign == " " for sign in key)
    assert key == normal.name_key(key)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("New York", "NY"),
        ("new  york", "NY"),
        ("N.Y.", "NY"),
        ("ny", "NY"),
        ("Calif.", "CA"),
        ("D.C.", "DC"),
        ("Washington, DC", "DC"),
        ("Puerto Rico", "PR"),
        ("West Virginia", "WV"),
        ("Ontario", None),
        ("XX", None),
        ("", None),
        ("\ud800", None),
    ],
)
def test_a_state_has_its_postal_code(typed, code):
    assert normal.state_code(typed) == code


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("02139", "02139"),
        ("2139", "02139"),
        ("02139-1234", "02139-1234"),
        ("021391234", "02139-1234"),
        ("02139 1234", "02139-1234"),
        ("21391234", "02139-1234"),
        ("K1A 0B1", None),
        ("123", None),
        ("", None),
        ("٠٢١٣٩", None),
    ],
)
def test_a_zip_code_gets_back_the_zero_that_a_spreadsheet_dropped(typed, code):
    assert normal.zip_code(typed) == code


@pytest.mark.parametrize(
    "parts",
    [
        ("123 Main Street", "Apt. 4", "New York", "NY", "10001"),
        ("123 MAIN ST.", "Apartment #4", "new york", "New York", "10001-1234"),
        ("123 Main St, Apt 4", "", "New  York", "N.Y.", "100011234"),
    ],
)
def test_an_address_is_one_line_however_it_is_written(parts):
    assert normal.address(*parts) == "123 MAIN ST APT 4 NEW YORK NY 10001"


def test_an_address_may_lack_parts_or_lie_abroad():
    assert normal.address("", "", "Boston", "", "") == "BOSTON"
    assert normal.address("24 Sussex Drive", "", "Ottawa", "Ontario", "K1M 1M4") == "24 SUSSEX DR OTTAWA ONTARIO K1M 1M4"
    assert normal.address("", "", "", "", "") == ""
    assert len(normal.address("x " * 500, "", "", "", "")) <= normal.LONGEST_ADDRESS

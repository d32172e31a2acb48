"""Normal forms of what is known of people, which searching and matching compare. Quick: they run for every row of an import."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

LONGEST_PHONE = 60  # characters of what somebody typed, with its extension and blanks
LONGEST_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
LONGEST_KEY = 200
LONGEST_ADDRESS = 400

# North American Numbering Plan: area code and exchange begin with 2 to 9, whatever libphonenumber deems possible by length.
_NATIONAL = re.compile(r"[2-9]\d\d[2-9]\d{6}", re.ASCII)
_NORTH_AMERICAN = re.compile(r"(?:\+?1)?([2-9]\d\d[2-9]\d{6})(?:(?:x|ext|extension|#)\d{1,7})?", re.ASCII | re.IGNORECASE)
_PHONE_FILLING = str.maketrans("", "", " \t-.()/")
_EXTENSION = re.compile(r"\d[\s,;)]*(?:x|ext\.?|extension|#)[\s.:=]*(\d{1,7})\s*$", re.ASCII | re.IGNORECASE)
_PHONE_LABEL = re.compile(r"[\s,(]*\b(?:cell|mobile|home|work|office|main|phone|tel)\b[.:)]*\s*", re.IGNORECASE)

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
_LONGEST_LOCAL_PART = 64  # RFC 5321 section 4.5.3.1.1

_ZIP = re.compile(r"(\d{5})(?:[ -]?(\d{4}))?", re.ASCII)
# A spreadsheet that took ZIP codes for numbers dropped the leading zero of the north-east.
_ZIP_WITHOUT_ZERO = re.compile(r"(\d{4})(?:-?(\d{4}))?", re.ASCII)

# "O'Brien" and "OBrien" are one name; "Smith-Jones" and "Smith Jones" too.
_UNSEEN = str.maketrans("", "", "'’‘`´.")


def phone(text: str, region: str = "US") -> str | None:
    """A phone number in E.164, its extension dropped; None where it can be none.

    Args:
        region: the country (ISO 3166-1 alpha-2) whose national numbers need no country code.
    """
    if len(text) > LONGEST_PHONE:
        return None
    if region == "US" and (plain := _NORTH_AMERICAN.fullmatch(text.translate(_PHONE_FILLING))):
        return f"+1{plain[1]}"
    return _parsed_phone(text, region)


@lru_cache(maxsize=65_536)
def _parsed_phone(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(_PHONE_LABEL.sub(" ", text), region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    if number.country_code == 1 and not _NATIONAL.fullmatch(phonenumbers.national_significant_number(number)):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phone_shown(e164: str) -> str:
    """A phone number as people of its country write it: "(212) 555-0142"; with the country code where it is none of ours."""
    if len(e164) == 12 and e164.startswith("+1"):
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    return _foreign_phone_shown(e164)


def extension(typed: str) -> str | None:
    """The extension that was typed behind a phone number, which its normal form drops."""
    found = _EXTENSION.search(typed)
    return found[1] if found else None


@lru_cache(maxsize=4_096)
def _foreign_phone_shown(e164: str) -> str:
    try:
        return phonenumbers.format_number(phonenumbers.parse(e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    except phonenumbers.NumberParseException:
        return e164


def email(text: str) -> str | None:
    """An email address in lower case; None where its syntax is wrong."""
    text = text.strip().lower()
    if len(text) > LONGEST_EMAIL or "@" not in text:
        return None
    if text.isascii():
        return text if _EMAIL.fullmatch(text) and text.index("@") <= _LONGEST_LOCAL_PART else None
    try:
        normal = validate_email(text, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        return None
    return normal if len(normal) <= LONGEST_EMAIL else None


def address(line1: str, line2: str, city: str, state: str, postal_code: str) -> str:
    """A postal address as one line to compare by: upper case, no punctuation, USPS abbreviations, the ZIP code of five digits."""
    street = " ".join(_ABBREVIATIONS.get(word, word) for word in _upper_words(f"{line1} {line2}"))
    place = " ".join(_upper_words(city))
    parts = (street, place, state_code(state) or " ".join(_upper_words(state)), _compared_code(postal_code))
    return " ".join(part for part in parts if part)[:LONGEST_ADDRESS].rstrip()


def _compared_code(text: str) -> str:
    zipped = zip_code(text)
    return zipped[:5] if zipped else " ".join(_upper_words(text))


def _upper_words(text: str) -> list[str]:
    return name_key_of_any_length(text).upper().split()


def zip_code(text: str) -> str | None:
    """A ZIP code as "02139" or "02139-1234", with the leading zero that spreadsheets drop; None where it is none."""
    text = text.strip()
    if found := _ZIP.fullmatch(text):
        return f"{found[1]}-{found[2]}" if found[2] else found[1]
    if found := _ZIP_WITHOUT_ZERO.fullmatch(text):
        return f"0{found[1]}-{found[2]}" if found[2] else f"0{found[1]}"
    return None


@lru_cache(maxsize=4_096)
def state_code(text: str) -> str | None:
    """The USPS code of a state, territory or military "state": "NY" for "New York", "N.Y." or "ny"; None for others."""
    key = name_key_of_any_length(text)
    if len(key) == 2 and key.upper() in STATES:
        return key.upper()
    return _STATE_NAMES.get(key) or _STATE_NAMES.get(key.replace(" ", ""))


def name_key(text: str) -> str:
    """A name as it is searched: no accents, no capitals, letters and digits with single blanks between them."""
    return name_key_of_any_length(text)[:LONGEST_KEY].rstrip()


def name_key_of_any_length(text: str) -> str:
    if not text.isascii():
        text = "".join(sign for sign in unicodedata.normalize("NFKD", text.translate(_UNSEEN)) if not unicodedata.combining(sign))
        text = unicodedata.normalize("NFKD", text.casefold())
    else:
        text = text.lower()
    if text.isalnum():
        return text
    text = text.translate(_UNSEEN)
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text).split())


# USPS Publication 28, appendix B.
STATES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii",
    "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana",
    "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi",
    "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey",
    "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma",
    "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota",
    "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington",
    "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "PR": "Puerto Rico", "VI": "U.S. Virgin Islands",
    "GU": "Guam", "AS": "American Samoa", "MP": "Northern Mariana Islands", "AA": "Armed Forces Americas",
    "AE": "Armed Forces Europe", "AP": "Armed Forces Pacific",
}  # fmt: skip

_STATE_NAMES = {name_key_of_any_length(name).replace(" ", ""): code for code, name in STATES.items()} | {
    "ala": "AL", "ariz": "AZ", "ark": "AR", "calif": "CA", "cal": "CA", "colo": "CO", "conn": "CT", "del": "DE",
    "washingtondc": "DC", "fla": "FL", "ill": "IL", "ind": "IN", "kan": "KS", "kans": "KS", "mass": "MA", "mich": "MI",
    "minn": "MN", "miss": "MS", "mont": "MT", "neb": "NE", "nebr": "NE", "nev": "NV", "okla": "OK", "ore": "OR", "oreg": "OR",
    "penn": "PA", "penna": "PA", "tenn": "TN", "tex": "TX", "virginislands": "VI", "wash": "WA", "wis": "WI", "wisc": "WI",
    "wva": "WV", "wyo": "WY",
}  # fmt: skip

# USPS Publication 28, appendixes C1 and C2 and section 233: those that make up nearly all of what people write out.
_ABBREVIATIONS = {
    "ALLEY": "ALY", "AVENUE": "AVE", "AV": "AVE", "BOULEVARD": "BLVD", "CIRCLE": "CIR", "COURT": "CT", "COVE": "CV",
    "CROSSING": "XING", "DRIVE": "DR", "EXPRESSWAY": "EXPY", "FREEWAY": "FWY", "HEIGHTS": "HTS", "HIGHWAY": "HWY",
    "JUNCTION": "JCT", "LANE": "LN", "PARKWAY": "PKWY", "PLACE": "PL", "PLAZA": "PLZ", "POINT": "PT", "ROAD": "RD",
    "ROUTE": "RTE", "SQUARE": "SQ", "STREET": "ST", "STR": "ST", "TERRACE": "TER", "TRAIL": "TRL", "TURNPIKE": "TPKE",
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W", "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE",
    "SOUTHWEST": "SW", "APARTMENT": "APT", "BUILDING": "BLDG", "DEPARTMENT": "DEPT", "FLOOR": "FL", "ROOM": "RM",
    "SUITE": "STE", "TRAILER": "TRLR",
}  # fmt: skip

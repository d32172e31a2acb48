"""Keeping secrets out of records."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from kayse_dash.webhooks.redaction import hidden, redact, spellings

SECRET = 'p/ss"wörd+\\=='


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"you_sent": SECRET}),
        json.dumps({"you_sent": SECRET}, ensure_ascii=False),
        json.dumps({"you_sent": SECRET}).replace("/", "\\/"),  # as PHP writes it
        f"secret={quote(SECRET, safe='')}&x=1",
        f"{SECRET}{SECRET} and {SECRET}",
    ],
)
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    text = redact(written, spellings([SECRET]))
    assert "[hidden]" in text
    assert "wörd" not in text
    assert "ss" not in text.replace("you_sent", "")


def test_of_two_secrets_the_longer_is_hidden_first() -> None:
    assert redact("key-and-more, key-", spellings(["key-", "key-and-more"])) == "[hidden], [hidden]"


@pytest.mark.parametrize("text", ["", "nothing of the kind", "super", "supersecre is not it"])
def test_other_text_stays(text: str) -> None:
    assert redact(text, spellings(["supersecret"])) == text


@pytest.mark.parametrize("kept", range(8, 24))
def test_an_answer_that_was_cut_inside_a_secret_does_not_show_its_beginning(kept: int) -> None:
    secret = "abcdefgh-abcdefgh-12345!"
    text = "you sent " + secret[:kept]
    assert redact(text, spellings([secret])) == "you sent [hidden]"


def test_texts_too_short_to_be_secrets_stay() -> None:
    assert spellings(["abc", ""]) == []


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc.def", "Bearer [hidden]"),
        ("Authorization", "Basic dTpw", "Basic [hidden]"),
        ("authorization", "token abc", "token [hidden]"),
        ("Authorization", "abc", "[hidden]"),
        ("Authorization", "my secret words", "[hidden]"),
        ("X-Api-Key", "Bearer abc", "[hidden]"),
        ("X-Api-Key", "abc", "[hidden]"),
        ("X-Api-Key", "", "[hidden]"),
    ],
)
def test_what_is_recorded_of_a_proving_header(name: str, value: str, shown: str) -> None:
    assert hidden(name, value) == shown


def test_redacting_a_large_answer_is_quick() -> None:
    # A receiver may answer with what makes this slow; 64 KiB that begin like the secret at every place.
    secret = "a" * 4000 + "b"
    spelled = spellings([secret])
    assert redact("a" * 65536, spelled).endswith("[hidden]")

"""Text and ids as people and programs type them."""

from __future__ import annotations

from typing import Any

import pytest

from kayse_dash import typed


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("Clio", "Clio"),
        ("  Case \t management\n ", "Case management"),
        ("Señor Muñoz 🙂 事務所", "Señor Muñoz 🙂 事務所"),
        ("x" * 20, "x" * 20),
    ],
)
def test_a_line_is_kept_with_its_blanks_in_order(value: str, kept: str) -> None:
    assert typed.line(value, "The name", 2, 20) == kept


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "The name is missing."),
        ("", "The name is missing."),
        (" \n ", "The name is missing."),
        (7, "The name must be text."),
        (["Clio"], "The name must be text."),
        ("x", "The name needs 2 to 20 characters."),
        ("x" * 21, "The name needs 2 to 20 characters."),
        ("a\0b", "The name holds a character that cannot be kept."),
        ("a\x7fb", "The name holds a character that cannot be kept."),
        ("a\ud800b", "The name holds a character that cannot be kept."),
    ],
)
def test_what_is_no_line_is_refused_in_words(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        typed.line(value, "The name", 2, 20)


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**80, True, "7", 7.0, None])
def test_what_cannot_be_the_id_of_a_record_is_none(value: Any) -> None:
    assert typed.record_id(value) is None


@pytest.mark.parametrize("value", [1, 2**31 - 1])
def test_an_id_stays_what_it_is(value: int) -> None:
    assert typed.record_id(value) == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("agent_7c2e", "agent_7c2e"),
        (" agent_7c2e ", "agent_7c2e"),
        (7, "7"),
        (-7, "-7"),
        ("x" * 20, "x" * 20),
        ("x" * 21, None),
        (2**63, None),
        (10**400, None),
        (True, None),
        (7.0, None),
        ("", None),
        ("a\0b", None),
        (None, None),
        ({"id": 7}, None),
    ],
)
def test_an_identifier_of_another_system_is_text_of_limited_length(value: Any, kept: str | None) -> None:
    assert typed.identifier(value, 20) == kept

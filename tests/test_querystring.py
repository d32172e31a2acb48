"""What people and programs write into the address of a list."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kayse_dash.querystring import QueryString, as_input


def test_what_was_not_given_is_nothing_and_is_not_complained_about():
    query = QueryString({"q": "", "state": " "})
    assert query.text("q") == ""
    assert query.choice("state", ["failed"]) is None
    assert query.number("webhook") is None
    assert query.moment("since") is None
    assert not query.flag("tests")
    assert query.ignored == []


def test_values_are_read():
    query = QueryString({"q": " evt_1 ", "state": "failed", "webhook": "7", "tests": "1"})
    assert query.text("q") == "evt_1"
    assert query.choice("state", ["failed"]) == "failed"
    assert query.number("webhook") == 7
    assert query.flag("tests")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-12T14:03", datetime(2026, 3, 12, 14, 3, tzinfo=UTC)),
        ("2026-03-12", datetime(2026, 3, 12, tzinfo=UTC)),
        ("2026-03-12T14:03:22Z", datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)),
        ("2026-03-12T14:03+02:00", datetime(2026, 3, 12, 12, 3, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(written, meant):
    assert QueryString({"since": written}).moment("since") == meant


@pytest.mark.parametrize(
    "written", ["yesterday", "0001-01-01T00:00", "9999-12-31T23:59", "2026-02-30", "1" * 500, "\0", "٢٠٢٦-01-01"]
)
def test_a_time_that_is_none_is_left_out_and_named(written):
    query = QueryString({"since": written})
    assert query.moment("since") is None
    assert query.ignored == ["since"]


@pytest.mark.parametrize("written", ["-1", "1e3", "x", "9" * 19, "9" * 5000, "١٢", "1.0", "\0"])
def test_a_number_that_no_column_holds_is_left_out_and_named(written):
    query = QueryString({"webhook": written})
    assert query.number("webhook") is None
    assert query.ignored == ["webhook"]


def test_a_number_may_have_a_smaller_limit():
    query = QueryString({"webhook": str(2**31), "campaign": str(2**63 - 1), "other": str(2**63)})
    assert query.number("webhook", 2**31 - 1) is None
    assert query.number("campaign") == 2**63 - 1
    assert query.number("other") is None
    assert query.ignored == ["webhook", "other"]


@pytest.mark.parametrize("written", ["a\0b", "\ud800", "x" * 201])
def test_a_text_that_cannot_be_looked_for_is_left_out_and_named(written):
    query = QueryString({"q": written})
    assert query.text("q") == ""
    assert query.ignored == ["q"]


def test_a_choice_that_does_not_exist_is_left_out_and_named():
    query = QueryString({"state": "exploded"})
    assert query.choice("state", ["failed"]) is None
    assert query.ignored == ["state"]


def test_a_time_goes_back_into_its_input():
    query = QueryString({"since": "2026-03-12T14:03+02:00"})
    assert as_input(query.moment("since")) == "2026-03-12T12:03"
    assert as_input(None) == ""

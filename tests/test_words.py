from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash import words

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
AGO = [
    (timedelta(0), "just now"),
    (timedelta(seconds=59), "just now"),
    (timedelta(seconds=60), "1 min ago"),
    (timedelta(minutes=4, seconds=59), "4 min ago"),
    (timedelta(minutes=59, seconds=59), "59 min ago"),
    (timedelta(hours=1), "1 h ago"),
    (timedelta(hours=23, minutes=59), "23 h ago"),
    (timedelta(hours=24), "yesterday"),
    (timedelta(hours=38), "yesterday"),  # 00:03 of the day before
    (timedelta(hours=39), "10 Mar 2026"),
    (timedelta(days=400), "5 Feb 2025"),
    (-timedelta(seconds=1), "in a moment"),
    (-timedelta(seconds=29), "in a moment"),
    (-timedelta(seconds=30), "in 1 min"),
    (-timedelta(seconds=299), "in 5 min"),  # a retry planned for five minutes, a second later
    (-timedelta(minutes=4), "in 4 min"),
    (-timedelta(hours=2, minutes=10), "in 2 h 10 min"),
    (-timedelta(hours=2), "in 2 h"),
    (-timedelta(hours=24), "in 24 h"),
    (-timedelta(hours=48), "in 48 h"),
    (-timedelta(hours=49), "14 Mar 2026"),
]


@pytest.mark.parametrize(("passed", "said"), AGO)
def test_a_moment_is_told_by_its_distance(passed, said):
    assert words.ago(NOW - passed, NOW) == said


def test_a_moment_in_another_time_zone_is_told_in_utc():
    new_york = NOW.astimezone(tz=datetime.fromisoformat("2026-03-12T00:00:00-04:00").tzinfo)
    assert words.exact(new_york) == "12 Mar 2026, 14:03:22 UTC"
    assert words.date(datetime.fromisoformat("2026-03-11T23:30:00-04:00")) == "12 Mar 2026"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (999, "999"), (12345, "12,345"), (-1200, "-1,200"), (2**63, "9,223,372,036,854,775,808"), (None, "–")],
)
def test_a_number_has_its_thousands_set_apart(value, said):
    assert words.number(value) == said


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (10_000, "10,000"), (10_001, "10,000+"), (None, "–")])
def test_a_count_above_the_cap_says_so(value, said):
    assert words.capped(value) == said


def test_the_cap_can_be_another():
    assert words.capped(501, 500) == "500+"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KB"),
        (1229, "1.2 KB"),
        (65536, "64 KB"),
        (1024 * 1024 - 1, "1 MB"),
        (1024 * 1024, "1 MB"),
        (5 * 1024**3, "5 GB"),
        (5 * 1024**4, "5120 GB"),
        (None, "–"),
    ],
)
def test_a_size_is_told_in_its_unit(size, said):
    assert words.filesize(size) == said


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "under 1 ms"),
        (0.4, "under 1 ms"),
        (1, "1 ms"),
        (240.4, "240 ms"),
        (999.6, "1 s"),
        (1240, "1.2 s"),
        (15000, "15 s"),
        (59_960, "1 min"),
        (60_000, "1 min"),
        (125_000, "2 min 5 s"),
        (None, "–"),
    ],
)
def test_a_measured_time_is_told_in_its_unit(milliseconds, said):
    assert words.duration_ms(milliseconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "Right away"),
        (1, "1 second"),
        (90, "1 minute 30 seconds"),
        (300, "5 minutes"),
        (1800, "30 minutes"),
        (3600, "1 hour"),
        (7200, "2 hours"),
        (86400, "24 hours"),
    ],
)
def test_a_planned_wait_is_told_in_whole_words(seconds, said):
    assert words.wait(seconds) == said


@pytest.mark.parametrize(
    ("count", "nouns", "said"),
    [
        (1, ("delivery", "deliveries"), "1 delivery"),
        (0, ("delivery", "deliveries"), "0 deliveries"),
        (12345, ("delivery", "deliveries"), "12,345 deliveries"),
        (2, ("event",), "2 events"),
    ],
)
def test_a_count_agrees_with_its_noun(count, nouns, said):
    assert words.plural(count, *nouns) == said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("pending", "Waiting"),
        ("held", "Held"),
        ("failing", "Failing"),
        ("nothing", "Nothing found"),
        ("not_known_here", "Not known here"),
    ],
)
def test_a_state_has_a_word_for_people(state, said):
    assert words.state_words(state) == said


def test_every_state_of_a_delivery_has_its_own_word():
    from kayse_dash.webhooks.schedule import State

    assert {words.state_words(state) for state in State} == {"Waiting", "Sending", "Delivered", "Failed", "Held", "Cancelled"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('{"a": [1, "é"]}', '{\n  "a": [\n    1,\n    "é"\n  ]\n}'),
        ({"at": NOW}, '{\n  "at": "2026-03-12 14:03:22+00:00"\n}'),
        ("", ""),
        ("<html>not JSON", "<html>not JSON"),
        (b'{"a": 1}', '{\n  "a": 1\n}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ('"\\ud800"', '"?"'),
        ("\ud800", "?"),
        (None, "null"),
        pytest.param("[" * 100_000, "[" * 100_000, id="too deep"),
        pytest.param("1" * 5_000, "1" * 5_000, id="digits that are no number"),
        pytest.param(10**5_000, "This value cannot be shown.", id="a number without end"),
        ({(1, 2): 3}, "This value cannot be shown."),
        ({"a": math.inf}, '{\n  "a": Infinity\n}'),
    ],
)
def test_anything_that_was_stored_can_be_shown(value, shown):
    assert words.pretty_json(value) == shown


def test_a_structure_that_contains_itself_can_be_shown():
    circle: list[object] = []
    circle.append(circle)
    assert words.pretty_json(circle) == "This value cannot be shown."


def test_templates_say_what_has_no_value_yet(app):
    render = app.jinja_env.from_string(
        "{{ none|ago }} {{ none|exact }} {{ none|date }} {{ none|number }} {{ none|filesize }} {{ none|duration_ms }}"
    )
    assert render.render() == "– – – – – –"


@pytest.mark.parametrize(
    ("part", "whole", "shown"), [(0, 0, "–"), (0, 3, "0 %"), (2, 3, "66.6 %"), (9999, 10000, "99.9 %"), (7, 7, "100 %")]
)
def test_a_share_is_never_rounded_up_to_all_of_it(part: int, whole: int, shown: str) -> None:
    assert words.share(part, whole) == shown

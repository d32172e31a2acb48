"""Which event goes to which webhook."""

from __future__ import annotations

import pytest

from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE
from kayse_dash.webhooks.matching import Rule, Verdict, judge


def verdict(event: str = "call_ended", campaign: int | None = None, case: str | None = None, **rule: object) -> Verdict:
    given = {"enabled": True, "events": (), "campaign_ids": (), "case_types": ()} | rule
    return judge(Rule.of(**given), event, takes_campaign_filter=event in CALL_EVENTS, campaign_id=campaign, case_type=case)


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (Verdict.SEND, {}),  # no choice at all: everything
        (Verdict.HOLD, {"enabled": False}),
        (Verdict.SEND, {"event": "an_event_of_next_year"}),  # all events, present and future
        (Verdict.SEND, {"events": ["call_ended", "client.created"]}),
        (Verdict.EVENT_NOT_CHOSEN, {"events": ["call_started"]}),
        (Verdict.EVENT_NOT_CHOSEN, {"events": ["CALL_ENDED"]}),
        (Verdict.EVENT_NOT_CHOSEN, {"events": ["call_started"], "enabled": False}),  # not owed, so not held either
        (Verdict.SEND, {"campaign_ids": [7, 8], "campaign": 8}),
        (Verdict.OTHER_CAMPAIGN, {"campaign_ids": [7, 8], "campaign": 9}),
        (Verdict.OTHER_CAMPAIGN, {"campaign_ids": [7, 8], "campaign": None}),  # names none
        (Verdict.OTHER_CAMPAIGN, {"campaign_ids": [7], "campaign": 9, "enabled": False}),
        (Verdict.SEND, {"campaign_ids": [], "campaign": None}),
        (Verdict.SEND, {"case_types": ["Motor Vehicle"], "case": "motor vehicle"}),
        (Verdict.SEND, {"case_types": ["motor vehicle"], "case": "MOTOR VEHICLE"}),
        (Verdict.SEND, {"case_types": ["Straße"], "case": "STRASSE"}),
        (Verdict.OTHER_CASE_TYPE, {"case_types": ["Motor Vehicle"], "case": "Slip and fall"}),
        (Verdict.OTHER_CASE_TYPE, {"case_types": ["Motor Vehicle"], "case": None}),
        (Verdict.OTHER_CASE_TYPE, {"case_types": ["Motor Vehicle"], "case": "Slip and fall", "enabled": False}),
        (
            Verdict.HOLD,
            {"case_types": ["Motor Vehicle"], "case": "motor vehicle", "campaign_ids": [7], "campaign": 7, "enabled": False},
        ),
        # The first reason that applies is given.
        (Verdict.OTHER_CAMPAIGN, {"campaign_ids": [7], "campaign": 9, "case_types": ["x"], "case": "y"}),
    ],
)
def test_every_verdict(expected: Verdict, given: dict) -> None:
    assert verdict(**given) is expected


def test_there_are_eight_call_events() -> None:
    assert len(CALL_EVENTS) == 8


@pytest.mark.parametrize("event", CATALOGUE)
def test_a_campaign_filter_narrows_the_call_events_and_no_others(event: str) -> None:
    assert verdict(event, campaign=7, campaign_ids=[7]) is Verdict.SEND
    others = Verdict.OTHER_CAMPAIGN if event in CALL_EVENTS else Verdict.SEND
    assert verdict(event, campaign=9, campaign_ids=[7]) is others
    assert verdict(event, campaign=None, campaign_ids=[7]) is others


@pytest.mark.parametrize("event", CATALOGUE)
def test_a_case_type_filter_narrows_every_event(event: str) -> None:
    assert verdict(event, case="Dog bite", case_types=["dog bite"]) is Verdict.SEND
    assert verdict(event, case="Slip", case_types=["dog bite"]) is Verdict.OTHER_CASE_TYPE


@pytest.mark.parametrize("one", Verdict)
def test_a_delivery_exists_for_what_is_sent_or_held(one: Verdict) -> None:
    assert one.is_owed == (one in {"send", "hold"})
    assert one.words.startswith({"send": "Sent:", "hold": "Held:"}.get(one, "Not sent:"))


def test_rules_are_equal_whatever_the_order_and_capitals() -> None:
    one = Rule.of(True, ["a", "b"], [1, 2], ["Dog Bite", "x"])
    assert one == Rule.of(True, ["b", "a", "a"], [2, 1], ["X", "dog bite"])
    assert one != Rule.of(False, ["a", "b"], [1, 2], ["Dog Bite", "x"])

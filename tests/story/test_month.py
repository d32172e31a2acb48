"""A month at the sample firm: as many events as said, at plausible times, whole calls, transfers of every kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kayse_dash.clients import timeline
from kayse_dash.clients.timeline import Outcome
from kayse_dash.events import catalogue, validation
from kayse_dash.story import hours, lines, month
from kayse_dash.story.cast import Cast
from kayse_dash.story.scenes import Happening
from tests.story.actors import AGENTS, everybody

# A working day in the morning, a Sunday night, a new year's eve.
UNTIL = [
    datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC),
    datetime(2026, 11, 22, 7, 30, 0, 123_000, tzinfo=UTC),
    datetime(2027, 1, 1, 4, 0, tzinfo=UTC),
]
SEEDS = [(seed, until) for until in UNTIL for seed in range(4)]
TRANSFER_TIMES = {
    "transfer_started": "started",
    "transfer_bridged": "bridged",
    "transfer_cancelled": "cancelled",
    "transfer_ended": "ended",
}


def tell(seed: int, until: datetime) -> list[Happening]:
    return month.tell(seed, everybody(until), until)


@pytest.mark.parametrize(("seed", "until"), SEEDS)
def test_every_event_is_valid_and_lies_within_the_month_in_order(seed: int, until: datetime) -> None:
    told = tell(seed, until)
    assert month.EVENTS <= len(told) < month.EVENTS + 20
    assert all(earlier.at <= later.at for earlier, later in pairwise(told))
    assert until - month.MONTH <= told[0].at < told[-1].at <= until
    for happening in told:
        assert validation.check(happening.type, happening.data) == {}
        assert happening.data.keys() == catalogue.CATALOGUE[happening.type].sample.keys()
    assert {happening.type for happening in told} == set(catalogue.CATALOGUE)


@pytest.mark.parametrize(("seed", "until"), SEEDS)
def test_calls_are_whole_and_their_events_agree(seed: int, until: datetime) -> None:
    calls: dict[str, list[Happening]] = defaultdict(list)
    for happening in tell(seed, until):
        if happening.type in catalogue.CALL_EVENTS:
            calls[happening.data.get("call_id") or happening.data["id"]].append(happening)
    for told in calls.values():
        types = [happening.type for happening in told]
        assert types[0] == "call_started"
        assert types[-1] in ("call_ended", "call_analyzed")
        assert types.count("call_ended") == types.count("call_started") == 1
        assert len({(one.client_id, one.campaign_id, one.data["agent_id"], one.data["to_number"]) for one in told}) == 1
        over = next(happening for happening in told if happening.type == "call_ended")
        assert over.data["duration_seconds"] == (over.at - told[0].at).total_seconds() > 0


def outcomes(told: list[Happening], now: datetime) -> list[tuple[Outcome, str | None]]:
    """How the transfer of each call came out, and why it was cancelled."""
    calls: dict[str, dict[str, datetime | None]] = defaultdict(lambda: dict.fromkeys(TRANSFER_TIMES.values()))
    reasons: dict[str, str] = {}
    for happening in told:
        if happening.type in TRANSFER_TIMES:
            calls[happening.data["call_id"]][TRANSFER_TIMES[happening.type]] = happening.at
            if happening.type == "transfer_cancelled":
                reasons[happening.data["call_id"]] = happening.data["reason"]
    return [(timeline.outcome(**times, now=now), reasons.get(call_id)) for call_id, times in calls.items()]


@pytest.mark.parametrize(("seed", "until"), SEEDS)
def test_transfers_come_out_in_every_way(seed: int, until: datetime) -> None:
    found = outcomes(tell(seed, until), until)
    assert {reason for outcome, reason in found if outcome is Outcome.NOT_CONNECTED} == set(lines.GOES_WRONG)
    assert any(outcome is Outcome.CONNECTED and reason is None for outcome, reason in found)
    assert any(outcome is Outcome.CONNECTED and reason for outcome, reason in found), "given up, then tried again"
    assert any(outcome is Outcome.UNTOLD for outcome, _ in found)


@pytest.mark.parametrize(("seed", "until"), SEEDS)
def test_the_firm_calls_while_it_is_open_and_only_reception_answers_otherwise(seed: int, until: datetime) -> None:
    told = tell(seed, until)
    closed = {}
    for happening in told:
        if happening.type == "call_started":
            closed[happening.data["id"]] = not hours.is_open(happening.at)
            assert happening.data["direction"] == "inbound" or not closed[happening.data["id"]]
            assert (happening.data["agent_id"] == "agent_sample_max") == closed[happening.data["id"]]
        if happening.type == "transfer_started":
            assert not closed[happening.data["call_id"]], "nobody is there to take it"
    weekdays = Counter(happening.at.astimezone(hours.ZONE).weekday() for happening in told)
    assert max(weekdays[5], weekdays[6]) < min(weekdays[day] for day in range(5))
    assert all(6 < happening.at.astimezone(hours.ZONE).hour < 24 for happening in told)


def test_newcomers_begin_with_a_form_after_they_became_clients() -> None:
    [until, *_] = UNTIL
    since = {who.id: who.since for who in everybody(until).clients}
    first: dict[int, Happening] = {}
    for happening in tell(1, until):
        assert happening.at > since[happening.client_id]
        first.setdefault(happening.client_id, happening)
    newcomers = [happening for client_id, happening in first.items() if since[client_id] > until - month.MONTH]
    assert len(newcomers) > 10
    assert {happening.type for happening in newcomers} == {"form_submitted"}


def test_a_case_changes_at_most_once_so_that_its_states_make_sense() -> None:
    changed = Counter(happening.client_id for happening in tell(2, UNTIL[0]) if happening.type == "case.updated")
    assert changed
    assert set(changed.values()) == {1}


def test_agents_with_a_campaign_that_runs_all_have_something_to_do() -> None:
    calling = {happening.data["agent_id"] for happening in tell(3, UNTIL[0]) if happening.type == "call_started"}
    assert calling >= {
        agent.external_id for agent in AGENTS if agent.external_id not in ("agent_sample_noah", "agent_sample_max")
    }


def test_the_same_seed_tells_the_same_month() -> None:
    assert tell(5, UNTIL[0]) == tell(5, UNTIL[0])
    assert tell(5, UNTIL[0]) != tell(6, UNTIL[0])


def test_a_firm_without_clients_has_no_month() -> None:
    assert month.tell(1, Cast([], AGENTS), UNTIL[0]) == []


def test_the_month_is_thirty_days() -> None:
    told = tell(7, UNTIL[0])
    days = {happening.at.astimezone(hours.ZONE).date() for happening in told}
    assert len(days) >= 22
    assert told[-1].at - told[0].at > timedelta(days=27)

"""The events that are played live: plausible, valid, the same for the same seed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash.events import catalogue, validation
from kayse_dash.story import rounds
from kayse_dash.story.scenes import Happening
from tests.story.actors import AGENTS, CAMPAIGNS, everybody

BEGAN = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
PACE = timedelta(seconds=12)
CAST = everybody(BEGAN)


def tell(seed: int) -> list[Happening]:
    return rounds.tell(seed, rounds.choose(seed, CAST), CAST, BEGAN, PACE)


@pytest.mark.parametrize("seed", range(0, 1000, 40))
def test_every_event_is_one_of_the_catalogue_and_valid(seed: int) -> None:
    told = tell(seed)
    assert len(told) == rounds.STEPS
    for happening in told:
        assert validation.check(happening.type, happening.data) == {}
        assert happening.data.keys() == catalogue.CATALOGUE[happening.type].sample.keys()


def test_a_round_shows_every_event_of_the_catalogue() -> None:
    assert {happening.type for happening in tell(1)} == set(catalogue.CATALOGUE)


def test_the_same_seed_tells_the_same_round_and_another_a_different_one() -> None:
    assert tell(5) == tell(5)
    assert tell(5) != tell(6)


def test_one_event_happens_at_each_step() -> None:
    assert [happening.at for happening in tell(2)] == [BEGAN + step * PACE for step in range(rounds.STEPS)]


def test_calls_are_told_in_order_and_transfers_come_out_one_way() -> None:
    calls: dict[str, list[str]] = defaultdict(list)
    for happening in tell(3):
        if happening.type in catalogue.CALL_EVENTS:
            calls[happening.data.get("call_id") or happening.data["id"]].append(happening.type)
    transfers = []
    for types in calls.values():
        assert types[0] == "call_started"
        assert types.index("call_ended") >= len(types) - 2
        transfers.append([name for name in types if name in catalogue.TRANSFER_EVENTS])
    assert sorted(transfers) == [
        [],
        [],
        ["transfer_started", "transfer_bridged", "transfer_ended"],
        ["transfer_started", "transfer_cancelled"],
    ]


def test_a_call_lasts_as_long_as_its_times_say() -> None:
    for happening in tell(4):
        if happening.type in ("call_ended", "transfer_ended"):
            data = happening.data
            began = datetime.fromisoformat(data.get("bridged_at") or data["started_at"])
            lasted = datetime.fromisoformat(data["ended_at"]) - began
            assert lasted.total_seconds() == data["duration_seconds"] > 0


def test_the_campaign_of_an_event_stands_in_its_data_and_its_case_type_goes_with_it() -> None:
    case_types = {campaign.id: campaign.case_type for campaign in CAMPAIGNS}
    told = tell(6)
    for happening in told:
        assert happening.campaign_id == happening.data.get("campaign_id")
        if happening.campaign_id is not None:
            assert happening.case_type == case_types[happening.campaign_id]
    assert any(happening.type == "transfer_bridged" and happening.campaign_id == CAMPAIGNS[0].id for happening in told)


@pytest.mark.parametrize("seed", range(5))
def test_four_people_are_called_at_their_own_numbers_by_agents_of_the_firm(seed: int) -> None:
    phones = {who.id: who.phone for who in CAST.clients}
    told = tell(seed)
    assert len({happening.client_id for happening in told}) == 4
    for happening in (one for one in told if one.type in catalogue.CALL_EVENTS):
        assert happening.data["client_id"] == happening.client_id
        assert phones[happening.client_id] in (happening.data["from_number"], happening.data["to_number"])
        assert happening.data["agent_id"] in {agent.external_id for agent in AGENTS}


def test_no_round_is_told_of_fewer_than_four_who_can_be_called() -> None:
    able = [who for who in CAST.clients if who.phone][:3]
    mute = [who for who in CAST.clients if not who.phone]
    assert rounds.choose(1, replace(CAST, clients=able + mute)) == []


def test_without_agents_calls_name_none() -> None:
    nobody = replace(CAST, agents=[])
    told = rounds.tell(1, rounds.choose(1, nobody), nobody, BEGAN, PACE)
    calls = [happening for happening in told if happening.type in catalogue.CALL_EVENTS]
    assert {happening.data["agent_id"] for happening in calls} == {None}
    assert all(validation.check(happening.type, happening.data) == {} for happening in calls)

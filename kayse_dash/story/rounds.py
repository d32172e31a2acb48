"""What is played live: rounds of thirty events in which every kind of the catalogue comes up. Pure.

A round has always the same thirty steps; what is said in it differs with its seed. Four people's calls run side by side: one is
put through to a person, one is not, one needs nobody, one is not answered.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from kayse_dash.story import lines
from kayse_dash.story.cast import Cast, Client
from kayse_dash.story.scenes import Call, Happening, Scenes

STEPS = 30
CALLERS = 4


def choose(seed: int, cast: Cast) -> list[Client]:
    """Four people for a round, the first of them of the first campaign; none where the cast has no four who can be called."""
    dice = random.Random(seed)
    able = [who for who in cast.clients if who.phone]
    if len(able) < CALLERS:
        return []
    campaign_id = min(who.campaign.id for who in able)
    first = dice.choice([who for who in able if who.campaign.id == campaign_id])
    return [first, *dice.sample([who for who in able if who != first], CALLERS - 1)]


def tell(seed: int, callers: Sequence[Client], cast: Cast, began: datetime, pace: timedelta) -> list[Happening]:
    """A whole round, in its order.

    Args:
        seed: the same seed tells the same round.
        callers: the four people it is about.
        cast: whose agents take the calls.
        began: when its first event happens.
        pace: from one event to the next.
    """
    told = _Round(Scenes(random.Random(seed), cast), began, pace)
    first, second, third, fourth = callers
    told.a_call_that_is_put_through(first)
    told.a_call_that_cannot_be_put_through(second)
    told.a_form_and_a_call(third)
    told.a_call_that_nobody_answers(fourth)
    return sorted(told.scenes.happenings, key=lambda happening: happening.at)


class _Round:
    def __init__(self, scenes: Scenes, began: datetime, pace: timedelta) -> None:
        self.scenes = scenes
        self.began, self.pace = began, pace

    def a_call_that_is_put_through(self, who: Client) -> None:
        call = self._call(who, 0)
        self.scenes.speak(call, self._at(2))
        transfer = self.scenes.start_transfer(call, self._at(4))
        self.scenes.bridge(transfer, self._at(6))
        self.scenes.end_transfer(transfer, self._at(10))
        self._hang_up((11, 13), call, "qualified", transferred=True)
        self.scenes.change_case(who, self._at(15))

    def a_call_that_cannot_be_put_through(self, who: Client) -> None:
        call = self._call(who, 1)
        transfer = self.scenes.start_transfer(call, self._at(5))
        self.scenes.cancel(transfer, self._at(8), self.scenes.dice.choice(lines.GOES_WRONG))
        self.scenes.speak(call, self._at(9))
        self._hang_up((12, 14), call, "callback", transferred=False)
        self.scenes.complete_task(who, self._at(17))

    def a_form_and_a_call(self, who: Client) -> None:
        self.scenes.submit_form(who, self._at(3))
        call = self._call(who, 16)
        self.scenes.speak(call, self._at(18))
        self._hang_up((21, 22), call, "qualified", transferred=False)
        paper = self.scenes.paper(who)
        self._message(24, 25, who, self.scenes.dice.choice(lines.THANKS), paper[2])
        self.scenes.upload_document(who, self._at(27), paper)

    def a_call_that_nobody_answers(self, who: Client) -> None:
        self.scenes.upload_document(who, self._at(7), self.scenes.paper(who), by="staff")
        call = self.scenes.start_call(who, self._at(19), inbound=False)
        self.scenes.end_call(call, self._at(20), status="no_answer")
        self._message(23, 26, who, lines.TRIED)
        self.scenes.submit_form(who, self._at(28))
        self.scenes.change_case(who, self._at(29))

    def _call(self, who: Client, step: int) -> Call:
        return self.scenes.start_call(who, self._at(step), inbound=self.scenes.dice.random() < 0.4)

    def _hang_up(self, steps: tuple[int, int], call: Call, came_to: str, transferred: bool) -> None:
        ended, analyzed = (self._at(step) for step in steps)
        self.scenes.end_call(call, ended, transferred=transferred)
        self.scenes.analyze(call, ended, analyzed, came_to)

    def _message(self, sent: int, delivered: int, who: Client, text: str, paper: str = "") -> None:
        message = self.scenes.send_message(who, self._at(sent), text, paper)
        self.scenes.deliver_message(who, message, self._at(delivered))

    def _at(self, step: int) -> datetime:
        return self.began + step * self.pace

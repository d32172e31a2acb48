"""Thirty days at the sample firm: newcomers are called back, people call and are called, papers are asked for and come. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from kayse_dash.story import hours, lines
from kayse_dash.story.cast import Cast, Client
from kayse_dash.story.scenes import Call, Happening, Scenes, Transfer

MONTH = timedelta(days=30)
EVENTS = 460  # with a round after them, a test inbox keeps them all


def tell(seed: int, cast: Cast, until: datetime) -> list[Happening]:
    """What happened in the thirty days before `until`, in its order: about 460 events.

    Each story is told as far as it came: what would have happened after `until` did not.

    Args:
        seed: the same seed tells the same month.
        cast: who may be called, and whose agents call.
    """
    told = _Month(Scenes(random.Random(seed), cast), until - MONTH, until)
    for who in cast.clients:
        if who.since > told.began:
            told.a_newcomer(who)
    known = [who for who in cast.clients if who.since <= told.began]
    # These are there for certain; of the rest, whatever comes first.
    told.transfers_of_every_kind([who for who in known if who.phone])
    while known and len(told.scenes.happenings) < EVENTS:
        told.something(known)
    return sorted(told.scenes.happenings, key=lambda happening: happening.at)


class _Month:
    def __init__(self, scenes: Scenes, began: datetime, until: datetime) -> None:
        self.scenes, self.dice = scenes, scenes.dice
        self.began, self.until = began, until
        self.moved_on: set[int] = set()  # whose case has changed; once in a month is enough

    def a_newcomer(self, who: Client) -> None:
        at = who.since + self._minutes(1, 3)
        self.scenes.submit_form(who, at)
        if who.phone is None:
            return
        called: datetime | None = self._later(at, minutes=(4, 50))
        if self.dice.random() < 0.3:
            given_up = self._no_answer(who, called)
            called = given_up and self._later(given_up, minutes=(90, 1500))
        transfer = "bridged" if self.dice.random() < 0.4 else ""
        if called and (ended := self._talk(who, called, inbound=False, transfer=transfer)):
            self._paper_work(who, ended)

    def transfers_of_every_kind(self, able: Sequence[Client]) -> None:
        """One that goes wrong in each way there is, one that works at the second try, one of which only the start is told."""
        ways = (*lines.GOES_WRONG, "twice", "forgotten")
        for who, how in zip(self.dice.sample(able, min(len(able), len(ways))), ways, strict=False):
            self._talk(who, self._some_time(is_open=True), inbound=True, transfer=how)

    def something(self, known: Sequence[Client]) -> None:
        stories = {self._an_inbound_call: 5, self._an_outreach: 4, self._a_paper: 4, self._office_work: 3}
        [story] = self.dice.choices(list(stories), list(stories.values()))
        story(self.dice.choice(known))

    def _an_inbound_call(self, who: Client) -> None:
        evening = self.dice.random() < 0.15
        at = hours.at_home(self._some_time(), self.dice) if evening else self._some_time()
        transfer = self.dice.choice(("", "bridged", "bridged", *lines.GOES_WRONG[:3])) if hours.is_open(at) else ""
        ended = self._talk(who, at, inbound=True, transfer=transfer) if self.began < at else None
        if ended and transfer in lines.GOES_WRONG:
            self._task(who, ended)

    def _an_outreach(self, who: Client) -> None:
        if who.phone is None:
            return
        at = self._some_time(is_open=True)
        if self.dice.random() < 0.45:
            given_up = self._no_answer(who, at)
            if given_up is None or self.dice.random() < 0.4:
                return
            at = self._later(given_up, minutes=(90, 1500))
        self._talk(who, at, inbound=False)

    def _a_paper(self, who: Client) -> None:
        paper = self.scenes.paper(who)
        asked = self._some_time()
        if who.phone:
            self._message(who, asked, self.dice.choice(lines.THANKS), paper[2])
        sent = hours.at_home(asked + timedelta(days=self.dice.randrange(1, 5)), self.dice)
        if sent < self.until:
            self.scenes.upload_document(who, sent, paper)
            self._task(who, sent)

    def _office_work(self, who: Client) -> None:
        at = self._some_time()
        if self.dice.random() < 0.4:
            self.scenes.upload_document(who, at, self.scenes.paper(who), by="staff")
        self._task(who, at)

    def _paper_work(self, who: Client, after: datetime) -> None:
        """What follows a first call: a paper is asked for and mostly comes, and the case moves on."""
        paper = self.scenes.paper(who)
        self._message(who, after + self._minutes(2, 9), self.dice.choice(lines.THANKS), paper[2])
        sent = hours.at_home(after + timedelta(days=self.dice.randrange(1, 4)), self.dice)
        if sent < self.until and self.dice.random() < 0.6:
            self.scenes.upload_document(who, sent, paper)
            seen = self._later(sent, minutes=(30, 400))
            if self._message(who, seen, lines.CONFIRMS[0], paper[2]):
                self._case(who, seen + self._minutes(5, 30))

    def _talk(self, who: Client, at: datetime, *, inbound: bool, transfer: str = "") -> datetime | None:
        """A call that is answered; when it ended, None where it would not be over yet.

        Args:
            transfer: empty for none, `bridged`, a reason for which it goes wrong, `twice` for wrong and then right, or
                `forgotten` where nobody told how it went on.
        """
        if who.phone is None or at + timedelta(minutes=25) > self.until:
            return None
        call = self.scenes.start_call(who, at, inbound=inbound)
        now = at + self._seconds(25, 70)
        self.scenes.speak(call, now)
        now += self._seconds(20, 150)
        if transfer:
            now = self._transfer(call, now, transfer)
        if transfer in ("bridged", "twice"):
            came_to = "qualified"
        elif transfer == "hangup":
            came_to = "callback"
        else:
            came_to = self.dice.choices(("qualified", "callback", "not_interested"), (6, 3, 1))[0]
            now += self._seconds(30, 240)
            if self.dice.random() < 0.3:
                self.scenes.speak(call, now, is_final=True)
        ended = now + self._seconds(2, 6)
        self.scenes.end_call(call, ended, transferred=transfer in ("bridged", "twice", "forgotten"))
        self.scenes.analyze(call, ended, ended + self._seconds(12, 50), came_to)
        return ended

    def _transfer(self, call: Call, at: datetime, how: str) -> datetime:
        transfer = self.scenes.start_transfer(call, at)
        if how == "forgotten":
            return at + self._seconds(60, 200)
        if how == "twice":
            transfer = self._try_again(transfer, at)
        elif how != "bridged":
            given_up = at + self._seconds(9, 32)
            self.scenes.cancel(transfer, given_up, how)
            return given_up
        bridged = transfer.began + self._seconds(6, 28)
        self.scenes.bridge(transfer, bridged)
        ended = bridged + self._seconds(90, 840)
        self.scenes.end_transfer(transfer, ended)
        return ended

    def _try_again(self, transfer: Transfer, at: datetime) -> Transfer:
        given_up = at + self._seconds(9, 32)
        self.scenes.cancel(transfer, given_up, "no_answer")
        return self.scenes.start_transfer(transfer.call, given_up + self._seconds(8, 30))

    def _no_answer(self, who: Client, at: datetime) -> datetime | None:
        """A call that nobody answers, and a message about it; when that was sent, None where it is not yet."""
        if at + timedelta(minutes=10) > self.until:
            return None
        call = self.scenes.start_call(who, at, inbound=False)
        status = self.dice.choice(("no_answer", "no_answer", "voicemail", "busy"))
        ended = at + self._seconds(18, 45)
        self.scenes.end_call(call, ended, status=status)
        sent = ended + self._seconds(20, 120)
        self._message(who, sent, lines.TRIED)
        return sent

    def _message(self, who: Client, at: datetime, text: str, paper: str = "") -> bool:
        """Send a message, which mostly is reported as delivered; whether it was time yet."""
        if who.phone is None or at + timedelta(minutes=1) > self.until:
            return False
        message = self.scenes.send_message(who, at, text, paper)
        if self.dice.random() < 0.9:
            self.scenes.deliver_message(who, message, at + self._seconds(2, 40))
        return True

    def _task(self, who: Client, after: datetime) -> None:
        done = self._later(after, minutes=(30, 900))
        if done < self.until:
            self.scenes.complete_task(who, done)
            if self.dice.random() < 0.35:
                self._case(who, done + self._minutes(1, 12))

    def _case(self, who: Client, at: datetime) -> None:
        if who.case_id and who.id not in self.moved_on and at < self.until:
            self.moved_on.add(who.id)
            self.scenes.change_case(who, at, is_new=who.since > self.began)

    def _some_time(self, *, is_open: bool = False) -> datetime:
        while True:
            at = hours.at_work(self.began, self.until - timedelta(minutes=90), self.dice)
            if not is_open or hours.is_open(at):
                return at

    def _later(self, at: datetime, minutes: tuple[int, int]) -> datetime:
        """A while after `at`, when the office is open."""
        return hours.next_open(at + self._minutes(*minutes), self.dice)

    def _minutes(self, least: int, most: int) -> timedelta:
        return self._seconds(60 * least, 60 * most)

    def _seconds(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=self.dice.randint(least, most))

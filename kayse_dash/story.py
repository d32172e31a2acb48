"""What happens at the sample law firm: rounds of plausible events, made of the catalogue's samples. Pure.

A round has always the same thirty steps; who calls about what, and what is said, differs with its seed. Four people's calls run
side by side: one is put through to a person, one is not, one needs nobody, one is not answered.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kayse_dash.clock import iso
from kayse_dash.events.catalogue import CATALOGUE

STEPS = 30
INBOX_TOKENS = "sample-"  # what the tokens of the sample firm's inboxes begin with
EVENT_IDS = "sample_"  # and the ids of its events

NAMES = (
    "Dana Whitfield", "Marcus Ortega", "Priya Nair", "Tomás Herrera", "Evelyn Park", "Jerome Banks", "Aisha Rahman",
    "Colin Fraser", "Rosa Delgado", "Hannah Weiss", "Samuel Okafor", "Linh Tran", "Grace Mbeki", "Walter Kowalski",
)  # fmt: skip
DESKS = ("Intake desk", "Dolores at intake", "Attorney Reyes", "Attorney Lindqvist")
GOES_WRONG = ("no_answer", "busy", "declined", "voicemail")
WANTS = (
    "Caller asked to speak to an attorney",
    "Caller wants to sign the retainer now",
    "Caller asked about a deadline",
    "Caller prefers to speak to a person",
)
SAID = (
    "Yes, I have the police report here.",
    "The doctor told me to stay off work for six weeks.",
    "They sent me a letter yesterday and I do not understand it.",
    "It was the other driver, there were two witnesses.",
)
SUMMED_UP = (
    "The caller described the accident, named the treating clinic and agreed to send the police report.",
    "The caller was injured at work in May and has not filed a claim yet. A consultation was offered.",
    "The caller has an attorney already and asked for a second opinion.",
    "The caller asked how long the case will take. A follow-up call was agreed for Thursday.",
)
DOCUMENTS = (
    ("police-report.pdf", "police_report"),
    ("medical-records-riverside.pdf", "medical_record"),
    ("signed-retainer.pdf", "retainer"),
    ("insurance-letter.pdf", "correspondence"),
)
TASKS = (
    "Request medical records from Riverside Clinic",
    "Send the retainer for signature",
    "Call back about the police report",
    "Check the statute of limitations",
)
STATUSES = (("New", "Intake"), ("Intake", "Under review"), ("Under review", "Signed"), ("Signed", "Active"))


@dataclass(frozen=True)
class Campaign:
    """A campaign that callers of the sample firm belong to."""

    id: int
    case_type: str | None


@dataclass(frozen=True)
class Happening:
    """One event of a round, as it is to be recorded."""

    type: str
    at: datetime
    data: dict[str, Any]
    campaign_id: int | None
    case_type: str | None


def tell(seed: int, campaigns: Sequence[Campaign], began: datetime, pace: timedelta) -> list[Happening]:
    """A whole round, in its order.

    Args:
        seed: the same seed tells the same round.
        campaigns: what people call about; the call that is put through belongs to the first.
        began: when its first event happens.
        pace: from one event to the next.
    """
    told = _Round(random.Random(seed), campaigns, began, pace)
    told.a_call_that_is_put_through()
    told.a_call_that_cannot_be_put_through()
    told.a_form_and_a_call()
    told.a_call_that_nobody_answers()
    return [happening for _, happening in sorted(told.happenings, key=lambda entry: entry[0])]


class _Round:
    def __init__(self, dice: random.Random, campaigns: Sequence[Campaign], began: datetime, pace: timedelta) -> None:
        self.dice = dice
        self.began, self.pace = began, pace
        belong_to = [campaigns[0], *(dice.choice(campaigns) for _ in range(3))]
        self.people = (_Person(dice, name, one) for name, one in zip(dice.sample(NAMES, 4), belong_to, strict=True))
        self.happenings: list[tuple[int, Happening]] = []

    def a_call_that_is_put_through(self) -> None:
        who = next(self.people)
        call, desk = self._call(who, 0), self.dice.choice(DESKS)
        self._say(2, who, call)
        transfer = self._transfer(4, who, call, desk)
        self._add(6, "transfer_bridged", who, transfer | {"bridged_at": self._at(6), "wait_seconds": self._seconds(4, 6)})
        over = {"bridged_at": self._at(6), "ended_at": self._at(10), "duration_seconds": self._seconds(6, 10)}
        self._add(10, "transfer_ended", who, transfer | over)
        self._hang_up((11, 13), who, call, "qualified", transferred=True)
        self._change_case(15, who)

    def a_call_that_cannot_be_put_through(self) -> None:
        who = next(self.people)
        call, desk = self._call(who, 1), self.dice.choice(DESKS)
        transfer = self._transfer(5, who, call, desk)
        self._add(8, "transfer_cancelled", who, transfer | {"cancelled_at": self._at(8), "reason": self.dice.choice(GOES_WRONG)})
        self._say(9, who, call)
        self._hang_up((12, 14), who, call, "callback", transferred=False)
        done = {"id": self._id("task"), "title": self.dice.choice(TASKS), "completed_at": self._at(17), "due_at": self._at(40)}
        self._add(17, "task_completed", who, done)

    def a_form_and_a_call(self) -> None:
        who = next(self.people)
        self._form(3, who)
        call = self._call(who, 16)
        self._say(18, who, call)
        self._hang_up((21, 22), who, call, "qualified", transferred=False)
        self._message(24, 25, who, f"Thank you for your call, {who.first_name}. Please send us the police report.")
        self._document(27, who)

    def a_call_that_nobody_answers(self) -> None:
        who = next(self.people)
        self._document(7, who)
        call = self._call(who, 19)
        unheard = {"status": "no_answer", "answered_by": None, "ended_reason": "no_answer", "recording_url": None}
        over = {"ended_at": self._at(20), "duration_seconds": self._seconds(19, 20), "was_transferred": False}
        self._add(20, "call_ended", who, call | unheard | over)
        self._message(23, 26, who, f"{who.first_name}, we tried to reach you about your case. When may we call again?")
        self._form(28, who)
        self._change_case(29, who)

    def _call(self, who: _Person, step: int) -> dict[str, Any]:
        inbound = self.dice.random() < 0.4
        call = {
            "id": self._id("call"),
            "direction": "inbound" if inbound else "outbound",
            "from_number": who.phone if inbound else CATALOGUE["call_started"].sample["from_number"],
            "to_number": CATALOGUE["call_started"].sample["from_number"] if inbound else who.phone,
            "started_at": self._at(step),
        }
        self._add(step, "call_started", who, call)
        return call

    def _say(self, step: int, who: _Person, call: dict[str, Any]) -> None:
        [segment] = CATALOGUE["transcript_updated"].sample["segments"]
        said = {"text": self.dice.choice(SAID), "start_seconds": 41.2, "end_seconds": 44.9}
        self._add(step, "transcript_updated", who, call | {"segments": [segment | said]})

    def _transfer(self, step: int, who: _Person, call: dict[str, Any], desk: str) -> dict[str, Any]:
        transfer = call | {
            "id": self._id("transfer"),
            "call_id": call["id"],
            "transfer_to_name": desk,
            "started_at": self._at(step),
        }
        self._add(step, "transfer_started", who, transfer | {"reason": self.dice.choice(WANTS)})
        return transfer

    def _hang_up(self, steps: tuple[int, int], who: _Person, call: dict[str, Any], came_to: str, transferred: bool) -> None:
        ended, analyzed = steps
        lasted = datetime.fromisoformat(self._at(ended)) - datetime.fromisoformat(call["started_at"])
        over = call | {"ended_at": self._at(ended), "duration_seconds": int(lasted.total_seconds())}
        self._add(ended, "call_ended", who, over | {"was_transferred": transferred})
        noted = {"summary": self.dice.choice(SUMMED_UP), "disposition": came_to, "is_successful": came_to == "qualified"}
        self._add(analyzed, "call_analyzed", who, over | noted | {"follow_up_at": None})

    def _message(self, sent: int, delivered: int, who: _Person, body: str) -> None:
        message = {"id": self._id("msg"), "to_number": who.phone, "body": body, "sent_at": self._at(sent)}
        self._add(sent, "message_sent", who, message)
        self._add(delivered, "message_delivered", who, message | {"delivered_at": self._at(delivered)})

    def _form(self, step: int, who: _Person) -> None:
        answers = [
            answer | {"value": who.phone} if answer["type"] == "phone" else answer
            for answer in CATALOGUE["form_submitted"].sample["answers"]
        ]
        form = {"id": self._id("submission"), "submitted_at": self._at(step), "answers": answers}
        self._add(step, "form_submitted", who, form)

    def _document(self, step: int, who: _Person) -> None:
        name, category = self.dice.choice(DOCUMENTS)
        document_id = self._id("document")
        file = {"name": name, "category": category, "size_bytes": self.dice.randrange(40_000, 2_000_000)}
        place = {"id": document_id, "uploaded_at": self._at(step), "url": f"https://documents.example.com/{document_id}"}
        self._add(step, "document_uploaded", who, file | place)

    def _change_case(self, step: int, who: _Person) -> None:
        old, new = self.dice.choice(STATUSES)
        case = {"id": who.case_id, "name": f"{who.last_name} case", "status": new}
        self._add(step, "case.updated", who, case | {"changes": {"status": {"old": old, "new": new}}})

    def _add(self, step: int, event_type: str, who: _Person, data: dict[str, Any]) -> None:
        sample = CATALOGUE[event_type].sample
        known = {name: value for name, value in who.fields.items() if name in sample}
        whole = {name: value for name, value in (sample | known | data).items() if name in sample}
        campaign_id = who.campaign.id if "campaign_id" in sample else None
        at = self.began + step * self.pace
        self.happenings.append((step, Happening(event_type, at, whole, campaign_id, who.campaign.case_type)))

    def _at(self, step: int) -> str:
        return iso((self.began + step * self.pace).replace(microsecond=0))

    def _seconds(self, first: int, last: int) -> int:
        return round((last - first) * self.pace.total_seconds())

    def _id(self, kind: str) -> str:
        return f"{kind}_{self.dice.getrandbits(24):06x}"


class _Person:
    def __init__(self, dice: random.Random, name: str, campaign: Campaign) -> None:
        self.first_name, self.last_name = name.split()
        self.campaign = campaign
        # 555-0100 to 555-0199 belong to nobody: they are set aside for fiction.
        self.phone = f"+1202555{dice.randrange(100, 200):04d}"
        self.case_id = f"case_{dice.randrange(100, 1000)}"
        self.fields = {
            "client_id": 1000 + NAMES.index(name),
            "client_name": name,
            "case_id": self.case_id,
            "campaign_id": campaign.id,
        }

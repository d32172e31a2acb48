"""The scenes of the sample firm: each tells one event, with data as the catalogue's sample has it. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kayse_dash.clock import iso
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.story import hours, lines
from kayse_dash.story.cast import Agent, Cast, Client


@dataclass(frozen=True)
class Happening:
    """One event, as it is to be recorded."""

    type: str
    at: datetime
    data: dict[str, Any]
    client_id: int
    campaign_id: int | None
    case_type: str | None


@dataclass
class Call:
    """A call that goes on; `said` counts the turns of its transcript."""

    who: Client
    began: datetime
    fields: dict[str, Any]
    said: int = 0


@dataclass
class Transfer:
    """A transfer of a call that goes on."""

    call: Call
    began: datetime
    fields: dict[str, Any]
    bridged: datetime | None = None


@dataclass
class Scenes:
    """What was told so far, in the order of telling."""

    dice: random.Random
    cast: Cast
    happenings: list[Happening] = field(default_factory=list)

    def start_call(self, who: Client, at: datetime, *, inbound: bool) -> Call:
        numbers = (who.phone, lines.FIRM_NUMBER) if inbound else (lines.FIRM_NUMBER, who.phone)
        fields = {
            "id": self._id("call", at),
            **self._agent(who, at),
            "direction": "inbound" if inbound else "outbound",
            "from_number": numbers[0],
            "to_number": numbers[1],
            "started_at": _iso(at),
        }
        self._tell("call_started", at, who, fields | {"status": "in_progress" if inbound else "ringing"})
        return Call(who, at, fields)

    def speak(self, call: Call, at: datetime, *, is_final: bool = False) -> None:
        began = round((at - call.began).total_seconds() * 0.8, 1)
        asked, answered = self.dice.choice(lines.topic(call.who.campaign.case_type).talk)
        turns = [
            {"index": call.said + place, "speaker": speaker, "text": text, "start_seconds": start, "end_seconds": start + 2.5}
            for place, (speaker, text, start) in enumerate((("agent", asked, began), ("client", answered, began + 3)))
        ]
        call.said += len(turns)
        self._tell("transcript_updated", at, call.who, call.fields | {"segments": turns, "is_final": is_final})

    def start_transfer(self, call: Call, at: datetime) -> Transfer:
        desk, number = self.dice.choice(lines.DESKS)
        fields = call.fields | {
            "id": self._id("transfer", at),
            "call_id": call.fields["id"],
            "transfer_to": number,
            "transfer_to_name": desk,
            "transfer_type": self.dice.choice(("warm", "warm", "cold")),
            "started_at": _iso(at),
        }
        self._tell("transfer_started", at, call.who, fields | {"reason": self.dice.choice(lines.WANTS)})
        return Transfer(call, at, fields)

    def bridge(self, transfer: Transfer, at: datetime) -> None:
        transfer.bridged = at
        waited = {"bridged_at": _iso(at), "wait_seconds": _seconds(transfer.began, at)}
        self._tell("transfer_bridged", at, transfer.call.who, transfer.fields | waited)

    def cancel(self, transfer: Transfer, at: datetime, reason: str) -> None:
        given_up = {"cancelled_at": _iso(at), "reason": reason}
        self._tell("transfer_cancelled", at, transfer.call.who, transfer.fields | given_up)

    def end_transfer(self, transfer: Transfer, at: datetime) -> None:
        began = transfer.bridged or transfer.began
        over = {"bridged_at": _iso(began), "ended_at": _iso(at), "duration_seconds": _seconds(began, at)}
        self._tell("transfer_ended", at, transfer.call.who, transfer.fields | over)

    def end_call(self, call: Call, at: datetime, *, status: str = "completed", transferred: bool = False) -> None:
        answered = status == "completed"
        over = {
            **_over(call, at),
            "status": status,
            "answered_by": "human" if answered else "machine" if status == "voicemail" else None,
            "ended_reason": self.dice.choice(("client_hangup", "agent_hangup")) if answered else status,
            "was_transferred": transferred,
            "recording_url": f"https://recordings.example.com/{call.fields['id']}.mp3" if answered else None,
        }
        self._tell("call_ended", at, call.who, call.fields | over)

    def analyze(self, call: Call, ended: datetime, at: datetime, came_to: str) -> None:
        topic = lines.topic(call.who.campaign.case_type)
        noted = {
            "summary": self.dice.choice(topic.summaries).format(first=call.who.first_name),
            "sentiment": "negative" if came_to == "not_interested" else self.dice.choice(("positive", "neutral")),
            "disposition": came_to,
            "is_successful": came_to == "qualified",
            "follow_up_at": _iso(hours.next_open(at + timedelta(days=2), self.dice)) if came_to == "callback" else None,
            "extracted": {"accident_date": self._date_before(call.began), "treating_clinic": "Riverside Clinic"},
        }
        self._tell("call_analyzed", at, call.who, call.fields | _over(call, ended) | noted)

    def send_message(self, who: Client, at: datetime, text: str, paper: str = "") -> dict[str, Any]:
        fields = {
            "id": self._id("msg", at),
            **self._agent(who, at),
            "from_number": lines.FIRM_NUMBER,
            "to_number": who.phone,
            "body": text.format(first=who.first_name, paper=paper),
            "sent_at": _iso(at),
        }
        self._tell("message_sent", at, who, fields | {"status": "sent"})
        return fields

    def deliver_message(self, who: Client, message: dict[str, Any], at: datetime) -> None:
        self._tell("message_delivered", at, who, message | {"status": "delivered", "delivered_at": _iso(at)})

    def submit_form(self, who: Client, at: datetime) -> None:
        answers = {"date": self._date_before(at), "yes_no": self.dice.random() < 0.8, "phone": who.phone}
        fields = {
            "id": self._id("submission", at),
            "form_name": lines.topic(who.campaign.case_type).form,
            "submitted_at": _iso(at),
            "answers": [answer | {"value": answers[answer["type"]]} for answer in CATALOGUE["form_submitted"].sample["answers"]],
        }
        self._tell("form_submitted", at, who, fields)

    def upload_document(self, who: Client, at: datetime, paper: tuple[str, str, str], by: str = "client") -> None:
        name, category, _ = paper
        document_id = self._id("document", at)
        fields = {
            "id": document_id,
            "name": name,
            "content_type": "application/zip" if name.endswith(".zip") else "application/pdf",
            "size_bytes": self.dice.randrange(40_000, 2_000_000),
            "category": category,
            "uploaded_by": by,
            "uploaded_at": _iso(at),
            "url": f"https://documents.example.com/{document_id}",
        }
        self._tell("document_uploaded", at, who, fields)

    def complete_task(self, who: Client, at: datetime) -> None:
        title, notes = self.dice.choice(lines.TASKS)
        did, asked = (dict(zip(("id", "name", "email"), self.dice.choice(lines.STAFF), strict=True)) for _ in range(2))
        due = hours.next_open(at + timedelta(hours=self.dice.randrange(-20, 60)), self.dice)
        fields = {"id": self._id("task", at), "title": title, "assigned_to": asked, "completed_by": did, "notes": notes}
        self._tell("task_completed", at, who, fields | {"due_at": _iso(due), "completed_at": _iso(at)})

    def change_case(self, who: Client, at: datetime, *, is_new: bool = False) -> None:
        place = 1 if is_new else self.dice.randrange(1, len(lines.STATUSES))
        old, new = lines.STATUSES[place - 1 : place + 1]
        case = {"id": _case(who), "name": f"{who.last_name} case", "status": new}
        self._tell("case.updated", at, who, case | {"changes": {"status": {"old": old, "new": new}}})

    def paper(self, who: Client) -> tuple[str, str, str]:
        """A paper that somebody with such a case has."""
        return self.dice.choice(lines.topic(who.campaign.case_type).papers)

    def _tell(self, event_type: str, at: datetime, who: Client, fields: dict[str, Any]) -> None:
        sample = CATALOGUE[event_type].sample
        known = {"client_id": who.id, "client_name": who.name, "case_id": _case(who), "campaign_id": who.campaign.id} | fields
        data = {name: known.get(name, value) for name, value in sample.items()}
        campaign_id = who.campaign.id if "campaign_id" in sample else None
        self.happenings.append(Happening(event_type, at, data, who.id, campaign_id, who.campaign.case_type))

    def _agent(self, who: Client, at: datetime) -> dict[str, Any]:
        agent: Agent | None = self.cast.agent_for(who.campaign, self.dice, office_is_open=hours.is_open(at))
        return {"agent_id": agent.external_id if agent else None, "agent_name": agent.name if agent else None}

    def _date_before(self, at: datetime) -> str:
        return (at - timedelta(days=self.dice.randrange(2, 200))).date().isoformat()

    def _id(self, kind: str, at: datetime) -> str:
        # They grow with time, as most systems' do: lists that are kept by them are in order.
        return f"{kind}_{int(at.timestamp()):08x}{self.dice.getrandbits(16):04x}"


def _case(who: Client) -> str | None:
    return f"case_{who.case_id}" if who.case_id else None


def _over(call: Call, ended: datetime) -> dict[str, Any]:
    return {"ended_at": _iso(ended), "duration_seconds": _seconds(call.began, ended)}


def _seconds(began: datetime, ended: datetime) -> int:
    return int((ended.replace(microsecond=0) - began.replace(microsecond=0)).total_seconds())


def _iso(at: datetime) -> str:
    return iso(at.replace(microsecond=0))

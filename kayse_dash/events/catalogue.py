"""The catalogue of events: what can happen, what each event's data holds, and a sample of it. Pure.

The webhook form, the checks of what is sent to us, the reference page, test sends and the tests are derived from it. Adding
an event is adding one entry.

A partial event is worth more than a lost one. A call that ended is news for the firm's case management even when its sender
left a field out, added one of its own, or knows a status that we do not. So the schemas check the types of the fields that
they know, because a receiver built against this catalogue may rely on those; they require nothing, list no permitted values,
take null for every field, and let unknown fields through as they are. `{}` is valid data.

Source: the product's description, "Available Events", "Live Call Transfer Coverage" and "Webhook Payload".
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from kayse_dash.events.fields import (
    CALL,
    CALL_OVER,
    MESSAGE,
    PERSON,
    TRANSFER,
    WHO,
    Fields,
    anything,
    flag,
    group,
    identifier,
    listing,
    mapping,
    moment,
    number,
    sample_of,
    text,
    whole,
)

SAMPLE_TIME = "2024-01-15T10:30:00Z"
LONGEST_GUESSED = 60  # characters; a longer name is no slip of the pen, and comparing it costs time


@dataclass(frozen=True, eq=False)
class EventType:
    """One kind of event.

    Args:
        label: its name in human words.
        meaning: one sentence that says what happened.
        fires: one sentence that says when it is sent.
        takes_campaign_filter: whether a webhook's campaign filter narrows it; else it is sent across all campaigns.
        schema: JSON Schema 2020-12 of `data`.
        sample: realistic data, valid by the schema.
    """

    name: str
    category: str
    label: str
    meaning: str
    fires: str
    takes_campaign_filter: bool
    schema: dict[str, Any]
    sample: dict[str, Any]


def _event(category: str, name: str, label: str, meaning: str, fires: str, fields: Fields) -> EventType:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": label, "type": "object", "properties": fields}
    return EventType(name, category, label, meaning, fires, category == "Calls", schema, sample_of(fields))


CALLS = (
    _event(
        "Calls",
        "call_started",
        "Call started",
        "A call with a client has begun.",
        "Once for each call, when the phone at the other end starts to ring or an inbound call is taken.",
        {**CALL, "status": text("Where the call stands: `ringing` or `in_progress`.", "in_progress")},
    ),
    _event(
        "Calls",
        "call_ended",
        "Call ended",
        "A call is over, whether or not anybody answered it.",
        "Once for each call, when its last line is hung up.",
        {
            **CALL,
            **CALL_OVER,
            "status": text("How it ended: `completed`, `no_answer`, `busy`, `voicemail` or `failed`.", "completed"),
            "answered_by": text("`human` or `machine`; null when nobody answered.", "human"),
            "ended_reason": text("What ended it, such as `client_hangup` or `agent_hangup`.", "client_hangup"),
            "was_transferred": flag("Whether the call was transferred to a person.", True),
            "recording_url": text("Where the recording can be fetched.", "https://recordings.example.com/call_5f3a9c.mp3"),
        },
    ),
    _event(
        "Calls",
        "call_analyzed",
        "Call analyzed",
        "The AI has read the whole call and noted what came of it.",
        "Once for each answered call, usually within a minute after `call_ended`.",
        {
            **CALL,
            **CALL_OVER,
            "summary": text(
                "What was said, in a few sentences.",
                "Dana confirmed the accident of 3 January, named the treating clinic and asked to speak to an attorney.",
            ),
            "sentiment": text("How the client sounded: `positive`, `neutral` or `negative`.", "positive"),
            "disposition": text("What came of the call, such as `qualified`, `callback` or `not_interested`.", "qualified"),
            "is_successful": flag("Whether the call reached its aim.", True),
            "follow_up_at": moment("When the client asked to be called again; null for never.", "2024-01-17T15:00:00Z"),
            "extracted": mapping(
                "The answers that the agent was told to note, by the name of the field.",
                anything("The answer.", "2024-01-03"),
                {"accident_date": "2024-01-03", "treating_clinic": "Riverside Clinic", "has_police_report": True},
            ),
        },
    ),
    _event(
        "Calls",
        "transcript_updated",
        "Transcript updated",
        "There is more of the written record of a call.",
        "Every few seconds while people speak, and once more when the transcript is complete.",
        {
            **CALL,
            "is_final": flag("Whether the transcript is complete.", False),
            "segments": listing(
                "The parts that are new since the last such event, in order.",
                group(
                    "One person's turn to speak.",
                    {
                        "index": whole("Its place in the call, from 0.", 14),
                        "speaker": text("`agent`, `client` or `human` (somebody of the firm).", "client"),
                        "text": text("What was said.", "Yes, I have the police report here."),
                        "start_seconds": number("When it began, in seconds from the start of the call.", 96.4),
                        "end_seconds": number("When it ended, likewise.", 98.9),
                    },
                ),
            ),
        },
    ),
)
TRANSFERS = (
    _event(
        "Calls",
        "transfer_started",
        "Transfer started",
        "The AI started to transfer the call (e.g., to a human).",
        "When the agent begins to dial the person who is to take over.",
        {**TRANSFER, "reason": text("Why the agent transfers the call.", "Client asked to speak to a person")},
    ),
    _event(
        "Calls",
        "transfer_bridged",
        "Transfer bridged",
        "The transfer connected and the two people are now talking.",
        "When the person who takes over has answered and the lines are joined.",
        {
            **TRANSFER,
            "bridged_at": moment("When the two were connected.", "2024-01-15T10:27:19Z"),
            "answered_by": text("Who answered: `human` or `machine`.", "human"),
            "wait_seconds": number("How long the client waited, in seconds.", 14),
        },
    ),
    _event(
        "Calls",
        "transfer_cancelled",
        "Transfer cancelled",
        "The transfer didn't go through (hangup, busy, no answer, etc.).",
        "When the agent gives the transfer up; `transfer_bridged` does not follow.",
        {
            **TRANSFER,
            "cancelled_at": moment("When it was given up.", "2024-01-15T10:27:35Z"),
            "reason": text("Why: `hangup`, `busy`, `no_answer`, `declined`, `voicemail` or `failed`.", "no_answer"),
            "outcome": text("What the agent did then, such as `returned_to_agent`.", "returned_to_agent"),
        },
    ),
    _event(
        "Calls",
        "transfer_ended",
        "Transfer ended",
        "The transfer call leg is over.",
        "When the line between the client and the person who took over is hung up.",
        {
            **TRANSFER,
            "bridged_at": moment("When the two were connected.", "2024-01-15T10:27:19Z"),
            **CALL_OVER,
            "duration_seconds": number("How long they talked, in seconds.", 149),
            "outcome": text("How it ended, such as `completed` or `dropped`.", "completed"),
            "reason": text("What ended it: `hangup` or what went wrong.", "hangup"),
        },
    ),
)
OTHERS = (
    _event(
        "Messages",
        "message_sent",
        "Message sent",
        "A message to a client was sent.",
        "When the carrier or mail server has taken the message.",
        {**MESSAGE, "status": text("`sent`.", "sent")},
    ),
    _event(
        "Messages",
        "message_delivered",
        "Message delivered",
        "A message has reached the client's phone or mailbox.",
        "When the carrier or mail server reports it; some carriers never do.",
        {
            **MESSAGE,
            "status": text("`delivered`.", "delivered"),
            "delivered_at": moment("When it arrived.", "2024-01-15T10:29:15Z"),
        },
    ),
    _event(
        "Tasks",
        "task_completed",
        "Task completed",
        "Somebody finished a task.",
        "When a task is set to Completed, by a person or by an agent.",
        {
            "id": identifier("The task.", "task_318"),
            "title": text("What was to be done.", "Request medical records from Riverside Clinic"),
            "status": text("`completed`.", "completed"),
            **WHO,
            "assigned_to": group("Whose task it was.", PERSON),
            "completed_by": group("Who finished it.", PERSON),
            "due_at": moment("When it was due.", "2024-01-16T22:00:00Z"),
            "completed_at": moment("When it was finished.", "2024-01-15T10:29:58Z"),
            "notes": text("What was noted on finishing it.", "Records requested by fax; answer expected in ten days."),
        },
    ),
    _event(
        "Forms",
        "form_submitted",
        "Form submitted",
        "A client filled in a form and sent it.",
        "Each time a form is sent, also when the same person sends it again.",
        {
            "id": identifier("This submission.", "submission_904"),
            "form_id": identifier("The form.", "form_21"),
            "form_name": text("The form's name.", "Motor vehicle accident intake"),
            **WHO,
            "submitted_at": moment("When it was sent.", "2024-01-15T10:29:30Z"),
            "answers": listing(
                "The answers, in the form's order.",
                group(
                    "One answer.",
                    {
                        "field": text("The field's name.", "accident_date"),
                        "label": text("The question as the client saw it.", "When did the accident happen?"),
                        "type": text("The kind of field, such as `text`, `date`, `phone` or `yes_no`.", "date"),
                        "value": anything("The answer; its type depends on the kind of field.", "2024-01-03"),
                    },
                ),
                {"field": "accident_date", "label": "When did the accident happen?", "type": "date", "value": "2024-01-03"},
                {"field": "was_injured", "label": "Were you injured?", "type": "yes_no", "value": True},
                {"field": "mobile", "label": "Your mobile number", "type": "phone", "value": "+12025550147"},
            ),
        },
    ),
    _event(
        "Documents",
        "document_uploaded",
        "Document uploaded",
        "A document was added to a case or a client.",
        "When the upload is complete, whoever made it.",
        {
            "id": identifier("The document.", "document_5512"),
            "name": text("The file's name.", "police-report-2024-01-03.pdf"),
            "content_type": text("The kind of file (media type).", "application/pdf"),
            "size_bytes": whole("The size in bytes.", 284113),
            "category": text("What it is, such as `police_report`, `medical_record` or `retainer`.", "police_report"),
            **WHO,
            "uploaded_by": text("Who uploaded it: `client`, `staff` or `agent`.", "client"),
            "uploaded_at": moment("When it was uploaded.", "2024-01-15T10:29:44Z"),
            "url": text("Where it can be fetched by those who may.", "https://documents.example.com/document_5512"),
        },
    ),
    _event(
        "Cases",
        "case.updated",
        "Case updated",
        "Something about a case has changed.",
        "Each time a case is saved with a change; changes saved together travel together.",
        {
            "id": identifier("The case.", "case_123"),
            "name": text("The case's name.", "Smith Case"),
            "status": text("Its status after the change.", "Active"),
            "changes": mapping(
                "What changed, by the name of the field.",
                group(
                    "The change of one field.",
                    {"old": anything("The value before.", "New"), "new": anything("The value after.", "Active")},
                ),
                {"status": {"old": "New", "new": "Active"}},
            ),
        },
    ),
)

CATALOGUE: dict[str, EventType] = {kind.name: kind for kind in (*CALLS, *TRANSFERS, *OTHERS)}
CATEGORIES: dict[str, list[EventType]] = {
    category: [kind for kind in CATALOGUE.values() if kind.category == category]
    for category in dict.fromkeys(kind.category for kind in CATALOGUE.values())
}
CALL_EVENTS: frozenset[str] = frozenset(kind.name for kind in CATALOGUE.values() if kind.takes_campaign_filter)
TRANSFER_EVENTS: frozenset[str] = frozenset(kind.name for kind in TRANSFERS)


def find(name: object) -> EventType | None:
    """The event of this name; None for one that does not exist and for what is no name at all."""
    return CATALOGUE.get(name) if isinstance(name, str) else None


def closest(name: str) -> str | None:
    """The event that somebody who wrote `name` probably meant."""
    if len(name) > LONGEST_GUESSED:
        return None
    known = {_plain(other): other for other in CATALOGUE}
    likely = difflib.get_close_matches(_plain(name), known, n=1)
    return known[likely[0]] if likely else None


def _plain(name: str) -> str:
    """The name without the differences people make: `Call Started`, `call.started` and `callStarted` are one."""
    return re.sub(r"[^a-z]+", "", name.lower())

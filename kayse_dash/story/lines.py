"""What is said, written and sent at the sample firm, by what a call is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRM_NUMBER = "+12025550123"  # as in the catalogue's samples

DESKS = (  # who takes over, and the number there
    ("Intake desk", "+12025550188"),
    ("Dolores at intake", "+12025550189"),
    ("Attorney Reyes", "+12025550190"),
    ("Attorney Lindqvist", "+12025550191"),
)
STAFF = (  # id, name, email address
    (7, "Priya Raman", "priya.raman@example.com"),
    (9, "Dolores Vega", "dolores.vega@example.com"),
    (12, "Curtis Boyd", "curtis.boyd@example.com"),
)
GOES_WRONG = ("no_answer", "busy", "declined", "voicemail", "hangup", "failed")
WANTS = (
    "Caller asked to speak to an attorney",
    "Caller wants to sign the retainer now",
    "Caller asked about a deadline",
    "Caller prefers to speak to a person",
)
TASKS = (  # title, what was noted on finishing it
    ("Request medical records from Riverside Clinic", "Requested by fax; an answer is expected in ten days."),
    ("Send the retainer for signature", "Sent by email, with a reminder in three days."),
    ("Call back about the police report", "Spoke to the client; the report comes by mail."),
    ("Check the statute of limitations", "Two years from the date of the accident; noted in the calendar."),
    ("Order the accident report from the county", "Ordered online, eight working days."),
    ("Ask the insurer for the policy limits", "Letter sent by certified mail."),
)
STATUSES = ("New", "Intake", "Under review", "Signed", "Active", "Settled")
TRIED = "{first}, this is Harbor & Lane Law. We tried to reach you about your case. When may we call again?"
THANKS = (
    "Thank you for your call, {first}. Please send us your {paper} when you can. Harbor & Lane Law",
    "{first}, here is the link to upload your {paper}: https://documents.example.com/upload",
    "Hi {first}, a reminder from Harbor & Lane Law: we still need your {paper}.",
)
CONFIRMS = (
    "{first}, we have received your {paper}. Somebody will call you within two working days.",
    "Thank you, {first}. Your appointment with Attorney Reyes is confirmed.",
)


@dataclass(frozen=True)
class Topic:
    """What people talk about in one kind of case.

    Args:
        form: the name of the form that they fill in.
        talk: what the agent asks and what the client answers.
        summaries: `{first}` stands for the client.
        papers: the file's name, its category, and what people call it.
    """

    form: str
    talk: tuple[tuple[str, str], ...]
    summaries: tuple[str, ...]
    papers: tuple[tuple[str, str, str], ...]


_RETAINER = ("signed-retainer.pdf", "retainer", "signed retainer")
_RECORDS = ("medical-records-riverside.pdf", "medical_record", "medical records")
_LETTER = ("insurance-letter.pdf", "correspondence", "letter from the insurer")

_ON_THE_ROAD = Topic(
    "Motor vehicle accident intake",
    (
        ("Do you have the police report?", "Yes, I have it here."),
        ("Was anybody else involved?", "It was the other driver, and there were two witnesses."),
        ("Have you seen a doctor since?", "I was at the emergency room the same evening."),
        ("Did the insurer contact you?", "They sent me a letter yesterday and I do not understand it."),
    ),
    (
        "{first} described the accident, named the treating clinic and agreed to send the police report.",
        "{first} was rear-ended at a light and has neck pain since. A consultation was offered.",
        "{first} has an offer from the insurer and asked whether to accept it. An attorney will call back.",
    ),
    (("police-report.pdf", "police_report", "police report"), _RECORDS, _LETTER, _RETAINER),
)
TOPICS: dict[str | None, Topic] = {
    "Motor vehicle accident": _ON_THE_ROAD,
    "Truck accident": Topic(
        "Truck accident questionnaire",
        (
            ("Do you know whose truck it was?", "The name was on the door, I took a picture."),
            ("Were you able to go back to work?", "No, the doctor told me to stay off work for six weeks."),
            ("Is your car still at the tow yard?", "Yes, they are charging me for every day."),
        ),
        (
            "{first} was struck by a delivery truck on the interstate and has pictures of it. The carrier is known.",
            "{first} is off work for six weeks and asked who pays for the car. An investigator will be sent.",
        ),
        (("photos-of-the-truck.zip", "photo", "pictures of the truck"), _RECORDS, _LETTER, _RETAINER),
    ),
    "Premises liability": Topic(
        "Slip and fall intake",
        (
            ("Where did you fall?", "In the supermarket, right by the entrance. The floor was wet."),
            ("Was there a sign?", "No, nothing. The manager wrote a report."),
            ("Did anybody see it?", "My sister was with me."),
        ),
        (
            "{first} slipped on a wet floor in a supermarket; the manager wrote a report. There is a witness.",
            "{first} fell on broken stairs in the building and broke a wrist. The landlord had been told.",
        ),
        (("incident-report.pdf", "incident_report", "incident report"), _RECORDS, _RETAINER),
    ),
    "Workers' compensation": Topic(
        "Workplace injury follow-up",
        (
            ("Have you filed a claim?", "Not yet. My supervisor said I should wait."),
            ("When did it happen?", "On the second shift, the week before last."),
            ("Are you being paid at the moment?", "No, since the accident I have not been paid."),
        ),
        (
            "{first} was injured at work and has not filed a claim yet. A consultation was offered.",
            "{first} filed a claim that was denied, and has the letter. The deadline to appeal was noted.",
        ),
        (("denial-letter.pdf", "correspondence", "denial letter"), ("pay-stubs.pdf", "income", "pay stubs"), _RECORDS, _RETAINER),
    ),
    "Medical malpractice": Topic(
        "Medical malpractice review",
        (
            ("Which hospital treated you?", "County General. I was there for nine days."),
            ("Do you have your records?", "I asked for them, they said it takes a month."),
            ("Has another doctor looked at it?", "Yes, and she said it should not have happened."),
        ),
        (
            "{first} had complications after surgery and has a second opinion. The records will be requested.",
            "{first} was diagnosed late and asked whether it is too late to act. The deadline was noted.",
        ),
        (("second-opinion.pdf", "medical_record", "second opinion"), _RECORDS, _RETAINER),
    ),
}


def topic(case_type: str | None) -> Topic:
    """What calls of this case type are about; as on the road for one that the sample firm does not know."""
    return TOPICS.get(case_type, _ON_THE_ROAD)

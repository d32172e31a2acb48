"""The audit trail: whose name stands there, and how an entry reads."""

from __future__ import annotations

import pytest
from flask import Flask, g
from flask_login import login_user

from kayse_dash.accounts import api_keys, audit
from kayse_dash.accounts.models import User
from kayse_dash.db import db
from tests.accounts.conftest import NOW


def test_outside_a_request_it_was_the_command_line(app: Flask) -> None:
    entry = audit.note("webhook.created", "webhook 7", now=NOW)
    assert (entry.actor, entry.address, entry.details, entry.at) == ("command line", None, {}, NOW)


def test_in_a_request_it_was_the_person_who_is_logged_in(app: Flask, ada: User) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "203.0.113.9"}):
        login_user(ada)
        entry = audit.note("webhook.created", "webhook 7")
    assert (entry.actor, entry.address) == ("ada@firm.test", "203.0.113.9")


def test_in_a_call_of_the_api_it_was_the_key(app: Flask) -> None:
    key, _ = api_keys.create("Phone agents", None, NOW)
    with app.test_request_context("/v1/webhooks"):
        g.api_key = key
        assert audit.note("webhook.created", "webhook 7").actor == "API key Phone agents"
        assert audit.note("webhook.created", "webhook 7", actor="Kayse Dash").actor == "Kayse Dash"


def test_an_entry_is_lost_with_what_it_tells_of(app: Flask) -> None:
    audit.note("webhook.created", "webhook 7")
    db.session.rollback()
    assert audit.newest(limit=10) == []


def test_what_is_too_long_is_cut_rather_than_refused(app: Flask) -> None:
    audit.note("a" * 500, "s" * 500, actor="x" * 500, address="1" * 500)
    db.session.commit()
    entry = audit.newest(limit=1)[0]
    assert [len(text) for text in (entry.action, entry.subject, entry.actor, entry.address)] == [60, 120, 254, 45]


def test_the_newest_come_first_narrowed_and_continued(app: Flask) -> None:
    for number in range(6):
        audit.note("webhook.created" if number % 2 else "webhook.deleted", f"webhook {number}", actor=f"{number // 3}@firm.test")
        db.session.flush()
    assert [entry.subject[-1] for entry in audit.newest(limit=3)] == ["5", "4", "3"]
    assert [entry.subject[-1] for entry in audit.newest(limit=9, action="webhook.created")] == ["5", "3", "1"]
    assert [entry.subject[-1] for entry in audit.newest(limit=9, actor="0@firm.test", action="webhook.deleted")] == ["2", "0"]
    fourth = audit.newest(limit=3)[-1].id
    assert [entry.subject[-1] for entry in audit.newest(limit=2, before_id=fourth)] == ["2", "1"]
    assert audit.choices() == (["0@firm.test", "1@firm.test"], ["webhook.created", "webhook.deleted"])


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("webhook.created", "Webhook created"),
        ("api_key.revoked", "API key revoked"),
        ("user.role_changed", "User role changed"),
        ("", ""),
    ],
)
def test_an_action_reads_as_words(action: str, words: str) -> None:
    assert audit.action_words(action) == words


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        ({"role": {"from": "Staff", "to": "Viewer"}}, [("Role", "Staff → Viewer")]),
        ({"events": ["call_ended", "form_submitted"]}, [("Events", "call_ended, form_submitted")]),
        ({"enabled": True, "campaign_ids": []}, [("Enabled", "yes"), ("Campaign ids", "nothing")]),
        ({"name": {"from": "", "to": "Clio"}}, [("Name", "nothing → Clio")]),
        ({"count": 12, "range": {"since": "Monday"}}, [("Count", "12"), ("Range", "since: Monday")]),
        ({}, []),
        ("old text", [("Details", "old text")]),
    ],
)
def test_the_details_read_as_words(details: object, shown: list[tuple[str, str]]) -> None:
    assert audit.details_words(details) == shown

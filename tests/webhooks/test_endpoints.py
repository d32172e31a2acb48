"""Making, changing, switching and deleting webhooks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import outbound
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.webhooks import auth, deliveries, endpoints, recoveries, routing, signing
from kayse_dash.webhooks.auth import Bearer, Hmac, NoAuth
from kayse_dash.webhooks.models import Endpoint, RecoveryKind, RecoveryState, Revision
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_delivery, make_endpoint
from tests.webhooks.engine import happen, hook, in_app, looked, states, webhook

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
URL = "http://127.0.0.1:9/"

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def campaign(app: Flask) -> int:
    one = Campaign(name="Spring", created_at=NOW)
    db.session.add(one)
    db.session.commit()
    campaign_id = one.id
    db.session.rollback()
    return campaign_id


def checked(current: Endpoint | None = None, **given: Any) -> dict[str, Any]:
    return endpoints.check(given, outbound.policy(), current)


def faults(current: Endpoint | None = None, **given: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        checked(current, **given)
    return refused.value.fields


def revisions(endpoint_id: int) -> list[tuple[bool, bool, list[str]]]:
    query = sa.select(Revision).where(Revision.endpoint_id == endpoint_id).order_by(Revision.epoch)
    found = [(row.gone, row.enabled, row.events) for row in db.session.scalars(query)]
    db.session.rollback()
    return found


def load(endpoint_id: int) -> Endpoint:
    return db.session.get_one(Endpoint, endpoint_id)


# --- What is typed ---------------------------------------------------------------------------------------------------


def test_a_new_webhook_needs_a_name_and_an_address() -> None:
    assert set(faults()) == {"name", "url"}


def test_all_faults_are_told_at_once() -> None:
    wrong = {"name": "x", "url": "nowhere", "events": ["nope"], "enabled": "yes", "auth": {"type": "bearer"}}
    assert set(faults(**wrong)) == {"name", "url", "events", "enabled", "auth.token"}


def test_what_is_typed_is_put_in_order() -> None:
    values = checked(name="  Clio \t intake ", url=" HTTP://127.0.0.1:9 ", case_types=[" Dog  bite "], events=["call_ended"] * 3)
    assert values == {"name": "Clio intake", "url": URL, "case_types": ["Dog bite"], "events": ["call_ended"]}


ODD: list[Any] = [0, True, 1.5, "text", {}, {"a": 1}, b"x", [[]], [None], [{}]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", odd) for odd in [None, "", "  ", "ab", "x" * 121, "a\0bc", "abc\ud800", 7, True, ["abc"], {}]),
        *(("url", odd) for odd in [None, "", "ftp://x/", "http://", "http://10.0.0.1/", "http://[::1]/", "\ud800", 7, ["x"]]),
        *(("events", odd) for odd in [*ODD, ["call_ended", "nope"], ["call_ended"] * 100, [True], ["\ud800"], ["x" * 100_000]]),
        *(("campaign_ids", odd) for odd in [*ODD, [0], [-1], [2**31], [2**63], [10**400], [1.0], [True], ["1"], [4711]]),
        *(("case_types", odd) for odd in [*ODD, [""], ["a\0"], ["\ud800"], ["x" * 101], ["x"] * 101, [1]]),
        *(("enabled", odd) for odd in [None, 0, 1, "", "true", [], {}]),
    ],
)
def test_hostile_input_is_refused_by_field(field: str, value: Any) -> None:
    given = {"name": "Clio", "url": URL} | {field: value}
    assert list(faults(**given)) == [field]


@pytest.mark.parametrize("field", ["events", "campaign_ids", "case_types"])
def test_nothing_chosen_means_all(field: str) -> None:
    assert checked(name="Clio", url=URL, **{field: None})[field] == []


def test_a_slip_of_the_pen_is_answered_with_a_guess() -> None:
    assert faults(name="Clio", url=URL, events=["call_end"])["events"] == (
        "There is no event “call_end”. Did you mean call_ended?"
    )


def test_a_change_names_what_changes_only() -> None:
    endpoint = load(hook(events=["call_ended"], auth=Bearer("t")))
    assert checked(endpoint, name="Other") == {"name": "Other"}
    assert checked(endpoint, url=endpoint.url) == {}  # not looked up again
    assert faults(endpoint, name=None, url=None) == {"name": "The name is missing.", "url": "The Destination URL is missing."}


def test_a_name_that_does_not_resolve_may_be_saved() -> None:
    assert checked(name="Clio", url="http://no-such-name.invalid/x")["url"] == "http://no-such-name.invalid/x"


def test_the_token_url_is_checked_like_a_destination() -> None:
    oauth = {"type": "oauth2", "token_url": "http://10.0.0.1/token", "client_id": "c", "client_secret": "s"}
    assert "auth.token_url" in faults(name="Clio", url=URL, auth=oauth)


def test_a_campaign_filter_needs_a_call_event(campaign: int) -> None:
    assert checked(name="Clio", url=URL, campaign_ids=[campaign], events=["call_ended", "task_completed"])
    assert checked(name="Clio", url=URL, campaign_ids=[campaign])  # all events
    assert "campaign_ids" in faults(name="Clio", url=URL, campaign_ids=[campaign], events=["task_completed"])


def test_a_campaign_filter_goes_with_the_last_call_event(campaign: int) -> None:
    endpoint = load(hook(events=["call_ended"], campaign_ids=[campaign]))
    assert checked(endpoint, events=["task_completed"]) == {"events": ["task_completed"], "campaign_ids": []}


def test_checking_leaves_no_transaction_open() -> None:
    checked(name="Clio", url=URL, campaign_ids=[])
    assert not db.session().in_transaction()


# --- Changes ---------------------------------------------------------------------------------------------------------


@on_both_databases
def test_every_change_of_the_rule_leaves_a_revision_and_no_other_change_does(app: Flask) -> None:
    endpoint_id = hook(events=["call_ended"])
    for values in ({"events": []}, {"name": "Other"}, {"url": "https://example.com/"}, {"auth": Bearer("t")}, {"events": []}):
        endpoints.update(load(endpoint_id), values, NOW)
        db.session.commit()
    endpoints.switch_off(load(endpoint_id), "By hand.", NOW)
    db.session.commit()
    endpoints.switch_on(load(endpoint_id), NOW)
    db.session.commit()
    endpoints.delete(load(endpoint_id), NOW)
    db.session.commit()
    assert revisions(endpoint_id) == [
        (False, True, ["call_ended"]),
        (False, True, []),
        (False, False, []),
        (False, True, []),
        (True, False, []),
    ]
    assert webhook(endpoint_id).version == 9


def test_a_webhook_may_be_added_switched_off() -> None:
    one = make_endpoint(enabled=False)
    assert (one.enabled, one.disabled_reason) == (False, "It was added switched off.")
    happen()
    assert states() == {"held": 1}


@on_both_databases
def test_a_change_of_what_somebody_else_changed_is_refused(app: Flask) -> None:
    endpoint_id = hook()
    endpoints.update(load(endpoint_id), {"name": "Hers"}, NOW, version=1)
    db.session.commit()
    with pytest.raises(Conflict):
        endpoints.update(load(endpoint_id), {"name": "His"}, NOW, version=1)
    db.session.rollback()
    assert webhook(endpoint_id).name == "Hers"


@on_both_databases
def test_of_two_changes_at_the_same_moment_one_is_refused(app: Flask) -> None:
    """Both people saw version 1, and both transactions are open before either writes."""
    endpoint_id = hook()
    both_looked = threading.Barrier(2)
    done: list[str] = []

    def change(name: str) -> None:
        endpoint = load(endpoint_id)
        if is_sqlite():
            db.session.rollback()  # there, whoever looks in order to write makes the other one wait
        both_looked.wait(10)
        try:
            endpoints.update(endpoint, {"name": name}, NOW, version=1)
            db.session.commit()
            done.append("changed")
        except Conflict:
            db.session.rollback()
            done.append("refused")

    people = [threading.Thread(target=in_app(lambda name=name: change(name))) for name in ("Hers", "His")]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(done) == ["changed", "refused"]
    assert webhook(endpoint_id).version == 2


@on_both_databases
def test_two_changes_of_different_fields_leave_a_revision_that_has_both(app: Flask, campaign: int) -> None:
    endpoint_id = hook()
    both_looked = threading.Barrier(2)

    def change(values: dict[str, Any]) -> None:
        endpoint = load(endpoint_id)
        if is_sqlite():
            db.session.rollback()
        both_looked.wait(10)
        endpoints.update(endpoint, values, NOW)
        db.session.commit()

    ways = ({"events": ["call_ended"]}, {"campaign_ids": [campaign]})
    people = [threading.Thread(target=in_app(lambda values=values: change(values))) for values in ways]
    for person in people:
        person.start()
    for person in people:
        person.join()
    one = webhook(endpoint_id)
    assert (one.events, one.campaign_ids, one.version) == (["call_ended"], [campaign], 3)
    [(_, rule)] = routing.current().rules
    assert rule == one.rule


@on_both_databases
def test_switching_off_holds_what_waits_and_nothing_else(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    happen(3)
    make_delivery(endpoint=load(endpoint_id), state=State.FAILED)
    make_delivery(endpoint=load(endpoint_id), state=State.SENDING, lease_by="w1")
    make_delivery(endpoint=load(endpoint_id), is_test=True)
    assert endpoints.switch_off(load(endpoint_id), "By hand.", NOW) == 3
    db.session.commit()
    assert endpoints.switch_off(load(endpoint_id), "Again.", NOW) == 0
    one = webhook(endpoint_id)
    assert (one.enabled, one.disabled_reason, one.disabled_at) == (False, "By hand.", NOW)
    assert states(endpoint_id) == {"held": 3, "failed": 1, "sending": 1, "pending": 1}
    assert states(other_id) == {"pending": 3}
    assert looked(sa.text("SELECT count(*) FROM deliveries WHERE state = 'held' AND due_at IS NOT NULL")) == 0


@on_both_databases
def test_switching_on_starts_with_a_clean_slate_and_sends_nothing_by_itself(app: Flask) -> None:
    endpoint_id = hook(failing_since=NOW - timedelta(days=4), latency_ms=15_000.0)
    happen(2)
    endpoints.switch_off(load(endpoint_id), "By hand.", NOW)
    db.session.commit()
    endpoints.switch_on(load(endpoint_id), NOW)
    db.session.commit()
    one = webhook(endpoint_id)
    assert (one.enabled, one.disabled_reason, one.disabled_at, one.failing_since, one.latency_ms) == (
        True,
        None,
        None,
        None,
        None,
    )
    assert states() == {"held": 2}
    version = one.version
    endpoints.switch_on(load(endpoint_id), NOW)
    db.session.commit()
    assert webhook(endpoint_id).version == version


@on_both_databases
def test_deleting_forgets_secrets_and_cancels_what_is_owed(app: Flask) -> None:
    endpoint_id = hook(auth=Bearer("hush"))
    happen(2)
    make_delivery(endpoint=load(endpoint_id), state=State.FAILED)
    make_delivery(endpoint=load(endpoint_id), state=State.HELD)
    make_delivery(endpoint=load(endpoint_id), state=State.DELIVERED)
    recovery_id = recoveries.start(load(endpoint_id), RecoveryKind.FAILED, "ana@firm.test", NOW).id
    db.session.commit()
    endpoints.delete(load(endpoint_id), NOW)
    db.session.commit()
    assert states() == {"cancelled": 3, "failed": 1, "delivered": 1}
    assert webhook(endpoint_id).auth == NoAuth()
    assert recoveries.get(recovery_id).state is RecoveryState.CANCELLED
    with pytest.raises(NotFound):
        endpoints.get(endpoint_id)
    assert endpoints.all_live() == []
    happen()
    assert sum(states().values()) == 5


@on_both_databases
def test_nothing_can_be_done_to_a_webhook_that_somebody_deleted_meanwhile(app: Flask) -> None:
    endpoint_id = hook(auth=Hmac(signing.new_secret()))
    mine = load(endpoint_id)
    db.session.rollback()
    thread = threading.Thread(target=in_app(lambda: (endpoints.delete(load(endpoint_id), NOW), db.session.commit())))
    thread.start()
    thread.join()
    acts = {
        "update": ({"name": "Other"}, NOW),
        "switch_on": (NOW,),
        "switch_off": ("x", NOW),
        "delete": (NOW,),
        "rotate_secret": (NOW,),
    }
    for act, arguments in acts.items():
        with pytest.raises(NotFound):
            getattr(endpoints, act)(mine, *arguments)
        db.session.rollback()


@pytest.mark.parametrize("endpoint_id", [0, -1, 4711, 2**31, 2**63, 10**400])
def test_there_is_no_such_webhook(endpoint_id: int) -> None:
    with pytest.raises(NotFound):
        endpoints.get(endpoint_id)


def test_webhooks_are_listed_by_name() -> None:
    for name in ("beta", "Alpha", "gamma"):
        hook(name=name)
    assert [one.name for one in endpoints.all_live()] == ["Alpha", "beta", "gamma"]


# --- Secrets ---------------------------------------------------------------------------------------------------------


@on_both_databases
def test_rotating_makes_a_new_secret_and_lets_the_old_one_sign_along(app: Flask) -> None:
    old = signing.new_secret()
    endpoint_id = hook(auth=Hmac(old))
    new = endpoints.rotate_secret(load(endpoint_id), NOW)
    db.session.commit()
    kept = webhook(endpoint_id).auth
    assert isinstance(kept, Hmac)
    assert kept.secret == new != old
    assert kept.keys(NOW) == [signing.key_of(new), signing.key_of(old)]
    assert kept.keys(NOW + auth.ROTATION_OVERLAP) == [signing.key_of(new)]


def test_a_secret_of_ones_own_can_be_rotated_in() -> None:
    own = signing.new_secret()
    endpoint = load(hook(auth=Hmac(signing.new_secret())))
    assert endpoints.rotate_secret(endpoint, NOW, own.removeprefix("whsec_"), timedelta(hours=1)) == own
    assert endpoint.old_secret_until == NOW + timedelta(hours=1)
    with pytest.raises(InvalidInput, match="another secret"):
        endpoints.rotate_secret(endpoint, NOW, own)
    with pytest.raises(InvalidInput):
        endpoints.rotate_secret(endpoint, NOW, "too short")


def test_a_webhook_that_does_not_sign_has_nothing_to_rotate() -> None:
    with pytest.raises(Conflict):
        endpoints.rotate_secret(load(hook(auth=Bearer("t"))), NOW)


@pytest.mark.postgres  # SQLite has one writer at a time; transactions there are short instead
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_events_come_in_while_somebody_changes_a_webhook(app: Flask) -> None:
    """A change holds the webhook's row for as long as its transaction takes; recording must not wait for it."""
    endpoint_id = hook()
    endpoints.update(load(endpoint_id), {"name": "Slowly typed"}, NOW)  # and not committed
    recording = threading.Thread(target=in_app(lambda: (db.session.execute(sa.text("SET lock_timeout = 2000")), happen(3))))
    recording.start()
    recording.join(10)
    db.session.commit()
    assert deliveries.count(endpoint_id, [State.PENDING]) == 3

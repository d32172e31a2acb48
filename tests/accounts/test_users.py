"""People: one address one account, and always somebody who can administer."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.accounts import passwords, users
from kayse_dash.accounts.models import AuditEntry, Role, User
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from tests.accounts.conftest import NOW, PASSWORD, add_user
from tests.conftest import on_both_databases


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ada@Firm.Example ", "ada@firm.example"),
        ("ada+x@office.local", "ada+x@office.local"),
        ("ada@xn--mnchen-3ya.example", "ada@münchen.example"),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert users.normalised_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@firm.test",
        "ada@firm",
        "a b@firm.test",
        "ada@firm.test\0",
        "ada@fi\ud800rm.test",
        "a" * 300 + "@firm.test",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.normalised_email(typed)
    assert "email" in refusal.value.fields


@pytest.mark.parametrize(
    "typed", ["ada@firm.test\0", "a\0da@firm.test", "ada@fi\ud800rm.test", "\ud800@firm.test", "x" * 100_000]
)
def test_hostile_text_is_refused_like_any_other(typed: str) -> None:
    with pytest.raises(InvalidInput, match="not an email address"):
        users.normalised_email(typed)


def test_nobody_is_found_by_what_is_no_address(app: Flask) -> None:
    assert users.by_email("a\0b") is None


def test_a_person_is_found_however_the_address_is_written(ada: User) -> None:
    assert users.by_email("ADA@firm.test") is ada
    assert users.by_email("eve@firm.test") is None


@on_both_databases
def test_an_address_has_one_account(ada: User) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.create("Ada@Firm.test", "", Role.VIEWER, PASSWORD, NOW)
    assert "account already" in refusal.value.fields["email"]
    assert db.session.scalar(sa.select(sa.func.count(User.id))) == 1


@pytest.mark.parametrize("name", ["a" * 121, "nul\0", "turn\u202earound"])
def test_a_name_that_cannot_be_shown_is_refused(app: Flask, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        users.create("ada@firm.test", name, Role.ADMIN, PASSWORD, NOW)
    assert "name" in refusal.value.fields


def test_the_first_person_must_be_an_administrator(app: Flask) -> None:
    assert not users.any_user()
    with pytest.raises(Conflict):
        users.create("sam@firm.test", "", Role.STAFF, PASSWORD, NOW)
    users.create("ada@firm.test", "", Role.ADMIN, PASSWORD, NOW)
    users.create("sam@firm.test", "", Role.STAFF, PASSWORD, NOW)
    assert users.any_user()


def test_the_last_administrator_can_neither_be_demoted_nor_deactivated(ada: User, sam: User) -> None:
    for remove in (lambda: users.change_role(ada, Role.STAFF, NOW), lambda: users.deactivate(ada, NOW)):
        with pytest.raises(Conflict, match="only administrator"):
            remove()
    assert ada.role is Role.ADMIN
    assert ada.active
    users.change_role(sam, Role.ADMIN, NOW)
    users.deactivate(ada, NOW)
    with pytest.raises(Conflict, match="only administrator"):
        users.change_role(sam, Role.VIEWER, NOW)


@on_both_databases
def test_two_administrators_who_demote_each_other_leave_one(app: Flask, ada: User) -> None:
    eve = add_user("eve@firm.test", Role.ADMIN)
    ids, together = [ada.id, eve.id], threading.Barrier(2)
    db.session.commit()
    outcomes = []

    def demote(user_id: int) -> None:
        with app.app_context():
            together.wait(5)
            try:
                users.change_role(users.get(user_id), Role.VIEWER, NOW)
                db.session.commit()
                outcomes.append("demoted")
            except Conflict:
                outcomes.append("refused")

    threads = [threading.Thread(target=demote, args=[user_id]) for user_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["demoted", "refused"]


def test_a_new_password_and_a_deactivation_end_all_sessions(sam: User) -> None:
    before = sam.get_id()
    users.set_password(sam, "another long password", NOW)
    after = sam.get_id()
    users.deactivate(sam, NOW)
    users.reactivate(sam, NOW)
    assert len({before, after, sam.get_id()}) == 3
    assert passwords.verify(sam, "another long password")


def test_a_bad_new_password_changes_nothing(sam: User) -> None:
    before = sam.get_id()
    with pytest.raises(InvalidInput):
        users.set_password(sam, "sam@firm.test", NOW)
    assert sam.get_id() == before
    assert passwords.verify(sam, PASSWORD)


def test_what_is_done_to_people_stands_in_the_audit_trail_without_passwords(sam: User) -> None:
    users.rename(sam, "Samuel", NOW)
    users.change_role(sam, Role.VIEWER, NOW)
    users.set_password(sam, "another long password", NOW)
    users.deactivate(sam, NOW + timedelta(minutes=1))
    users.reactivate(sam, NOW)
    db.session.flush()
    entries = db.session.scalars(
        sa.select(AuditEntry).where(AuditEntry.subject == f"user {sam.id}").order_by(AuditEntry.id)
    ).all()
    assert [entry.action for entry in entries] == [
        "user.created",
        "user.renamed",
        "user.role_changed",
        "user.password_changed",
        "user.deactivated",
        "user.reactivated",
    ]
    assert entries[2].details == {"email": "sam@firm.test", "role": {"from": "Staff", "to": "Viewer"}}
    assert entries[4].at == NOW + timedelta(minutes=1)
    assert not [entry for entry in entries if "password" in str(entry.details)]


def test_changing_nothing_is_not_noted(sam: User) -> None:
    users.rename(sam, "Sam", NOW)
    users.change_role(sam, Role.STAFF, NOW)
    users.reactivate(sam, NOW)
    db.session.flush()
    assert db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.subject == f"user {sam.id}")).all() == [
        "user.created"
    ]


@pytest.mark.parametrize("user_id", [0, -1, 999, 2**31, 2**63, 10**40])
def test_an_id_that_nobody_has_is_not_found(ada: User, user_id: int) -> None:
    with pytest.raises(NotFound):
        users.get(user_id)

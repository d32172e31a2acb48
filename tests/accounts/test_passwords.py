"""Passwords: the rule, the hash, and that a guess costs the same whoever it is for."""

from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask

from kayse_dash.accounts import passwords
from kayse_dash.accounts.models import User
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from tests.accounts.conftest import PASSWORD


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 10"),
        ("nine char", "at least 10"),
        ("x" * 201, "at most 200"),
        ("ada.lovelace@firm.test", "email address"),
        ("Ada.Lovelace@Firm.Test", "email address"),
        ("ada.lovelace", "email address"),
        ("Password1234", "tried first"),
        ("1234567890", "tried first"),
        ("a lone surrogate \ud800", "letters, digits"),
    ],
)
def test_a_weak_password_is_refused_in_plain_words(password: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        passwords.check(password, "ada.lovelace@firm.test")
    assert words in refusal.value.fields["password"]


@pytest.mark.parametrize("password", ["ten chars!", "x7" * 100, "пароль на ключе", "  spaces count  "])
def test_any_other_password_is_taken(password: str) -> None:
    passwords.check(password, "ada@firm.test")


def test_the_list_of_common_passwords_holds_only_what_the_length_lets_through() -> None:
    assert [word for word in passwords.MOST_COMMON if len(word) < passwords.SHORTEST] == []
    assert [word for word in passwords.MOST_COMMON if word != word.casefold()] == []


def test_a_generated_password_meets_the_rule_and_is_new_each_time() -> None:
    first, second = passwords.generated(), passwords.generated()
    passwords.check(first, "ada@firm.test")
    assert first != second


def test_the_right_password_verifies_and_others_do_not(ada: User) -> None:
    assert passwords.verify(ada, PASSWORD)
    assert not passwords.verify(ada, PASSWORD + " ")
    assert not passwords.verify(ada, "")
    assert not passwords.verify(ada, "\ud800")
    assert not passwords.verify(None, PASSWORD)


def test_composed_and_decomposed_letters_are_the_same_password(ada: User) -> None:
    ada.password_hash = passwords.hash_password("käsebrot und tee")
    assert passwords.verify(ada, "käsebrot und tee")


def test_who_is_deactivated_or_has_no_usable_hash_does_not_verify(ada: User) -> None:
    ada.active = False
    assert not passwords.verify(ada, PASSWORD)
    ada.active = True
    for broken in ("", "not a hash"):
        ada.password_hash = broken
        assert not passwords.verify(ada, PASSWORD)


def test_an_unknown_person_costs_as_much_as_a_known_one(
    ada: User, quick_hashes: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", quick_hashes)
    ada.password_hash = passwords.hash_password(PASSWORD)
    db.session.commit()
    # In turn, and the quickest of several: the machine has other things to do.
    known, unknown = map(min, zip(*((_seconds(ada), _seconds(None)) for _ in range(7)), strict=True))
    assert 0.5 < unknown / known < 2


def _seconds(user: User | None) -> float:
    start = time.perf_counter()
    passwords.verify(user, "not the password")
    return time.perf_counter() - start


def test_a_hash_made_with_older_parameters_is_renewed_when_its_owner_logs_in(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ada.password_hash
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    assert not passwords.verify(ada, "not the password")
    assert ada.password_hash == old
    assert passwords.verify(ada, PASSWORD)
    db.session.commit()
    assert ada.password_hash != old
    assert "t=2" in ada.password_hash
    assert passwords.verify(ada, PASSWORD)


def test_what_is_kept_is_argon2id_with_64_mib(quick_hashes: PasswordHasher) -> None:
    assert (quick_hashes.type.name, quick_hashes.memory_cost) == ("ID", 64 * 1024)


def test_no_transaction_is_open_while_a_password_is_hashed(app: Flask, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watching(PasswordHasher):
        def verify(self, *args: object) -> bool:
            seen.append(db.session().in_transaction())
            return super().verify(*args)

        def hash(self, *args: object, **kwargs: object) -> str:
            seen.append(db.session().in_transaction())
            return super().hash(*args, **kwargs)

    monkeypatch.setattr(passwords, "_hasher", Watching(time_cost=1, memory_cost=64, parallelism=1))
    for user in (ada, None):
        db.session.scalar(sa.select(User.id))
        passwords.verify(user, PASSWORD)
        db.session.scalar(sa.select(User.id))
    passwords.hash_password(PASSWORD)
    assert seen == [False, False, False]


def test_at_most_two_passwords_are_hashed_at_a_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = [0], [0], threading.Lock()

    class Slow(PasswordHasher):
        def hash(self, *args: object, **kwargs: object) -> str:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.02)
            with lock:
                running[0] -= 1
            return ""

    monkeypatch.setattr(passwords, "_hasher", Slow())

    def hash_one() -> None:
        with app.app_context():
            passwords.hash_password(PASSWORD)

    threads = [threading.Thread(target=hash_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2

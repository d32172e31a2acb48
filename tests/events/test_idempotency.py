from datetime import timedelta

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput
from kayse_dash.events import idempotency
from kayse_dash.events.models import IdempotencyKey
from tests.conftest import on_both_databases

NOW = clock.now()
ANSWER = {"id": "evt_1", "deliveries": 2, "duplicate": False}


def keep(key="k", api_key_id=1, body=b"{}", at=NOW):
    idempotency.keep(key, api_key_id, idempotency.fingerprint(body), ANSWER, at)
    db.session.commit()


def answered(key="k", api_key_id=1, body=b"{}", at=NOW):
    return idempotency.answered(key, api_key_id, idempotency.fingerprint(body), at)


def test_a_key_is_visible_ascii():
    assert idempotency.check(None) is None
    assert idempotency.check("8e03978e-40d5-43e8-bc93-6894a57f9324") == "8e03978e-40d5-43e8-bc93-6894a57f9324"
    for text in ("", "a b", "é", "a\n", "x" * 256):
        with pytest.raises(InvalidInput) as caught:
            idempotency.check(text)
        assert list(caught.value.fields) == ["Idempotency-Key"]


@on_both_databases
def test_an_answer_is_kept_for_the_same_request_of_the_same_caller(app):
    assert answered() is None
    keep()
    assert answered() == ANSWER
    assert answered(api_key_id=2) is None
    assert answered(key="K") is None
    with pytest.raises(Conflict):
        answered(body=b"{ }")


@on_both_databases
def test_it_is_kept_for_a_day(app):
    keep()
    almost, over = NOW + timedelta(hours=23, minutes=59), NOW + timedelta(hours=24)
    assert answered(at=almost) == ANSWER
    assert answered(body=b"other", at=over) is None
    keep(body=b"other", at=over)
    assert answered(body=b"other", at=over) == ANSWER


@on_both_databases
def test_old_ones_are_forgotten_a_hundred_at_a_time(app):
    old = {"api_key_id": 1, "fingerprint": "x", "response": ANSWER, "created_at": NOW - timedelta(hours=25)}
    db.session.execute(sa.insert(IdempotencyKey), [{"key": f"old{number}", **old} for number in range(150)])
    keep("fresh")
    count = sa.select(sa.func.count()).select_from(IdempotencyKey)
    assert db.session.scalar(count) == 51
    assert idempotency.forget_old(NOW) == 50
    assert idempotency.forget_old(NOW) == 0
    assert answered("fresh") == ANSWER

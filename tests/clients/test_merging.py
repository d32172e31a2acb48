"""Two clients made one, and two again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.clients import duplicates, merging, records
from kayse_dash.clients.models import Client, Detail, DetailKind, Merge, Transfer
from kayse_dash.db import db
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.events.models import Event
from tests.clients.people import change, make_client, values
from tests.conftest import on_both_databases
from tests.factories import make_event

BY = "staff@firm.test"


@pytest.fixture
def pair(app) -> tuple[int, int]:
    """Jane twice: once with everything, once with another phone, the same email and no address."""
    kept = make_client()
    gone = make_client(
        {
            "first_name": "Janie",
            "last_name": "O'Brien",
            "phones": ["(617) 555-0199", "(212) 555-0142"],
            "email": "JANE@example.com",
            "external_source": "litify",
            "external_source_id": "L-1",
            "voice_calls_opted_out": True,
            "case_ids": [9, 11],
        }
    )
    return kept.id, gone.id


def everything(client_id: int) -> dict:
    """All that is known of a client but when it was touched last."""
    client = db.session.get(Client, client_id, populate_existing=True)
    found = {column.key: getattr(client, column.key) for column in Client.__table__.columns}
    rows = db.session.execute(sa.select(Detail.__table__).where(Detail.client_id == client_id).order_by(Detail.id))
    del found["version"], found["updated_at"], found["update_origin"]
    return found | {"details": [tuple(row) for row in rows]}


def merge(pair, take=()) -> Merge:
    kept, gone = (records.get(one, lock=True) for one in pair)
    done = merging.merge(kept, gone, take, BY, clock.now())
    db.session.commit()
    return done


def undo(merge_id: int) -> None:
    merging.undo(merging.get(merge_id), clock.now())
    db.session.commit()


@on_both_databases
def test_a_merge_keeps_every_detail_and_every_case_once(pair):
    merge(pair)

    kept, gone = pair
    assert values(kept, DetailKind.PHONE) == [("+12125550142", True), ("+16175550199", False)]
    assert values(kept, DetailKind.EMAIL) == [("jane@example.com", True)]
    assert len(values(kept, DetailKind.ADDRESS)) == 1
    assert records.get(kept).case_ids == [7, 9, 11]
    with pytest.raises(NotFound):
        records.get(gone)


@on_both_databases
def test_the_history_goes_along(pair):
    kept, gone = pair
    event = make_event(client_id=gone)
    db.session.add(Transfer(call_id="call-1", client_id=gone, updated_at=clock.now()))
    db.session.commit()

    done = merge(pair)
    assert db.session.get(Event, event.seq, populate_existing=True).client_id == kept
    assert db.session.scalar(sa.select(Transfer.client_id)) == kept

    later = make_event(client_id=kept)
    undo(done.id)
    assert db.session.get(Event, event.seq, populate_existing=True).client_id == gone
    assert db.session.scalar(sa.select(Transfer.client_id)) == gone
    assert db.session.get(Event, later.seq, populate_existing=True).client_id == kept


@on_both_databases
@pytest.mark.parametrize("take", [(), ("first_name", "external", "phone", "voice_calls_opted_out")])
def test_taking_a_merge_back_restores_both_exactly(pair, take):
    kept, gone = pair
    before = everything(kept), everything(gone)
    done = merge(pair, take)

    assert everything(kept) != before[0]
    undo(done.id)

    assert (everything(kept), everything(gone)) == before
    assert merging.get(done.id).undone_at is not None


@on_both_databases
def test_what_was_chosen_is_what_is_kept(pair):
    merge(pair, ("first_name", "external", "phone", "voice_calls_opted_out"))

    client = records.get(pair[0])
    assert (client.first_name, client.first_key) == ("Janie", "janie")
    assert (client.external_source, client.external_source_id) == ("litify", "L-1")
    assert client.voice_calls_opted_out is True
    assert values(pair[0], DetailKind.PHONE) == [("+12125550142", False), ("+16175550199", True)]


def test_the_choices_are_what_differs_and_propose_what_says_more(pair):
    kept, gone = (records.get(one) for one in pair)
    found = {one.name: one.takes_gone for one in merging.differences(kept, gone)}

    assert found == {
        "first_name": False,
        "date_of_birth": False,
        "external": False,
        "voice_calls_opted_out": True,
        "phone": False,
    }
    assert {one.name: one.takes_gone for one in merging.differences(gone, kept)} == {
        "first_name": False,
        "date_of_birth": True,
        "external": False,
        "voice_calls_opted_out": False,
        "phone": False,
        "address": True,
    }


@on_both_databases
def test_what_was_changed_since_stays_when_a_merge_is_taken_back(pair):
    kept, gone = pair
    done = merge(pair, ("first_name",))
    change(records.get(kept), {"last_name": "Brien", "mobile": "(718) 555-0101"})

    undo(done.id)

    client = records.get(kept)
    assert (client.first_name, client.last_name) == ("Jane", "Brien")
    assert values(kept, DetailKind.PHONE) == [("+12125550142", False), ("+17185550101", True)]
    assert values(gone, DetailKind.PHONE) == [("+16175550199", True), ("+12125550142", False)]


def test_one_client_is_not_merged_with_itself(pair):
    with pytest.raises(Conflict, match="one client already"):
        merge((pair[0], pair[0]))


def test_a_merge_is_taken_back_once(pair):
    done = merge(pair)
    undo(done.id)
    with pytest.raises(Conflict, match="already"):
        undo(done.id)


def test_merges_are_taken_back_last_first(pair):
    kept, gone = pair
    third = make_client({"first_name": "J.", "last_name": "Obrien"}).id
    first = merge(pair)
    second = merge((third, kept))
    with pytest.raises(Conflict, match="merged with another"):
        undo(first.id)
    db.session.rollback()
    undo(second.id)
    undo(first.id)
    assert records.get(gone).first_name == "Janie"


def test_an_external_id_that_somebody_else_has_now_stands_in_the_way(pair):
    done = merge(pair)
    other = make_client({"first_name": "Bob", "external_source": "litify", "external_source_id": "L-2"})
    db.session.execute(sa.update(Client).where(Client.id == other.id).values(external_source_id="L-1"))
    db.session.commit()
    with pytest.raises(Conflict, match=f"Client {other.id} has the id L-1"):
        undo(done.id)


def test_the_id_in_another_system_leads_to_the_client_that_was_kept(pair):
    kept, gone = pair
    third = make_client({"first_name": "J.", "last_name": "Obrien"}).id
    merge(pair)
    merge((third, kept), ("external",))

    assert records.by_external("litify", "L-1").id == third
    assert records.by_external("clio", "c-7").id == third
    assert duplicates.heirs_by_external() == {("litify", "L-1"): third, ("clio", "c-7"): third}
    assert duplicates.heir(gone) == third
    assert duplicates.heir(third) is None
    assert records.by_external("litify", "L-9") is None


def test_who_may_be_the_same_is_found_by_phone_email_or_name_and_birth(app):
    jane = make_client()
    both = make_client({"first_name": "J", "mobile": "2125550142", "email": "jane@example.com"})
    by_name = make_client({"first_name": "JANE", "last_name": "OBrien", "date_of_birth": "1980-12-31"})
    make_client({"first_name": "Jane", "last_name": "O'Brien", "date_of_birth": "1981-12-31"})

    found = {one.client.id: one.reasons for one in duplicates.of(records.get(jane.id))}

    assert found == {both.id: ["Same phone", "Same email"], by_name.id: ["Same name and date of birth"]}
    assert [one.client.id for one in duplicates.of(records.get(by_name.id))] == [jane.id]


def test_the_details_of_the_second_keep_where_they_came_from(pair):
    entered = clock.now() - timedelta(days=400)
    db.session.execute(sa.update(Detail).where(Detail.client_id == pair[1]).values(created_at=entered, source_name="leads.csv"))
    db.session.commit()
    merge(pair)
    phone = next(one for one in records.get(pair[0]).details if one.value == "+16175550199")
    assert (phone.created_at, phone.source_name, phone.entered_by) == (entered, "leads.csv", "API key Clio")

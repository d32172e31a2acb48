"""An import from the upload to its undoing: what is made, added, left alone and taken back."""

from __future__ import annotations

import os
import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, queue
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import import_files, import_prepare, import_retention, import_run, imports, jobs, records, sweep
from kayse_dash.clients.import_choices import Duplicates
from kayse_dash.clients.import_dates import Order
from kayse_dash.clients.import_models import Import, ImportChange, ImportReject, ImportState
from kayse_dash.clients.models import Client, Detail, DetailKind, Source
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.tables.formats import Layout
from tests.clients.imports_of import (
    HEADINGS,
    STAFF,
    check,
    clients,
    counts,
    csv_bytes,
    details,
    how_many,
    person,
    reload,
    run,
    snapshot,
    undo,
    upload,
    work,
)
from tests.conftest import on_both_databases, wait_until
from tests.factories import make_event
from tests.tables.workbooks import workbook

PHONE, EMAIL, ADDRESS = DetailKind.PHONE, DetailKind.EMAIL, DetailKind.ADDRESS


def make_client(**values: object) -> Client:
    """A client whom a person entered."""
    given = {"first_name": "Anna", "last_name": "Smith", "phones": ["(212) 555-0142"]} | values
    client = records.create(records.check(given, None), Source.PERSON, STAFF, clock.now() - timedelta(minutes=1))
    db.session.commit()
    return client


def rejects(import_: Import) -> dict[int, str]:
    return {reject.row: reject.reason for reject in imports.rejects(import_.id, 100)}


def actions() -> list[str]:
    return list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


# From the upload to the report


@on_both_databases
def test_every_detail_says_where_it_came_from(app: Flask) -> None:
    import_ = run(csv_bytes(person(1), person(2, mobile="12345"), person(3, dob="", id="")))
    assert (import_.state, counts(import_)) == (ImportState.FINISHED, (2, 0, 0, 1))
    assert rejects(import_) == {3: "Mobile: “12345” is not a phone number."}
    first, third = clients()
    assert (first.first_name, first.last_key, first.date_of_birth) == ("First1", "last1", date(1980, 12, 31))
    assert (first.origin, first.import_id, first.version) == (Source.IMPORT, import_.id, 1)
    assert (first.external_source, first.external_source_id) == ("import", "ext-1")
    assert (third.external_source, third.date_of_birth) == (None, None)
    [phone, email, address] = sorted(first.details, key=lambda detail: ["phone", "email", "address"].index(detail.kind))
    assert (phone.value, phone.typed) == ("+12125550001", "212-555-0001")
    assert (address.value, address.city, address.postal_code) == ("1 MAIN ST BOSTON MA 02134", "Boston", "02134")
    for detail in (phone, email, address):
        assert (detail.source, detail.source_name, detail.entered_by) == (Source.IMPORT, "people.csv", STAFF)
        assert (detail.import_id, detail.is_primary) == (import_.id, True)
    assert actions() == ["import.finished"]


def test_a_workbook_is_imported_like_a_csv_file(app: Flask, tmp_path) -> None:
    rows = [person(n, zip="02134") for n in (1, 2)]
    run(upload(workbook(tmp_path / "book", list(HEADINGS), *rows).read_bytes(), "people.xlsx"))
    of_workbook = snapshot()
    for import_ in db.session.scalars(sa.select(Import)):
        undo(import_)
    run(csv_bytes(*rows))
    assert [row[1:8] for row in of_workbook[0]] == [row[1:8] for row in snapshot()[0]]
    assert len(of_workbook[1]) == len(snapshot()[1]) == 6


@on_both_databases
def test_the_dry_run_changes_nothing_and_is_right(app: Flask) -> None:
    """Also about people who are in the file twice, on either side of the border between two steps."""
    make_client(external_source="import", external_source_id="ext-5", email="anna@example.com")
    rows = [person(n) for n in range(1, 1500)]
    rows += [person(3), person(4, mobile="617-555-0000"), person(1498, email=""), person(7, mobile="1"), rows[10]]
    before = snapshot()
    import_ = check(upload(csv_bytes(*rows)))
    assert (import_.state, counts(import_), import_.total_rows) == (ImportState.CHECKED, (1498, 2, 3, 1), 1504)
    assert list(rejects(import_)) == [1504]
    assert snapshot() == before
    assert not import_files.rehearsal(import_.id).exists()
    promised = counts(import_)
    assert counts(run(import_)) == promised
    assert how_many(Client) == 1499
    assert not list(import_files.folder().iterdir())


def test_a_dry_run_keeps_only_the_first_rejected_rows(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_run, "MOST_REJECTS_SHOWN", 3)
    monkeypatch.setattr(import_run, "FIRST_ROWS", 2)
    import_ = check(upload(csv_bytes(*(person(n, mobile="1") for n in range(1, 8)), person(9))))
    assert (import_.rejected, list(rejects(import_))) == (7, [2, 3, 4])
    assert list(rejects(run(import_))) == [2, 3, 4, 5, 6, 7, 8]


# Who is on record already


@on_both_databases
def test_an_update_adds_and_fills_but_replaces_nothing(app: Flask) -> None:
    known = make_client(city="Albany", state="NY")
    row = ["anna", "SMITH", "212-555-0142", "anna@example.com", "12 Main St", "Boston", "MA", "02134", "12/31/1980", "17"]
    import_ = run(csv_bytes(row, row))
    assert counts(import_) == (0, 1, 1, 0)
    [client] = clients()
    assert (client.id, client.first_name, client.date_of_birth, client.version) == (known.id, "Anna", date(1980, 12, 31), 2)
    assert (client.external_source_id, client.origin, client.update_origin) == ("17", Source.PERSON, Source.IMPORT)
    assert details(client, PHONE) == ["+12125550142"]
    by_place = {detail.city: detail for detail in client.details if detail.kind is ADDRESS}
    assert {city: one.is_primary for city, one in by_place.items()} == {"Albany": True, "Boston": False}
    [email] = [detail for detail in client.details if detail.kind is EMAIL]
    assert (email.is_primary, email.source) == (True, Source.IMPORT)


@pytest.mark.parametrize(
    ("known", "row", "is_same"),
    [
        ({}, {"first": "ANNA", "last": "smith "}, True),  # name and phone
        ({}, {"first": "Bert", "last": "Smith"}, False),  # only the phone
        ({}, {"first": "Anna", "last": "Smith", "mobile": "617-555-0000"}, False),  # only the name
        ({"email": "a@example.com"}, {"first": "Anna", "last": "Smith", "mobile": "", "email": "A@Example.com"}, True),
        ({"date_of_birth": "1955-01-01"}, {"first": "Anna", "last": "Smith"}, False),  # mother and daughter
        ({"date_of_birth": "1980-12-31"}, {"first": "Anna", "last": "Smith"}, True),
        ({"external_source": "import", "external_source_id": "ext-1"}, {"first": "Ann", "last": "Smythe", "mobile": ""}, True),
        ({"external_source": "import", "external_source_id": "ext-2"}, {"first": "Anna", "last": "Smith"}, False),
        ({"external_source": "Clio", "external_source_id": "ext-2"}, {"first": "Anna", "last": "Smith"}, True),
    ],
)
def test_who_counts_as_the_same(app: Flask, known: dict[str, str], row: dict[str, str], is_same: bool) -> None:
    make_client(**known)
    import_ = run(csv_bytes(person(1, **{"mobile": "(212) 555-0142"} | row)))
    assert counts(import_)[:2] == ((0, 1) if is_same else (1, 0))


def test_people_on_record_can_be_left_as_they_are(app: Flask) -> None:
    make_client()
    before = snapshot()
    import_ = run(csv_bytes(person(1, first="Anna", last="Smith", mobile="212-555-0142"), person(2)), duplicates=Duplicates.SKIP)
    assert counts(import_) == (1, 0, 1, 0)
    assert snapshot()[0][:1] == before[0]


@on_both_databases
def test_every_row_can_be_added_as_somebody_new_but_an_id_only_once(app: Flask) -> None:
    make_client(external_source="import", external_source_id="ext-1")
    rows = [person(1), person(2, id=""), person(2, id=""), person(3), person(3)]
    import_ = run(csv_bytes(*rows), duplicates=Duplicates.ADD)
    assert counts(import_) == (3, 0, 0, 2)
    assert list(rejects(import_)) == [2, 6]


def test_what_an_update_may_do_is_chosen(app: Flask) -> None:
    make_client(email=None)
    row = person(1, first="Anna", last="Smith", mobile="212-555-0142")
    import_ = check(upload(csv_bytes(row)), fill=False, add=False)
    assert counts(import_) == (0, 0, 1, 0)
    with pytest.raises(Conflict, match="nothing to import"):
        imports.start(import_, STAFF, clock.now())
    assert counts(run(csv_bytes(row), fill=False, add=True)) == (0, 1, 0, 0)
    [client] = clients()
    assert (client.date_of_birth, details(client, EMAIL)) == (None, ["p1@example.com"])
    assert counts(run(csv_bytes(row), fill=True, add=False)) == (0, 1, 0, 0)


def test_who_asked_not_to_be_called_stays_uncalled(app: Flask) -> None:
    make_client(voice_calls_opted_out=True)
    make_client(first_name="Bert", last_name="Jones", phones=["212-555-0143"])
    headings = ["First name", "Last name", "Mobile", "Do not call"]
    rows = [["Anna", "Smith", "212-555-0142", "no"], ["Bert", "Jones", "212-555-0143", "yes"]]
    assert counts(run(csv_bytes(*rows, headings=headings), fill=False, add=False)) == (0, 1, 1, 0)
    assert [client.voice_calls_opted_out for client in clients()] == [True, True]


@pytest.mark.parametrize("most", [10, 10_000])
def test_a_phone_that_hundreds_share_tells_nobody_from_another(app: Flask, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Such as the firm's own number: the rows stay apart, and looking them up stays quick."""
    monkeypatch.setattr("kayse_dash.clients.import_match.MOST_MATCHES", most)
    rows = [person(n, mobile="212-555-0000", email="", id="", first="Same", last="Name") for n in range(150)]
    import_ = run(csv_bytes(*rows), duplicates=Duplicates.ADD)
    assert import_.created == 150
    assert counts(run(csv_bytes(rows[0]))) == (1, 0, 0, 0)


# The file


@pytest.mark.parametrize(
    ("encoding", "separator"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1252", ";"), ("utf-16-be", "|")]
)
def test_encodings_and_separators_are_recognised(app: Flask, separator: str, encoding: str) -> None:
    words = separator.join(["Given name", "Surname", "Cell", "Notes"]) + "\r\n"
    words += separator.join(["José", "Núñez", "(212) 555-0142", '"two\r\nlines"']) + "\r\n" + separator.join(["Zoë", "", "", ""])
    import_ = run(words.encode(encoding))
    assert counts(import_) == (2, 0, 0, 0)
    assert [(client.first_name, client.last_name) for client in clients()] == [("José", "Núñez"), ("Zoë", "")]


def test_odd_files_are_read_as_they_are_meant(app: Flask) -> None:
    """No headings, two the same, rows too short and too long, empty lines, NULs, a quotation mark without a partner."""
    raw = b"First name,Last name,Phone,Phone\n\nAnna,Smith\nBo,Ng,212-555-0142,617-555-0143,,\n"
    raw += b'Cy\0,Ra,212-555-0144,"x\nDi,Om,,,5\n,,,\n'
    import_ = run(raw)
    assert counts(import_) == (2, 0, 0, 2)
    assert list(rejects(import_)) == [5, 6]
    assert details(clients()[1], PHONE) == ["+12125550142", "+16175550143"]
    import_ = upload(b"Ann,212-555-0199\nBo,212-555-0198\n")
    assert (import_.columns, import_.mapping, import_.options["headings"]) == (["", ""], {"1": "phone"}, False)
    assert counts(run(import_)) == (2, 0, 0, 0)


def test_dates_are_read_in_the_order_of_the_file(app: Flask) -> None:
    import_ = upload(csv_bytes(person(1, dob="3/4/1980"), person(2, dob="25/12/1980")))
    assert import_.options["order"] == Order.DAY_FIRST
    run(import_)
    assert [client.date_of_birth for client in clients()] == [date(1980, 4, 3), date(1980, 12, 25)]


def test_the_next_file_with_the_same_headings_is_proposed_the_same(app: Flask) -> None:
    import_ = upload(csv_bytes(person(1)))
    assert import_.mapping["4"] == "address_line1"
    chosen = {int(place): target for place, target in import_.mapping.items() if target != "address_line1"}
    check(import_, chosen, source="Clio", duplicates=Duplicates.SKIP)
    second = upload(csv_bytes(person(2)))
    assert (second.mapping, second.options) == (import_.mapping, import_.options)
    assert upload(csv_bytes(person(2)[::-1], headings=HEADINGS[::-1])).options["source"] == "import"
    third = upload(csv_bytes([*person(2), "2", "why"], headings=[*HEADINGS, "Row", "Why it was rejected"]))
    assert third.mapping == import_.mapping


def test_how_a_file_is_read_can_be_put_right(app: Flask) -> None:
    import_ = check(upload(b"Name|Tel\nAnn|212-555-0142\n"))
    imports.lay_out(import_, Layout("csv", "cp1252", ";"), headings=False)
    assert (import_.columns, import_.state, import_.total_rows) == ([""], ImportState.UPLOADED, None)
    imports.lay_out(import_, Layout("csv", "utf-8", "|"), headings=True)
    assert import_.mapping == {"0": "full_name", "1": "phone"}
    with pytest.raises(InvalidInput):
        imports.lay_out(import_, Layout("csv", "utf-7", "|"), headings=True)
    assert counts(run(import_)) == (1, 0, 0, 0)


def test_what_is_wrong_with_a_file_only_deep_inside_is_said_when_it_is_checked(app: Flask) -> None:
    import_ = check(upload(b"First name\nAnna\n" + b"x\n" * 600_000 + b"y" * (2 << 20)))
    assert (import_.state, import_.error) == (ImportState.UPLOADED, "One line of this file is longer than a megabyte. "
                                              "It does not seem to be a table.")  # fmt: skip
    assert [path.name for path in import_files.folder().iterdir()] == [str(import_.id)]
    assert "no rows under them" in (check(upload(b"First name,Mobile\n")).error or "")


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\files\\passwd", "pass\nwd", "", "\ud800"])
def test_the_name_of_a_file_is_only_a_name(app: Flask, name: str) -> None:
    import_ = upload(csv_bytes(person(1)), name)
    assert import_.filename in ("passwd", "pass wd", "Unnamed file")
    [path] = import_files.folder().iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == (str(import_.id), 0o600)


# Steps


@on_both_databases
def test_a_turn_that_breaks_off_leaves_no_row_twice_and_none_out(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_run, "FIRST_ROWS", 7)
    monkeypatch.setattr(import_run, "FEWEST_ROWS", 7)
    written = 0
    real = import_run._note

    def note(*args: object) -> None:
        nonlocal written
        written += 1
        if written % 3 == 2:
            raise RuntimeError("the power went")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(import_run, "TURN_S", 0.2)
    import_ = check(upload(csv_bytes(*(person(n) for n in range(50)))))
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    monkeypatch.setattr(import_run, "_note", note)
    for _ in range(40):
        try:
            if not import_run.turn(import_.id):
                break
        except RuntimeError:
            db.session.rollback()
    import_ = reload(import_)
    assert (import_.state, counts(import_)) == (ImportState.FINISHED, (50, 0, 0, 0))
    assert sorted(client.external_source_id for client in clients()) == sorted(f"ext-{n}" for n in range(50))
    assert how_many(Detail) == 150


def test_a_dry_run_that_breaks_off_begins_anew_where_its_own_database_is_ahead(app: Flask, monkeypatch) -> None:
    monkeypatch.setattr(import_run, "FIRST_ROWS", 10)
    monkeypatch.setattr(import_run, "FEWEST_ROWS", 10)
    import_ = upload(csv_bytes(*(person(n) for n in range(25)), person(3)))
    imports.check(import_, {int(k): v for k, v in import_.mapping.items()}, import_run.Choices(), clock.now())
    db.session.commit()
    import_prepare.prepare(import_.id)
    real, failed = import_run._note, []

    def note(*args: object) -> None:
        if args[2].number > 15 and not failed:  # type: ignore[attr-defined]
            failed.append(1)
            raise RuntimeError("the power went")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(import_run, "_note", note)
    with pytest.raises(RuntimeError):
        work(import_)
    assert reload(import_).created == 10
    assert counts(work(import_)) == (25, 0, 1, 0)


@on_both_databases
def test_two_imports_at_once_make_nobody_twice(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same people in both files: one import makes each, the other finds them."""
    monkeypatch.setattr(import_run, "FIRST_ROWS", 20)
    monkeypatch.setattr(import_run, "FEWEST_ROWS", 20)
    monkeypatch.setattr(import_run, "MOST_ROWS", 20)
    rows = [person(n) for n in range(300)]
    started = [check(upload(csv_bytes(*some))) for some in (rows, rows[::-1])]
    for import_ in started:
        imports.start(import_, STAFF, clock.now())
    ids = [import_.id for import_ in started]
    db.session.commit()

    def go(import_id: int) -> None:
        with app.app_context():
            while import_run.turn(import_id):
                pass

    threads = [threading.Thread(target=go, args=(import_id,)) for import_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    both = [counts(reload(import_)) for import_ in started]
    assert how_many(Client) == 300
    assert [sum(column) for column in zip(*both, strict=True)] == [300, 0, 300, 0]


def test_a_step_that_somebody_else_did_is_not_done_again(app: Flask) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    stale = imports.get(import_.id)
    db.session.expunge(stale)
    work(imports.get(stale.id))
    [batch] = [import_run.Batch([], 2, 10, True)]
    assert not import_run._run_step(stale, batch, clock.now())
    assert how_many(Client) == 1


@on_both_databases
def test_an_import_can_be_stopped_and_what_was_done_stays(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_run, "FIRST_ROWS", 10)
    monkeypatch.setattr(import_run, "TURN_S", 0.0001)
    import_ = check(upload(csv_bytes(*(person(n) for n in range(40)))))
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    assert import_run.turn(import_.id)
    import_ = imports.get(import_.id, lock=True)
    imports.cancel(import_, clock.now())
    db.session.commit()
    assert not import_run.turn(import_.id)
    import_ = reload(import_)
    assert (import_.state, import_.created, how_many(Client)) == (ImportState.CANCELLED, 10, 10)
    assert not list(import_files.folder().iterdir())
    with pytest.raises(Conflict):
        imports.cancel(import_, clock.now())
    assert undo(import_).undo_deleted == 10
    assert how_many(Client) == 0


def test_a_dry_run_can_be_stopped_and_begun_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_run, "FIRST_ROWS", 10)
    import_ = upload(csv_bytes(*(person(n) for n in range(40))))
    imports.check(import_, {0: "first_name"}, import_run.Choices(), clock.now())
    db.session.commit()
    import_prepare.prepare(import_.id)
    monkeypatch.setattr(import_run, "TURN_S", 0.0001)
    assert import_run.turn(import_.id)
    imports.cancel(reload(import_), clock.now())
    db.session.commit()
    monkeypatch.setattr(import_run, "TURN_S", 1.0)
    assert reload(import_).state is ImportState.UPLOADED
    assert counts(check(reload(import_))) == (40, 0, 0, 0)


def test_a_copy_that_was_lost_is_made_again(app: Flask) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    import_files.discard_copy(import_.id)
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    assert not import_run.turn(import_.id)  # a thread makes the copy meanwhile
    wait_until(import_files.copy(import_.id).exists, "the copy")
    assert counts(work(import_)) == (1, 0, 0, 0)


def test_a_worker_that_does_not_have_the_file_leaves_it_to_others(app: Flask) -> None:
    import_ = upload(csv_bytes(person(1)))
    imports.check(import_, {0: "first_name"}, import_run.Choices(), clock.now())
    db.session.commit()
    import_files.discard(import_.id)
    assert not import_prepare.prepare(import_.id)
    assert reload(import_).state is ImportState.CHECKING


def test_a_fault_of_ours_is_told_and_the_import_can_go_on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    imports.start(import_, STAFF, clock.now())
    db.session.commit()

    def broken(*_: object) -> bool:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(import_run, "turn", broken)
        jobs.run_import(import_.id, lane=queue.BULK)
    import_ = reload(import_)
    assert (import_.state, import_.error) == (ImportState.FAILED, import_prepare.FAULT)
    imports.go_on(import_, clock.now())
    db.session.commit()
    assert counts(work(import_)) == (1, 0, 0, 0)


def test_imports_that_stand_still_are_woken(app: Flask, redis_server) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    assert sweep.wake_what_stands_still(clock.now() + timedelta(minutes=1)) == 0
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    redis_server.flushdb()
    assert sweep.wake_what_stands_still(clock.now()) == 0
    assert sweep.wake_what_stands_still(clock.now() + imports.STALLED_AFTER + timedelta(seconds=1)) == 1
    assert redis_server.llen("rq:queue:bulk") == 1


# Undoing


@on_both_databases
def test_undoing_puts_everything_back(app: Flask) -> None:
    make_client()
    make_client(first_name="", last_name="Jones", phones=["617-555-0143"], external_source="import", external_source_id="ext-2")
    before = snapshot()
    import_ = run(
        csv_bytes(
            person(1, first="Anna", last="Smith", mobile="212-555-0142"),
            person(2, first="Bert", last="Jones", mobile="617-555-0143"),
            person(3),
            person(3, mobile="617-555-0199"),
            person(4, mobile="1"),
        )
    )
    assert counts(import_) == (1, 3, 0, 1)
    assert how_many(ImportChange) == 2
    import_ = undo(import_)
    assert (import_.state, import_.undo_total) == (ImportState.UNDONE, 3)
    assert (import_.undo_deleted, import_.undo_restored, import_.undo_skipped) == (1, 2, 0)
    assert snapshot() == before
    assert [client.first_key for client in clients()] == ["anna", ""]
    assert how_many(ImportChange) == 0
    assert actions()[-1] == "import.undone"


@on_both_databases
def test_what_was_changed_since_stays_and_is_counted(app: Flask) -> None:
    known = make_client()
    import_ = run(csv_bytes(person(1, first="Anna", last="Smith", mobile="212-555-0142"), person(2), person(3), person(4)))
    for name in ("Anna", "First2"):
        client = next(client for client in clients() if client.first_name == name)
        records.update(client, records.check({"last_name": "Miller"}, client), Source.PERSON, STAFF, clock.now())
        db.session.commit()
    heard = db.session.scalar(sa.select(Client.id).where(Client.first_name == "First3"))
    db.session.commit()
    make_event(client_id=heard, owed=False)
    import_ = undo(import_)
    assert (import_.undo_deleted, import_.undo_restored, import_.undo_skipped) == (1, 0, 3)
    assert [client.first_name for client in clients()] == ["Anna", "First2", "First3"]
    assert details(clients()[0], EMAIL) == ["p1@example.com"]
    assert clients()[0].id == known.id


@on_both_databases
def test_imports_can_be_undone_one_after_the_other_the_last_one_first(app: Flask) -> None:
    make_client()
    before = snapshot()
    first = run(csv_bytes(person(1, first="Anna", last="Smith", mobile="212-555-0142", email=""), person(2)))
    second = run(csv_bytes(person(1, mobile="617-555-0143"), person(2, mobile="617-555-0144")))
    assert counts(second) == (0, 2, 0, 0)
    between = undo(second)
    assert between.undo_restored == 2
    assert undo(first).undo_skipped == 0
    assert snapshot() == before


def test_an_import_whose_clients_a_later_one_added_to_keeps_those(app: Flask) -> None:
    first = run(csv_bytes(person(1), person(2)))
    run(csv_bytes(person(1, mobile="617-555-0143")))
    assert undo(first).undo_skipped == 1
    assert [client.first_name for client in clients()] == ["First1"]


def test_who_was_changed_in_the_middle_of_an_import_is_not_undone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    known = make_client()
    monkeypatch.setattr(import_run, "FIRST_ROWS", 1)
    monkeypatch.setattr(import_run, "FEWEST_ROWS", 1)
    monkeypatch.setattr(import_run, "MOST_ROWS", 1)
    monkeypatch.setattr(import_run, "TURN_S", 1e-6)
    rows = [person(1, first="Anna", last="Smith", mobile="212-555-0142", email=f"{name}@example.com") for name in "abc"]
    import_ = check(upload(csv_bytes(*rows)))
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    assert import_run.turn(import_.id)
    client = records.get(known.id)
    records.update(client, records.check({"case_ids": [7]}, client), Source.PERSON, STAFF, clock.now())
    db.session.commit()
    assert work(import_).updated == 3
    assert undo(reload(import_)).undo_skipped == 1
    assert len(details(clients()[0], EMAIL)) == 3


def test_undoing_goes_on_after_a_crash(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = run(csv_bytes(*(person(n) for n in range(30))))
    monkeypatch.setattr("kayse_dash.clients.import_undo.STEP_ROWS", 10)
    monkeypatch.setattr(import_run, "TURN_S", 1e-6)
    imports.undo(import_, clock.now())
    db.session.commit()
    assert import_run.turn(import_.id)
    assert (how_many(Client), reload(import_).undo_deleted) == (20, 10)
    import_ = work(import_)
    assert (how_many(Client), how_many(Detail), import_.undo_deleted) == (0, 0, 30)


def test_only_what_changed_something_and_is_not_too_old_can_be_undone(app: Flask) -> None:
    import_ = check(upload(csv_bytes(person(1))))
    now = clock.now()
    assert not imports.may_be_undone(import_, now)
    import_ = run(import_)
    assert imports.may_be_undone(import_, now)
    with pytest.raises(Conflict):
        imports.undo(import_, now + imports.UNDONE_WITHIN)
    with pytest.raises(Conflict):
        imports.remove(import_)


def test_an_upload_can_be_removed_with_all_that_was_read_of_it(app: Flask) -> None:
    import_ = check(upload(csv_bytes(person(1), person(2, mobile="1"))))
    imports.remove(import_)
    db.session.commit()
    assert (how_many(Import), how_many(ImportReject)) == (0, 0)
    assert not list(import_files.folder().iterdir())
    for number in (0, -1, 99, 2**31, 2**63):
        with pytest.raises(NotFound):
            imports.get(number)


def test_files_that_nobody_needs_are_removed_after_a_day(app: Flask) -> None:
    import_ = upload(csv_bytes(person(1)))
    for name in ("upload-abc", "99", "99.rows", f"{import_.id}.part77"):
        path = import_files.folder() / name
        path.write_text("x")
        os.utime(path, (0, 0))
    (import_files.folder() / "upload-new").write_text("x")
    assert import_files.discard_orphans([import_.id]) == 3
    assert len(list(import_files.folder().iterdir())) == 3


@on_both_databases
def test_what_imports_leave_behind_goes_after_a_while(app: Flask) -> None:
    make_client()
    old = run(csv_bytes(person(1, first="Anna", last="Smith", mobile="212-555-0142"), *(person(n, mobile="1") for n in range(5))))
    left = check(upload(csv_bytes(person(2, mobile="1"))))
    for import_, age in ((old, imports.UNDONE_WITHIN), (left, imports.LEFT_AFTER)):
        import_.created_at = import_.stepped_at = clock.now() - age - timedelta(minutes=1)
    db.session.commit()
    upload(csv_bytes(person(3)))
    gone = []
    while counted := import_retention.forget_rows(clock.now(), 4):
        gone.append(counted)
    assert gone == [4, 1, 1]
    assert import_retention.forget_uploads(clock.now()) == 1
    assert (how_many(Import), how_many(ImportReject), how_many(ImportChange)) == (2, 0, 0)
    assert len(list(import_files.folder().iterdir())) == 1
    assert not imports.may_be_undone(reload(old), clock.now())

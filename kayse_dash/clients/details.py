"""The phones, emails and addresses of a client, one at a time: adding, removing, putting back, choosing the primary one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kayse_dash.clients import fields, records
from kayse_dash.clients.fields import TypedDetail
from kayse_dash.clients.frozen import freeze, thaw
from kayse_dash.clients.models import Client, Detail, DetailKind, Source
from kayse_dash.errors import InvalidInput, NotFound


def read(text: str) -> TypedDetail:
    """A phone or an email, whichever was typed.

    Raises:
        InvalidInput: it is neither; by the field `value`.
    """
    try:
        return fields.email(text) if "@" in text else fields.phone(text)
    except ValueError as error:
        raise InvalidInput("Please check what you typed.", {"value": str(error)}) from error


def get(client: Client, detail_id: int) -> Detail:
    """
    Raises:
        NotFound: the client has none with this id.
    """
    found = next((detail for detail in client.details if detail.id == detail_id), None)
    if found is None:
        raise NotFound("The client does not have this any more. Somebody may have removed it.")
    return found


def add(
    client: Client, new: TypedDetail, source: Source, by: str, now: datetime, *, source_name: str | None = None
) -> Detail | None:
    """Give a client one more detail, the primary one where it is the first of its kind; None where it has it already.

    Raises:
        InvalidInput: it has as many as are kept.
    """
    same = [detail for detail in client.details if detail.kind is new.kind]
    if any(detail.value == new.value for detail in same):
        return None
    if len(same) >= fields.MOST_OF_A_KIND:
        raise InvalidInput("Please remove one first.", {"value": f"A client can have at most {fields.MOST_OF_A_KIND} of these."})
    row = records.detail_row(new, source, by, now, source_name=source_name)
    detail = Detail(**row | {"is_primary": not same})
    client.details.append(detail)
    records.touch(client, source, now)
    return detail


def make_primary(client: Client, detail: Detail, source: Source, now: datetime) -> None:
    """Prefer a detail to all others of its kind."""
    if detail.is_primary:
        return
    for one in client.details:
        if one.kind is detail.kind:
            one.is_primary = one is detail
    records.touch(client, source, now)


def remove(client: Client, detail: Detail, source: Source, now: datetime) -> dict[str, Any]:
    """Take a detail from a client; where it was the primary one, the oldest of its kind is.

    Returns:
        What `restore` needs to put it back.
    """
    kept = freeze(detail)
    client.details.remove(detail)
    if detail.is_primary and (heir := _first(client, detail.kind)):
        heir.is_primary = True
    records.touch(client, source, now)
    return kept


def restore(client: Client, kept: dict[str, Any], source: Source, now: datetime) -> Detail | None:
    """Put back what `remove` took, with where it came from; None where the client has the same again by now."""
    row = thaw(Detail, kept)
    del row["id"], row["client_id"]
    if any(one.kind == row["kind"] and one.value == row["value"] for one in client.details):
        return None
    detail = Detail(**row)
    detail.kind = DetailKind(detail.kind)
    if detail.is_primary:
        for one in client.details:
            if one.kind is detail.kind:
                one.is_primary = False
    client.details.append(detail)
    records.touch(client, source, now)
    return detail


def _first(client: Client, kind: DetailKind) -> Detail | None:
    return next((one for one in client.details if one.kind is kind), None)

"""What a person chooses for an import: what each column becomes, and what happens to clients who are on record already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from kayse_dash.clients import import_fields
from kayse_dash.clients.import_dates import Order
from kayse_dash.clients.import_fields import IDENTIFYING, TARGETS
from kayse_dash.errors import InvalidInput
from kayse_dash.typed import line

LONGEST_SOURCE = 60
USUAL_SOURCE = "import"


class Duplicates(StrEnum):
    """What happens to a row whose client is on record already."""

    UPDATE = "update"
    SKIP = "skip"
    ADD = "add"


@dataclass(frozen=True)
class Choices:
    """How the rows of a file are taken.

    Args:
        headings: whether the first row names the columns.
        order: what 3/4/1980 means.
        source: the name of the other system for rows that say an id there and not which system.
        fill: whether an update fills what is empty.
        add: whether an update adds phones, emails, addresses and cases.
    """

    headings: bool = True
    order: Order = Order.MONTH_FIRST
    source: str = USUAL_SOURCE
    duplicates: Duplicates = Duplicates.UPDATE
    fill: bool = True
    add: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Choices:
        """What `as_json` gave, whatever else stands beside it."""
        known = {name: kept[name] for name in cls.__dataclass_fields__ if name in kept}
        if "order" in known:
            known["order"] = Order(known["order"])
        if "duplicates" in known:
            known["duplicates"] = Duplicates(known["duplicates"])
        return cls(**known)


def check(mapping: Mapping[int, str], headings: Sequence[str], choices: Choices) -> Choices:
    """See that rows can be read by these choices; the choices, their text put in order.

    Args:
        mapping: number of a column to what it becomes.

    Raises:
        InvalidInput: by `column-N`, or by the name of a choice.
    """
    faults: dict[str, str] = {}
    times = Counter(mapping.values())
    first: dict[str, int] = {}
    for place, target in sorted(mapping.items()):
        if times[target] > 1 and not TARGETS[target].many and first.setdefault(target, place) != place:
            other = import_fields.shown(headings, first[target])
            faults[f"column-{place}"] = f"“{other}” is the {TARGETS[target].label.lower()} already."
    if "full_name" in times and ("first_name" in times or "last_name" in times):
        place = next(place for place, target in mapping.items() if target == "full_name")
        faults[f"column-{place}"] = "Choose either the full name, or first and last name."
    if not any(target in times for target in IDENTIFYING):
        faults["columns"] = "Choose at least one column that is a name, a phone number or an email address."
    try:
        source = line(choices.source, "The name of the other system", 1, LONGEST_SOURCE)
    except ValueError as error:
        source = choices.source
        faults["source"] = str(error)
    if faults:
        raise InvalidInput("Please look at these choices again.", faults)
    return Choices(**{**vars(choices), "source": source})

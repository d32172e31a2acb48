"""The filters of a list, as somebody wrote them into an address. What makes no sense is left out and named, never an error."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

LONGEST_TEXT = 200

# In no text that was ever stored: NUL, which PostgreSQL refuses, and half of a surrogate pair, which has no UTF-8.
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")


class QueryString:
    """Reads values from a query string; `ignored` names those that were given and could not be understood."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.ignored: list[str] = []

    def text(self, name: str) -> str:
        """A text of at most 200 characters; empty where there is none."""
        value = self._given.get(name, "").strip()
        return value if len(value) <= LONGEST_TEXT and not _UNSTORABLE.search(value) else self._ignore(name) or ""

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of `allowed`."""
        value = self._given.get(name, "").strip()
        return value if value in allowed else self._ignore(name) if value else None

    def number(self, name: str, largest: int = 2**63 - 1) -> int | None:
        """A whole number from 0 to `largest`, what its database column holds."""
        value = self._given.get(name, "").strip()
        if value.isascii() and value.isdigit() and len(value) <= 19 and int(value) <= largest:
            return int(value)
        return self._ignore(name) if value else None

    def flag(self, name: str) -> bool:
        """Whether a checkbox was ticked."""
        return self._given.get(name, "") not in ("", "0")

    def moment(self, name: str) -> datetime | None:
        """A date and time (ISO 8601), UTC unless it says otherwise; what `<input type="datetime-local">` sends."""
        value = self._given.get(name, "").strip()
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value[:40])
            # The edges of the calendar are left out: what is added to a time must still be one.
            if 1970 <= moment.year <= 9000:
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        return self._ignore(name)

    def _ignore(self, name: str) -> None:
        self.ignored.append(name)


def as_input(moment: datetime | None) -> str:
    """A time as `<input type="datetime-local">` takes it, in UTC; empty for None."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if moment else ""

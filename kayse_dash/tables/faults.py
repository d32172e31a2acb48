"""The one exception of this folder."""

from __future__ import annotations


class Unreadable(ValueError):
    """A file that is no table, or one that cannot be trusted; `str(error)` is fit to be shown to a person."""

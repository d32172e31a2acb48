"""How values read on a page: times, numbers, states. Registered as Jinja filters."""

from __future__ import annotations


def init_app(app):
    pass

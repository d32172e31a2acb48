"""Test inboxes: the receiver, and the page that shows what arrived."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("inbox", __name__)

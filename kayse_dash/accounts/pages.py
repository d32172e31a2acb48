"""Login, set-up, and the settings of people, keys and the audit trail."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("accounts", __name__)

"""Add, edit and duplicate a webhook: one form in steps."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("wizard", __name__)

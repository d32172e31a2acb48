"""Encryption at rest: what is written with the first key can be read with any of them (MultiFernet)."""

from __future__ import annotations

import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app
from sqlalchemy.engine import Dialect
from sqlalchemy.types import Text, TypeDecorator

from kayse_dash.errors import ConfigError


def box(keys: tuple[str, ...]) -> MultiFernet:
    """The box of an installation; the first key encrypts, all decrypt."""
    return MultiFernet([Fernet(key) for key in keys])


class EncryptedJSON(TypeDecorator[Any]):
    """A JSON value that stands encrypted in its column."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return _box().encrypt(json.dumps(value, separators=(",", ":")).encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            return json.loads(_box().decrypt(value.encode()))
        except InvalidToken as error:
            raise ConfigError(
                "A secret in the database was encrypted with a key that this installation does not have. "
                "Put the old key back, as a later entry of KAYSE_ENCRYPTION_KEYS or in the data folder's encryption_keys."
            ) from error


def _box() -> MultiFernet:
    return current_app.extensions["kayse_box"]

"""What is seen to before anybody serves from the database."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.errors import ConfigError
from kayse_dash.preparation import prepare
from kayse_dash.webhooks import auth
from tests.factories import make_endpoint


def test_keys_of_another_installation_are_noticed_at_the_start(app: Flask, settings: Settings) -> None:
    make_endpoint(auth=auth.Bearer("a-token-to-keep"))
    db.session.commit()
    prepare(settings)
    with pytest.raises(ConfigError, match="encrypted with a key that this installation does not have"):
        prepare(replace(settings, encryption_keys=(Fernet.generate_key().decode(),)))

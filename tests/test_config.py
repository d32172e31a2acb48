"""What the environment may say, and what is said back when it cannot be used."""

from __future__ import annotations

import ipaddress
import os
import stat
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from cryptography.fernet import Fernet

from kayse_dash.config import LONGEST_SOCKET_PATH, Settings, embedded_socket
from kayse_dash.errors import ConfigError
from kayse_dash.webhooks.schedule import WAITS


@pytest.fixture
def read(tmp_path: Path):
    """`read(PORT="80")` gives the settings of an environment that says that, and a data folder."""
    return lambda **env: Settings.from_env({"KAYSE_DATA_DIR": str(tmp_path / "data"), **env})


BAD = [
    ("PORT", "eighty"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "80.5"),
    ("PORT", "9" * 5000),
    ("DATABASE_URL", "mysql://localhost/kayse"),
    ("DATABASE_URL", "postgresql+psycopg2://localhost/kayse"),
    ("DATABASE_URL", "postgresql://localhost:five/kayse"),
    ("DATABASE_URL", "kayse.sqlite3"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "sqlite://folder/file"),
    ("REDIS_URL", "localhost:6379"),
    ("REDIS_URL", "http://localhost"),
    ("REDIS_URL", "redis://localhost:port/0"),
    ("REDIS_URL", "redis://[::1/0"),
    ("KAYSE_ENCRYPTION_KEYS", "not a key"),
    ("KAYSE_ENCRYPTION_KEYS", ","),
    ("KAYSE_ENCRYPTION_KEYS", "schlüssel"),
    ("KAYSE_WORKERS", "0"),
    ("KAYSE_WORKERS", "many"),
    ("KAYSE_WORKERS", "65"),
    ("KAYSE_RETRY_WAITS", "0,5min"),
    ("KAYSE_RETRY_WAITS", "0,,5"),
    ("KAYSE_RETRY_WAITS", "-1"),
    ("KAYSE_RETRY_WAITS", ",".join(["1"] * 21)),
    ("KAYSE_RETRY_WAITS", "99999999999999"),
    ("KAYSE_ALLOW_HTTP", "maybe"),
    ("KAYSE_ALLOWED_NETWORKS", "10.0.0.0/99"),
    ("KAYSE_ALLOWED_NETWORKS", "intranet"),
    ("KAYSE_REQUEST_TIMEOUT", "0"),
    ("KAYSE_REQUEST_TIMEOUT", "nan"),
    ("KAYSE_REQUEST_TIMEOUT", "inf"),
    ("KAYSE_REQUEST_TIMEOUT", "15s"),
    ("KAYSE_BASE_URL", "hooks.example.com"),
    ("KAYSE_BASE_URL", "ftp://hooks.example.com"),
    ("KAYSE_BASE_URL", "https://hooks.example.com/kayse"),
    ("KAYSE_BASE_URL", "https://user:password@hooks.example.com"),
    ("KAYSE_BASE_URL", "https://hooks.example.com:port"),
    ("KAYSE_BASE_URL", "https://[::1"),
    ("KAYSE_BASE_URL", "https://hooks .example.com"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value[:30]}" for name, value in BAD])
def test_a_value_that_cannot_be_used_is_refused_in_one_line_that_names_the_variable(read, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(**{name: value})
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "folder", ["{file}/below", "{file}", "{loop}/below", "~nobody-of-that-name/kayse", "/proc/kayse", "x" * 300]
)
def test_a_data_folder_that_cannot_be_written_to_is_refused(tmp_path: Path, folder: str) -> None:
    file, loop = tmp_path / "file", tmp_path / "loop"
    file.write_text("")
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match=r"^KAYSE_DATA_DIR: "):
        Settings.from_env({"KAYSE_DATA_DIR": folder.format(file=file, loop=loop)})


@pytest.mark.parametrize("given", ["KAYSE_ADMIN_EMAIL", "KAYSE_ADMIN_PASSWORD"])
def test_a_first_administrator_needs_both_email_and_password(read, given: str) -> None:
    with pytest.raises(ConfigError, match=rf"^KAYSE_ADMIN_(EMAIL|PASSWORD) must be given where {given} is"):
        read(**{given: "anna@firm.test"})


def test_a_password_is_taken_to_the_letter(read) -> None:
    settings = read(KAYSE_ADMIN_EMAIL=" anna@firm.test ", KAYSE_ADMIN_PASSWORD=" seven blanks ")
    assert (settings.admin_email, settings.admin_password) == ("anna@firm.test", " seven blanks ")


def test_without_a_word_everything_is_local_and_kept_in_the_data_folder(read, tmp_path: Path) -> None:
    settings = read(PORT="", REDIS_URL="  ")
    data = tmp_path / "data"
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
    assert settings.data_dir == data
    assert sa.make_url(settings.database_url).database == str(data / "kayse.sqlite3")
    assert settings.embedded_redis
    assert settings.retry_waits == WAITS
    assert settings.allow_http is False
    assert settings.allowed_networks == ()
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_the_keys_are_made_once_and_are_nobody_elses_to_read(read, tmp_path: Path) -> None:
    first, second = read(), read()
    assert (first.secret_key, first.encryption_keys) == (second.secret_key, second.encryption_keys)
    assert len(first.secret_key) >= 32
    for name in ("secret_key", "encryption_keys"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path / "data")) == ["encryption_keys", "secret_key"]


def test_a_key_file_that_was_emptied_stops_the_start_rather_than_making_a_new_key(read, tmp_path: Path) -> None:
    read()
    (tmp_path / "data" / "encryption_keys").write_text("\n")
    with pytest.raises(ConfigError, match="encryption_keys is empty"):
        read()


def test_a_key_file_that_holds_something_else_is_named(read, tmp_path: Path) -> None:
    read()
    for content in (b"half a key", b"\xff\xfe"):
        (tmp_path / "data" / "encryption_keys").write_bytes(content)
        with pytest.raises(ConfigError, match="data/encryption_keys"):
            read()


def test_several_encryption_keys_are_read_newest_first(read) -> None:
    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert read(KAYSE_ENCRYPTION_KEYS=f"{new}, {old}").encryption_keys == (new, old)


@pytest.mark.parametrize("name", ["a b", "100%41?", "a#b", "älter"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = Settings.from_env({"KAYSE_DATA_DIR": str(tmp_path / name)})
    assert sa.make_url(settings.database_url).database == str(tmp_path / name / "kayse.sqlite3")
    client = redis.Redis.from_url(settings.redis_url)
    assert client.connection_pool.connection_kwargs["path"] == str(embedded_socket(tmp_path / name))


def test_the_socket_of_a_deep_data_folder_lies_in_a_private_folder_elsewhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", "/tmp")
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    path = embedded_socket(deep)
    assert len(str(path)) <= LONGEST_SOCKET_PATH
    assert path == embedded_socket(deep)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    with pytest.raises(ConfigError, match="KAYSE_DATA_DIR"):
        embedded_socket(deep)
    path.parent.rmdir()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p%40ss@db/kayse", "postgresql+psycopg://u:p%40ss@db/kayse"),
        ("postgresql://u@db:5433/kayse?sslmode=require", "postgresql+psycopg://u@db:5433/kayse?sslmode=require"),
        ("sqlite:////srv/kayse/file.db", "sqlite:////srv/kayse/file.db"),
    ],
)
def test_database_addresses_are_taken_as_people_write_them(read, given: str, used: str) -> None:
    assert read(DATABASE_URL=given).database_url == used


def test_a_relative_sqlite_file_is_made_absolute(read, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(DATABASE_URL="sqlite:///kayse.db").database_url == f"sqlite:///{tmp_path}/kayse.db"


@pytest.mark.parametrize(
    ("env", "address"),
    [
        ({"HOST": "0.0.0.0", "PORT": "80"}, "http://127.0.0.1:80"),
        ({"HOST": "::"}, "http://[::1]:8000"),
        ({"HOST": "fd00::7"}, "http://[fd00::7]:8000"),
        ({"KAYSE_BASE_URL": "https://hooks.firm.test/"}, "https://hooks.firm.test"),
        ({"KAYSE_BASE_URL": "https://hooks.firm.test:8443"}, "https://hooks.firm.test:8443"),
    ],
)
def test_the_address_that_people_open(read, env: dict[str, str], address: str) -> None:
    assert read(**env).base_url == address


def test_lists_and_switches_are_read_as_given(read) -> None:
    settings = read(
        KAYSE_RETRY_WAITS="0, 1,2", KAYSE_ALLOW_HTTP="Yes", KAYSE_ALLOWED_NETWORKS="10.1.2.3/8, ::1", KAYSE_REQUEST_TIMEOUT="2.5"
    )
    assert settings.retry_waits == (0, 1, 2)
    assert settings.allow_http is True
    assert settings.allowed_networks == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))
    assert settings.request_timeout == 2.5


def test_no_setting_shows_a_secret_when_it_is_printed(read) -> None:
    settings = read(DATABASE_URL="postgresql://u:opensesame@db/k", REDIS_URL="redis://:opensesame@r/0", SECRET_KEY="opensesame")
    assert "opensesame" not in repr(settings)
    assert settings.encryption_keys[0] not in repr(settings)

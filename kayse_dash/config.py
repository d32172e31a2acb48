"""Settings: everything the environment may say, read once, checked, and frozen."""

from __future__ import annotations

import ipaddress
import os
import secrets as token_source
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from kayse_dash.errors import ConfigError
from kayse_dash.webhooks.schedule import WAITS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The kernel refuses longer paths for unix sockets (sun_path is 108 bytes with its NUL; unix(7)).
LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Settings:
    """What this installation was told. Times are in seconds.

    `redis_url` always names a server: the one of `REDIS_URL`, or the embedded one's unix socket.
    """

    host: str
    port: int
    data_dir: Path
    database_url: str
    redis_url: str
    embedded_redis: bool
    secret_key: str
    encryption_keys: tuple[str, ...]
    workers: int
    retry_waits: tuple[int, ...]
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    request_timeout: float
    base_url: str
    admin_email: str | None
    admin_password: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `env` (default: the process's own environment).

        Raises:
            ConfigError: a variable holds what cannot be used; the message names it.
        """
        given = {name: value.strip() for name, value in (os.environ if env is None else env).items() if value.strip()}
        data_dir = _writable_folder("KAYSE_DATA_DIR", given.get("KAYSE_DATA_DIR", "./var"))
        host = given.get("HOST", "127.0.0.1")
        port = _whole("PORT", given.get("PORT", "8000"), 1, 65535)
        redis_url = given.get("REDIS_URL")
        if redis_url and not redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ConfigError("REDIS_URL must start with redis://, rediss:// or unix://.")
        return cls(
            host=host,
            port=port,
            data_dir=data_dir,
            database_url=_database_url(given.get("DATABASE_URL"), data_dir),
            redis_url=redis_url or f"unix://{embedded_socket(data_dir)}",
            embedded_redis=not redis_url,
            secret_key=given.get("SECRET_KEY") or _kept_secret(data_dir / "secret_key", lambda: token_source.token_urlsafe(48)),
            encryption_keys=_encryption_keys(given.get("KAYSE_ENCRYPTION_KEYS"), data_dir),
            workers=_whole("KAYSE_WORKERS", given.get("KAYSE_WORKERS", "3"), 1, 64),
            retry_waits=_waits(given.get("KAYSE_RETRY_WAITS")),
            allow_http=_flag("KAYSE_ALLOW_HTTP", given.get("KAYSE_ALLOW_HTTP", "0")),
            allowed_networks=_networks(given.get("KAYSE_ALLOWED_NETWORKS", "")),
            request_timeout=_number("KAYSE_REQUEST_TIMEOUT", given.get("KAYSE_REQUEST_TIMEOUT", "15"), 0.1, 120),
            base_url=_base_url(given.get("KAYSE_BASE_URL"), host, port),
            admin_email=given.get("KAYSE_ADMIN_EMAIL"),
            admin_password=given.get("KAYSE_ADMIN_PASSWORD"),
        )


def embedded_socket(data_dir: Path) -> Path:
    """Where the embedded Redis server listens for the installation in `data_dir`."""
    wanted = data_dir / "valkey.sock"
    if len(str(wanted)) <= LONGEST_SOCKET_PATH:
        return wanted
    name = sha256(str(data_dir).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"kayse-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "valkey.sock"


def _writable_folder(name: str, value: str) -> Path:
    folder = Path(value).expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{name}: the folder {folder} cannot be written to ({error.strerror}).") from error
    return folder


def _database_url(value: str | None, data_dir: Path) -> str:
    if value is None:
        return f"sqlite:///{data_dir / 'kayse.sqlite3'}"
    for short in ("postgres://", "postgresql://"):
        if value.startswith(short):
            value = "postgresql+psycopg://" + value.removeprefix(short)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError("DATABASE_URL must start with postgresql:// or sqlite:///.")
    return value


def _base_url(value: str | None, host: str, port: int) -> str:
    if value is None:
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{shown}:{port}"
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ConfigError("KAYSE_BASE_URL must be the address people open, such as https://hooks.example-firm.com")
    return value.rstrip("/")


def _kept_secret(path: Path, make) -> str:
    """Read the secret in `path`; make it first, readable by its owner only, where there is none."""
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(make())
    except FileExistsError:
        pass
    secret = path.read_text().strip()
    if not secret:
        raise ConfigError(f"{path} is empty. Put the key back from your back-up, or delete the file to have a new one made.")
    return secret


def _encryption_keys(value: str | None, data_dir: Path) -> tuple[str, ...]:
    # Imported here: `cryptography` takes longer to load than all the rest of this module.
    from cryptography.fernet import Fernet

    text = value or _kept_secret(data_dir / "encryption_keys", lambda: Fernet.generate_key().decode())
    keys = tuple(key.strip() for key in text.replace("\n", ",").split(",") if key.strip())
    try:
        for key in keys:
            Fernet(key)
    except ValueError as error:
        raise ConfigError(
            "KAYSE_ENCRYPTION_KEYS must be one or more Fernet keys (32 bytes, URL-safe base64), newest first, separated by commas."
        ) from error
    return keys


def _whole(name: str, value: str, lowest: int, highest: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise ConfigError(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}.")
    return number


def _number(name: str, value: str, lowest: float, highest: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise ConfigError(f"{name} must be a number from {lowest:g} to {highest:g}, not {value!r}.")
    return number


def _flag(name: str, value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ConfigError(f"{name} must be 0 or 1, not {value!r}.")
    return known[value.lower()]


def _waits(value: str | None) -> tuple[int, ...]:
    if value is None:
        return WAITS
    try:
        waits = tuple(int(wait) for wait in value.split(","))
    except ValueError:
        waits = ()
    if not 1 <= len(waits) <= 20 or any(not 0 <= wait <= 30 * 86400 for wait in waits):
        raise ConfigError(
            f"KAYSE_RETRY_WAITS must be 1 to 20 waits in seconds, separated by commas, such as 0,300,1800,7200,86400; not {value!r}."
        )
    return waits


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"KAYSE_ALLOWED_NETWORKS must be networks such as 10.0.0.0/8, separated by commas: {error}.") from error

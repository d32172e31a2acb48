"""Settings: everything the environment may say, read once, checked, and frozen."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets as token_source
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from redis.connection import parse_url

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
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    embedded_redis: bool
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    workers: int
    retry_waits: tuple[int, ...]
    allow_http: bool
    allowed_networks: tuple[Network, ...]
    request_timeout: float
    base_url: str
    trusted_proxies: int
    admin_email: str | None
    admin_password: str | None = field(repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `env` (default: the process's own environment). An empty variable counts as not given.

        Makes the data folder, and the keys in it that are not given.

        Raises:
            ConfigError: a variable holds what cannot be used; the message names it.
        """
        env = os.environ if env is None else env
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        data_dir = _writable_folder("KAYSE_DATA_DIR", given.get("KAYSE_DATA_DIR", "./var"))
        host = given.get("HOST", "127.0.0.1")
        port = _whole("PORT", given.get("PORT", "8000"), 1, 65535)
        redis_url = _redis_url(given.get("REDIS_URL"))
        admin_email, admin_password = _first_admin(env)
        return cls(
            host=host,
            port=port,
            data_dir=data_dir,
            database_url=_database_url(given.get("DATABASE_URL"), data_dir),
            redis_url=redis_url or f"unix://{quote(str(embedded_socket(data_dir)))}",
            embedded_redis=redis_url is None,
            secret_key=given.get("SECRET_KEY") or _kept_secret(data_dir / "secret_key", lambda: token_source.token_urlsafe(48)),
            encryption_keys=_encryption_keys(given.get("KAYSE_ENCRYPTION_KEYS"), data_dir / "encryption_keys"),
            workers=_whole("KAYSE_WORKERS", given.get("KAYSE_WORKERS", "3"), 1, 64),
            retry_waits=_waits(given.get("KAYSE_RETRY_WAITS")),
            allow_http=_flag("KAYSE_ALLOW_HTTP", given.get("KAYSE_ALLOW_HTTP", "0")),
            allowed_networks=_networks(given.get("KAYSE_ALLOWED_NETWORKS", "")),
            request_timeout=_number("KAYSE_REQUEST_TIMEOUT", given.get("KAYSE_REQUEST_TIMEOUT", "15"), 0.1, 120),
            base_url=_base_url(given.get("KAYSE_BASE_URL"), host, port),
            trusted_proxies=_whole("KAYSE_TRUSTED_PROXIES", given.get("KAYSE_TRUSTED_PROXIES", "0"), 0, 9),
            admin_email=admin_email,
            admin_password=admin_password,
        )


def embedded_socket(data_dir: Path) -> Path:
    """Where the embedded Redis server listens for the installation in `data_dir`.

    Raises:
        ConfigError: the path would be too long, and the folder used in its stead belongs to somebody else.
    """
    wanted = data_dir / "valkey.sock"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_PATH:
        return wanted
    name = sha256(os.fsencode(data_dir)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"kayse-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(f"KAYSE_DATA_DIR: its path is too long for a socket, and {folder} is not private to this user.")
    return folder / "valkey.sock"


def _writable_folder(name: str, value: str) -> Path:
    try:
        folder = Path(value).expanduser().resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: no such home, or a circle of links
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{name}: the folder {value!r} cannot be written to ({reason}).") from error
    return folder


def _database_url(value: str | None, data_dir: Path) -> str:
    if value is None:
        return _sqlite_url(data_dir / "kayse.sqlite3")
    wrong = ConfigError("DATABASE_URL must look like postgresql://user:password@host:5432/name or sqlite:////folder/file.")
    try:
        url = sa.make_url(value)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise wrong from error
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.drivername != "sqlite" or url.host:
        raise wrong
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise ConfigError("DATABASE_URL must name a file when it starts with sqlite: the processes share it.")
    return _sqlite_url(Path(url.database).absolute())


def _sqlite_url(file: Path) -> str:
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def _redis_url(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parse_url(value)
    except ValueError as error:
        # Not the error's own words: they can quote a part of the password.
        raise ConfigError("REDIS_URL must look like redis://:password@host:6379/0, or rediss:// or unix:///file.sock.") from error
    return value


def _base_url(value: str | None, host: str, port: int) -> str:
    if value is None:
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{shown}:{port}"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or parts.path.strip("/") or parts.query or parts.fragment or re.search(r"\s", value):
        raise ConfigError("KAYSE_BASE_URL must be the address people open, such as https://hooks.example-firm.com")
    return f"{parts.scheme}://{parts.netloc}"


def _first_admin(env: Mapping[str, str]) -> tuple[str | None, str | None]:
    # A password is taken to the letter: a blank at its end belongs to it.
    email, password = env.get("KAYSE_ADMIN_EMAIL", "").strip(), env.get("KAYSE_ADMIN_PASSWORD", "")
    if bool(email) != bool(password):
        missing, other = ("KAYSE_ADMIN_PASSWORD", "KAYSE_ADMIN_EMAIL") if email else ("KAYSE_ADMIN_EMAIL", "KAYSE_ADMIN_PASSWORD")
        raise ConfigError(f"{missing} must be given where {other} is.")
    return email or None, password or None


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Read the secret in `path`; make it first, readable by its owner only, where there is none."""
    try:
        if not path.exists():
            _write_once(path, make())
        secret = path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'it is not a key'}).") from error
    if not secret:
        raise ConfigError(f"{path} is empty. Put the key back from your back-up, or delete the file to have a new one made.")
    return secret


def _write_once(path: Path, text: str) -> None:
    """Write a whole new file, unless another process was faster; nobody ever reads half of it."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with open(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def _encryption_keys(value: str | None, path: Path) -> tuple[str, ...]:
    # Imported here: `cryptography` takes longer to load than all the rest of this module.
    from cryptography.fernet import Fernet

    text = value or _kept_secret(path, lambda: Fernet.generate_key().decode())
    keys = tuple(key.strip() for key in re.split(r"[,\n]", text) if key.strip())
    try:
        for key in keys:
            Fernet(key)
        if not keys:
            raise ValueError
    except ValueError as error:
        where = "KAYSE_ENCRYPTION_KEYS" if value else path
        raise ConfigError(
            f"{where} must hold one or more Fernet keys (32 bytes, URL-safe base64), newest first, separated by commas."
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
            f"KAYSE_RETRY_WAITS must be 1 to 20 waits in seconds, separated by commas, such as 0,300,1800; not {value!r}."
        )
    return waits


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ConfigError(f"KAYSE_ALLOWED_NETWORKS must be networks such as 10.0.0.0/8, separated by commas: {error}.") from error

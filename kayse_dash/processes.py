"""Keep processes running: start them, start them again with patience, pass on what they print, stop them.

One thread and one loop. A signal puts a byte into a socket that the loop sleeps on (`signal.set_wakeup_fd`), so that none is
missed between looking and sleeping.
"""

from __future__ import annotations

import ctypes
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Self

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
HEALTHY_AFTER_S = 30.0
LOOP_DEATHS = 5
LOOP_WINDOW_S = 60.0

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# `make` hands a SIGTERM on that the whole process group got already; two so close together are one.
ONE_SIGNAL_S = 0.5
LONGEST_LINE = 8192

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill the calling process, just forked by the process `parent`, when that ends in whatever way.

    Does nothing where there is no Linux. Source: prctl(2), PR_SET_PDEATHSIG; a parent that ended before the call is not
    noticed by it, hence the second look.
    """
    if _libc:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


@dataclass
class Patience:
    """How long to wait before a process that ended is started again. Times are in seconds."""

    wait: float = 0.0
    looping: bool = False
    _deaths: deque[float] = field(default_factory=lambda: deque(maxlen=LOOP_DEATHS))

    def after_death(self, ran: float, now: float) -> float:
        """The wait after the death, at `now`, of a process that ran for `ran`."""
        if ran >= HEALTHY_AFTER_S:
            self.wait, self.looping = 0.0, False
            self._deaths.clear()
        self._deaths.append(now)
        if len(self._deaths) == LOOP_DEATHS and now - self._deaths[0] <= LOOP_WINDOW_S:
            self.looping = True
        self.wait = LONGEST_WAIT_S if self.looping else min(max(self.wait * 2, FIRST_WAIT_S), LONGEST_WAIT_S)
        return self.wait


@dataclass(eq=False)
class Child:
    """A process that is to be running.

    Args:
        name: what it is called in the log.
        command: the program and its arguments.
        env: its whole environment.
        folder: its working folder.
        pass_fds: file descriptors that it inherits.
        before_start: called before each start.
        leave_out: lines of its output that match are not passed on.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    pass_fds: Sequence[int] = ()
    before_start: Callable[[], object] = lambda: None
    leave_out: re.Pattern[str] | None = None
    patience: Patience = field(default_factory=Patience)
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = False
    started_at: float = 0.0  # monotonic, as `start_at`
    start_at: float | None = None
    _leash: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own: a terminal's Ctrl-C does not reach it, and its whole group can be killed.

        Raises:
            OSError, SubprocessError: the program cannot be started.
        """
        self.wanted, self.start_at, self.started_at = True, None, time.monotonic()
        self.before_start()
        self.process = subprocess.Popen(
            self.command,
            bufsize=0,
            env=self.env,
            cwd=self.folder,
            pass_fds=self.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
        if not _libc:
            # A shell that waits for the end of a pipe which this process alone holds open.
            script = f"read never; kill -KILL -{self.process.pid}"
            self._leash = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True)

    def ask_to_stop(self) -> None:
        self.wanted, self.start_at = False, None
        if self.process:
            self.process.terminate()

    def kill(self) -> None:
        """Kill it with everything in its group."""
        if self.process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def reap(self) -> str | None:
        """How it ended, in words, when it has ended since the last call; what it left running is killed."""
        if self.process is None or self.process.poll() is None:
            return None
        self.kill()
        code, self.process = self.process.returncode, None
        if self._leash:
            self._leash.kill()
            self._leash.communicate()
            self._leash = None
        return f"exit status {code}" if code >= 0 else f"killed by signal {-code}"


class Watch:
    """The loop over all children. As a context it takes the signals; leaving it kills what still runs.

    Args:
        say: called with the name of a process and a line worth reading.
    """

    def __init__(self, say: Callable[[str, str], object]) -> None:
        self.say = say
        self.children: list[Child] = []
        self.stops_asked = 0
        self._last_asked = -ONE_SIGNAL_S
        self._selector = selectors.DefaultSelector()
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._ends = socket.socketpair()
        for end in self._ends:
            end.setblocking(False)
        wake, far_end = self._ends
        self._selector.register(wake, selectors.EVENT_READ, lambda: wake.recv(4096))
        for number in STOP_SIGNALS:
            # nohup(1) has SIGHUP ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._stop_asked)
        self._handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(far_end.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(self.children, 0)
        signal.set_wakeup_fd(-1)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._selector.close()
        for end in self._ends:
            end.close()

    def _stop_asked(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._last_asked >= ONE_SIGNAL_S:
            self.stops_asked += 1
        self._last_asked = now

    def add(self, child: Child) -> None:
        """Start `child` and keep it running from here on."""
        self.children.append(child)
        self._start(child)

    def run(self) -> None:
        """Watch until a signal asks to stop."""
        while not self.stops_asked:
            self.turn(None)

    def wait(self, done: Callable[[], object], seconds: float) -> bool:
        """Watch until `done()`; False when `seconds` are over or a signal asks to stop."""
        until = time.monotonic() + seconds
        while not done():
            if self.stops_asked or time.monotonic() >= until:
                return False
            self.turn(0.02)
        return True

    def stop(self, children: Sequence[Child], seconds: float) -> None:
        """Ask `children` to stop; kill those that still run after `seconds`, or when one more signal hurries."""
        asked, until = self.stops_asked, time.monotonic() + seconds
        for child in children:
            child.ask_to_stop()
        while any(child.process for child in children):
            left = until - time.monotonic()
            if left <= 0 or self.stops_asked > asked:
                break
            self.turn(left)
        for child in children:
            if child.process:
                self.say(child.name, "did not stop in time and was killed")
                child.kill()
                with suppress(subprocess.TimeoutExpired):
                    child.process.wait(1)
        for _ in ("their last lines", "the end of their output"):
            self.turn(0)

    def turn(self, seconds: float | None) -> None:
        """One turn of the loop: sleep until something happens, at most `seconds`, and see to it."""
        now = time.monotonic()
        waits = [child.start_at - now for child in self.children if child.start_at is not None]
        if seconds is not None:
            waits.append(seconds)
        for key, _ in self._selector.select(max(min(waits), 0) if waits else None):
            key.data()
        for child in self.children:
            if (how := child.reap()) and child.wanted:
                self._ended(child, how)
            if child.start_at is not None and child.start_at <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except (OSError, subprocess.SubprocessError) as error:
            self._ended(child, str(error))
        else:
            pipe = child.process.stdout
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, partial(self._read, child, pipe, bytearray()))

    def _ended(self, child: Child, how: str) -> None:
        now, told = time.monotonic(), child.patience.looping
        wait = child.patience.after_death(now - child.started_at, now)
        child.start_at = now + wait
        if not child.patience.looping:
            self.say(child.name, f"ended ({how}); starting it again")
        elif not told:
            self.say(child.name, f"ended {LOOP_DEATHS} times in a row ({how}); trying again every {wait:g} s")

    def _read(self, child: Child, pipe: IO[bytes], rest: bytearray) -> None:
        chunk = pipe.read(65536)
        if chunk is None:
            return
        rest += chunk
        *lines, last = rest.split(b"\n")
        if not chunk or len(last) > LONGEST_LINE:
            lines.append(last)
            last = b""
        rest[:] = last
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text and not (child.leave_out and child.leave_out.search(text)):
                self.say(child.name, text)
        if not chunk:
            self._selector.unregister(pipe)
            pipe.close()

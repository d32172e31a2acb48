"""Children of the supervisor: their output, their restarts, their end."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kayse_dash import processes
from kayse_dash.processes import Child, Patience, Watch


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def watch(said: list[tuple[str, str]]) -> Iterator[Watch]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may have it ignored
    with Watch(lambda name, line: said.append((name, line))) as watch:
        yield watch
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Child]:
    """`shell("exit 3")` gives a child that runs these commands."""
    return lambda script, **over: Child("child", ["/bin/sh", "-c", script], env=dict(os.environ), folder=tmp_path, **over)


ANNOUNCE = "echo $! > draft && mv draft below"


def announced(watch: Watch, folder: Path) -> int:
    """The process id that a child's script announced."""
    assert watch.wait((folder / "below").exists, 5)
    return int((folder / "below").read_text())


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_waits_double_up_to_ten_seconds() -> None:
    patience = Patience()
    waits = [patience.after_death(ran=1, now=100 * n) for n in range(8)]
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])
    assert not patience.looping


def test_five_deaths_within_a_minute_are_a_loop_until_it_stays_up() -> None:
    patience = Patience()
    assert [patience.after_death(ran=1, now=n) for n in range(4)] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert (patience.after_death(ran=1, now=59), patience.looping) == (10, True)
    assert (patience.after_death(ran=20, now=200), patience.looping) == (10, True)
    assert (patience.after_death(ran=31, now=300), patience.looping) == (0.2, False)


def test_what_a_child_prints_is_passed_on_line_by_line(watch: Watch, said, shell) -> None:
    script = r"echo one; echo noise >&2; printf 'tw'; sleep 0.1; printf 'o\n\n'; printf '\377 three'; exec sleep 60"
    watch.add(shell(script, leave_out=re.compile("noise")))
    assert watch.wait(lambda: len(said) >= 2, 5)
    watch.wait(lambda: False, 0.5)  # what has no end of line yet cannot be seen; it is there by then
    watch.stop(watch.children, 5)
    assert said == [("child", "one"), ("child", "two"), ("child", "� three")]


def test_a_line_without_an_end_is_passed_on_in_pieces(watch: Watch, said, shell) -> None:
    watch.add(shell("head -c 100000 /dev/zero | tr '\\0' x; exec sleep 60"))
    assert watch.wait(lambda: sum(len(line) for _, line in said) >= 90_000, 5)


def test_a_child_that_ends_is_started_again_and_says_so(watch: Watch, said, shell, tmp_path: Path) -> None:
    starts = []
    script = f"[ -e {tmp_path}/once ] && exec sleep 60; touch {tmp_path}/once; exit 3"
    watch.add(shell(script, before_start=lambda: starts.append(1)))
    assert watch.wait(lambda: len(starts) == 2, 5)
    assert ("child", "ended (exit status 3); starting it again") in said
    child = watch.children[0]
    os.kill(child.process.pid, signal.SIGKILL)
    assert watch.wait(lambda: len(starts) == 3, 5)
    assert ("child", "ended (killed by signal 9); starting it again") in said


def test_a_child_that_keeps_ending_is_told_once_and_tried_less_often(watch: Watch, said, shell, monkeypatch) -> None:
    monkeypatch.setattr(processes, "FIRST_WAIT_S", 0.01)
    watch.add(shell("exit 1"))
    assert watch.wait(lambda: watch.children[0].patience.looping, 5)
    assert said[4:] == [("child", "ended 5 times in a row (exit status 1); trying again every 10 s")]
    assert watch.children[0].start_at == pytest.approx(time.monotonic() + 10, abs=1)


def test_a_program_that_does_not_exist_is_tried_again(watch: Watch, said, tmp_path: Path) -> None:
    watch.add(Child("child", ["/nowhere/program"], env={}, folder=tmp_path))
    assert watch.wait(lambda: len(said) == 2, 5)
    assert "No such file" in said[0][1]


def test_a_child_that_does_not_stop_is_killed_with_all_it_started(watch: Watch, said, shell, tmp_path: Path) -> None:
    watch.add(shell(f"trap '' TERM; sleep 60 & {ANNOUNCE}; while :; do sleep 1; done"))
    below, child = announced(watch, tmp_path), watch.children[0].process.pid
    watch.stop(watch.children, 0.3)
    assert said == [("child", "did not stop in time and was killed")]
    assert not alive(child)
    assert watch.wait(lambda: not alive(below), 2)


def test_what_a_dead_child_started_does_not_outlive_it(watch: Watch, shell, tmp_path: Path) -> None:
    watch.add(shell(f"sleep 60 & {ANNOUNCE}; wait"))
    below = announced(watch, tmp_path)
    os.kill(watch.children[0].process.pid, signal.SIGKILL)
    assert watch.wait(lambda: not alive(below), 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_loop_and_does_not_reach_the_children(watch: Watch, shell, number: int) -> None:
    watch.add(shell("exec sleep 60"))
    child = watch.children[0].process.pid
    os.kill(os.getpid(), number)
    watch.run()
    assert alive(child)
    assert os.getsid(child) == child
    watch.stop(watch.children, 5)
    assert not alive(child)


def test_one_more_signal_while_it_stops_hurries_but_an_echo_of_the_first_does_not(watch: Watch, said, shell) -> None:
    watch.add(shell("trap '' TERM; echo ready; while :; do sleep 1; done"))
    assert watch.wait(lambda: said, 5)
    pid, me = watch.children[0].process.pid, os.getpid()
    hurry = shell(f"sleep 0.8; kill -INT {me}; exec sleep 60")
    os.kill(me, signal.SIGTERM)
    os.kill(me, signal.SIGINT)
    assert watch.stops_asked == 1
    watch.add(hurry)
    started = time.monotonic()
    watch.stop([watch.children[0]], 20)
    assert 0.5 < time.monotonic() - started < 10
    assert not alive(pid)


def test_where_the_kernel_cannot_a_shell_kills_the_children_of_a_dead_parent(tmp_path: Path) -> None:
    """The way of systems other than Linux, which works on Linux too."""
    script = f"""
import os, pathlib
from kayse_dash import processes
processes._libc = None
child = processes.Child("child", ["sleep", "60"], env=dict(os.environ), folder=pathlib.Path("/"))
child.start()
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.process.pid))
os.kill(os.getpid(), 9)
"""
    os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", script)
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 5
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)

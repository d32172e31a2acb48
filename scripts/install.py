"""Make the virtual environment .venv and install requirement files into it, unless exactly that was done before.

Usage: python scripts/install.py requirements.txt …     (the standard library is all it needs)
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENT = PROJECT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
# Lies there from the first change to the last: where it was left behind, an installation was interrupted.
UNFINISHED = ENVIRONMENT / "unfinished"


def main(files: list[str]) -> int:
    # Of two `make`s at once the second one waits and finds everything done. pip inherits the lock: it may outlive this script.
    lock = os.open(PROJECT, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    usable = not UNFINISHED.exists() and PYTHON.exists() and _succeeds(PYTHON, "-c", "import pip")
    if usable and all(_stamp(file).exists() and _stamp(file).read_bytes() == (PROJECT / file).read_bytes() for file in files):
        return 0
    print(f"Installing {' and '.join(files)} into .venv (about a minute the first time)", flush=True)
    if not usable:
        venv.create(ENVIRONMENT, clear=True, symlinks=True)
        UNFINISHED.touch()
        if not _succeeds(PYTHON, "-m", "ensurepip", "--default-pip"):
            return _fail("Python's own installer is missing. On Debian and Ubuntu: apt install python3-venv")
    UNFINISHED.touch()
    wanted = [part for file in files for part in ("-r", str(PROJECT / file))]
    pip = subprocess.run([PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted], pass_fds=[lock])
    if pip.returncode < 0:
        return _fail("The installation was interrupted. Run make again.")
    UNFINISHED.unlink()  # pip leaves what it could not install as it was
    if pip.returncode:
        return _fail("The installation failed; the reason is above. Run make again to try once more.")
    for file in files:
        _stamp(file).write_bytes((PROJECT / file).read_bytes())
    return 0


def _stamp(file: str) -> Path:
    """A copy of what was installed last."""
    return ENVIRONMENT / f"installed-{file}"


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(_fail(f"The virtual environment .venv cannot be made: {error}"))

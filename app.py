"""The web door (`gunicorn app:app`), and the whole product in one when run (`python app.py`)."""

import os
import signal
import sys

if __name__ == "__main__":
    # Ctrl-C while the rest loads: nothing runs yet, and a traceback would only frighten.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))

    from kayse_dash.supervisor import main

    sys.exit(main())

from kayse_dash import create_app
from kayse_dash.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Kayse Dash cannot start: {error}")

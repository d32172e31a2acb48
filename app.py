"""The web door (`gunicorn app:app`), and the whole product in one when run (`python app.py`)."""

import sys

if __name__ == "__main__":
    from kayse_dash.supervisor import main

    sys.exit(main())

from kayse_dash import create_app

app = create_app()

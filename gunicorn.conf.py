"""How gunicorn serves Kayse Dash, under `python app.py` and when started by hand (`gunicorn app:app`)."""

import os

from kayse_dash import LARGEST_BODY
from kayse_dash.processes import die_with_parent

_host = os.environ.get("HOST") or "127.0.0.1"
_port = os.environ.get("PORT") or "8000"
bind = f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"

worker_class = "gthread"
workers = 2
threads = 8
preload_app = True
keepalive = 15
graceful_timeout = 5
loglevel = "warning"
control_socket_disable = True
if os.access("/dev/shm", os.W_OK):
    # The heartbeat is a file; on a busy disk it would stall.
    worker_tmp_dir = "/dev/shm"


def post_fork(server, worker):
    die_with_parent(worker.ppid)


def pre_request(worker, req):
    # A larger body is answered without being read. Nothing can follow it on its connection, and the answer is to say so.
    if any(name == "CONTENT-LENGTH" and int(value) > LARGEST_BODY for name, value in req.headers):
        req.force_close()

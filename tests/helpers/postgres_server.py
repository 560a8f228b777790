"""A PostgreSQL server of its own for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.local_airflow import free_port
from scripts.processes import Processes

# Where Debian puts the programs; elsewhere they are on the path.
PATH = os.pathsep.join([*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))), os.environ["PATH"]])
INITDB, SERVER, READY = (shutil.which(name, path=PATH) for name in ("initdb", "postgres", "pg_isready"))
IS_THERE = all((INITDB, SERVER, READY))


@contextmanager
def running_postgres(processes: Processes) -> Iterator[str]:
    """Start a server; yields the URL of its database, as SQLAlchemy takes it."""
    # It refuses to be run by root.
    as_user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    )
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="walmart-postgres-") as folder:
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        initdb = [*as_user, INITDB, "--auth=trust", "--username=airflow", "--no-sync", "-D", data]
        subprocess.run(initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        # What happens to the data when the machine fails is no concern of a test.
        options = ["-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
        processes.start("postgres", [*as_user, SERVER, "-D", data, *options])
        probe = [READY, "--quiet", "-h", "127.0.0.1", "-p", str(port)]
        processes.wait_until(lambda: subprocess.run(probe).returncode == 0, what="PostgreSQL")
        yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"

"""The version matrix: every supported Python with every supported Airflow line, by ``make matrix``.

One cell alone: ``.venv/bin/python -m nox --session "tests-3.12(airflow='3.2')"``; what follows ``--`` is for pytest.
"""

from __future__ import annotations

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
AIRFLOWS = ("3.1", "3.2", "3.3")
# The tests with a real Airflow take minutes, so only the oldest and the newest of both run them.
ENDS = {(PYTHONS[0], AIRFLOWS[0]), (PYTHONS[-1], AIRFLOWS[-1])}

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True


@nox.session(python=PYTHONS)
@nox.parametrize("airflow", AIRFLOWS)
def tests(session: nox.Session, airflow: str) -> None:
    """Unit and integration tests, and those with a real Airflow at both ends."""
    session.install(
        "--constraint",
        f"constraints/airflow-{airflow}.txt",
        "--group",
        "test",
        "--editable",
        ".[parquet,redis,s3]",
    )
    session.run(
        "python",
        "-m",
        "pytest",
        "-n",
        "auto",
        "--maxprocesses",
        "8",
        "tests/unit",
        "tests/integration",
        *session.posargs,
        env={"WALMART_NEW_EXAMPLES": "1"},
    )
    if (session.python, airflow) in ENDS:
        session.run("python", "-m", "pytest", "tests/system", *session.posargs)

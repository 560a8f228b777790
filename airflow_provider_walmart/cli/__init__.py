"""The command line: ``airflow walmart ...`` (Airflow 3.2 and later) and ``walmart ...`` (everywhere).

Both are the same commands. Each is one small module in `commands`, found by being there::

    # commands/feeds_show.py
    COMMAND = Command(
        "feeds show",                                # its words, a group first or none
        "show one feed",
        run,                                         # run(args, output) -> exit code, None for 0
        arguments=(argument("feed_id", help="id of the feed, with its @"), CONN_ID, OUTPUT),
        examples=("walmart feeds show 3F1C0A6C@AQMBAQA",),
    )

``run`` asks for a hook with `account.marketplace(args.conn_id)`, shows what it found with `output`, and lets errors of the
client pass: `main.perform` says them in one sentence and turns them into an exit code. A new group is a line in `GROUPS`.

Airflow imports these modules at every ``airflow ...``, so what is heavy (``requests``, ``rich``, Airflow itself) is
imported in ``run`` alone.
"""

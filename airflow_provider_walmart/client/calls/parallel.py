"""Reading what is independent side by side, and giving it in order."""

from __future__ import annotations

import contextlib
import contextvars
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any, Generic, TypeVar

from airflow_provider_walmart.client.catalogue.operations import Operation, limits_of
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.http import CONNECTIONS

Job = TypeVar("Job")
Result = TypeVar("Result")

# How many jobs may be started and not yet given to the caller, for each that runs. One that is further ahead waits.
LOOKAHEAD = 2
# Calls that are to wait for their turn in a rate budget longer than this gain nothing. Seconds.
LONGEST_QUEUE = 30.0


@dataclass(frozen=True)
class Split(Generic[Job]):
    """What a job returns when others are to be run in its place.

    :param jobs: they, in their order.
    """

    jobs: list[Job]


def check_concurrency(value: Any) -> int:
    """Return how many calls may be on their way at the same time.

    :raises WalmartConfigError: when it is no whole number from 1 to 64.
    """
    number = int(value) if str(value).isascii() and str(value).isdigit() else 0
    if isinstance(value, bool) or not 1 <= number <= CONNECTIONS:
        raise WalmartConfigError(
            f"concurrency is {str(value)[:40]!r}; expected a whole number from 1 to {CONNECTIONS}."
        )
    return number


def workers_for(operation: Operation, params: Mapping[str, Any], concurrency: int) -> int:
    """Return how many calls of an operation are worth having on their way at the same time.

    :param operation: what is called.
    :param params: its parameters, by which its published limit may differ.
    :param concurrency: most of them.
    """
    rates = (limit.count / limit.per_seconds for limit in limits_of(operation, params))
    return min(concurrency, max(1, int(min(rates, default=1.0) * LONGEST_QUEUE)))


def in_order(
    jobs: Iterable[Job], run: Callable[[Job, Event], Result | Split[Job]], workers: int
) -> Generator[Result, None, None]:
    """Yield what jobs return, in the order of the jobs, while others of them run.

    :param jobs: taken as they are needed: for each worker, no more than two are started and not yet given to the caller.
    :param run: called in a thread with a job, and with an event that is set when nothing more is wanted. May return a
        `Split`: then those jobs take the place of this one.
    :param workers: how many jobs run at the same time.
    :raises Exception: the first error of a job, or the one that is thrown into it. By then no other job runs any more.
    """
    source, entries = iter(jobs), deque[_Entry[Job, Result]]()
    failed = Event()

    def run_unless_failed(job: Job, stop: Event) -> Result | Split[Job]:
        # A thread whose token was refused would ask for another one with its next job.
        if failed.is_set():
            raise _NotRunError
        try:
            return run(job, stop)
        except Exception:
            failed.set()
            raise

    with _threads(workers) as (pool, stop):
        while True:
            entries = _with_parts(entries)
            entries.extend(_Entry(job) for job in islice(source, max(0, workers * LOOKAHEAD - len(entries))))
            if not entries:
                return
            for entry in islice(entries, workers * LOOKAHEAD):
                entry.start(pool, run_unless_failed, stop)
            if not entries[0].is_done():
                wait(
                    [entry.future for entry in entries if entry.future and not entry.is_done()],
                    return_when=FIRST_COMPLETED,
                )
            elif not isinstance(result := entries[0].result(), Split):
                entries.popleft()
                yield result


@contextlib.contextmanager
def _threads(workers: int) -> Iterator[tuple[ThreadPoolExecutor, Event]]:
    """Yield threads, and an event that is set when they are to end: after an error none of them runs any more."""
    pool, stop = ThreadPoolExecutor(workers, thread_name_prefix="walmart-read"), Event()
    try:
        yield pool, stop
    except Exception:
        stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        # Whoever ends this in another way, such as a time-out of the task, need not wait for a slow server.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


class _NotRunError(Exception):
    """A job was not begun, because another one had failed."""


@dataclass
class _Entry(Generic[Job, Result]):
    """A job, and what runs for it."""

    job: Job
    future: Future[Result | Split[Job]] | None = None

    def start(
        self, pool: ThreadPoolExecutor, run: Callable[[Job, Event], Result | Split[Job]], stop: Event
    ) -> None:
        """Have the job run, if it doesn't yet."""
        if self.future is None:
            # What logs and masks secrets of the task does so in its threads, too.
            context = contextvars.copy_context()
            self.future = pool.submit(lambda: context.run(run, self.job, stop))

    def is_done(self) -> bool:
        """Return whether the job is done; one that did not run waits for the error of the one that failed."""
        return (
            self.future is not None
            and self.future.done()
            and not isinstance(self.future.exception(), _NotRunError)
        )

    def result(self) -> Result | Split[Job]:
        """Return what the job returned, or raise its error."""
        assert self.future is not None  # noqa: S101 - only what is done is asked for
        return self.future.result()


def _with_parts(entries: deque[_Entry[Job, Result]]) -> deque[_Entry[Job, Result]]:
    """Return the entries, with the parts of those that were split in their places.

    :raises Exception: the first error of a job.
    """
    found: deque[_Entry[Job, Result]] = deque()
    for entry in entries:
        result = entry.result() if entry.is_done() else None
        if isinstance(result, Split):
            found.extend(_Entry(job) for job in result.jobs)
        else:
            found.append(entry)
    return found

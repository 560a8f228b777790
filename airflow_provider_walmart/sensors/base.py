"""What all sensors have in common: waiting in the worker or in the triggerer, through transient errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from inspect import unwrap
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConnectionError,
    WalmartError,
    WalmartRateLimitError,
    WalmartServerError,
    WalmartTimeoutError,
)
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.task import rescheduled_polls
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.hooks import OfAccount
from airflow_provider_walmart.task.poll_failures import PollFailures
from airflow_provider_walmart.task.time_limit import TimeLimit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.triggers.base import BaseTrigger


class WalmartSensor(OfAccount, BaseSensorOperator):
    """Base of the sensors.

    A poll that fails on the network or with a 5xx is a transient error: the sensor keeps waiting, until the tenth in a row,
    whatever its mode. A 429 is none: it says when to come back. When keys that worked are refused, the connection is read
    again, each minute for an hour.

    :param deferrable: wait in the triggerer; default: ``[operators] default_deferrable``.
    """

    operator_extra_links: Collection[BaseOperatorLink] = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self._failures = PollFailures()
        self._logged = ""

    def poll(self, context: Context) -> Any:
        """Return what was waited for; None when it isn't there yet."""
        raise NotImplementedError

    def make_trigger(self, waiting: dict[str, Any]) -> BaseTrigger:
        """Return the trigger that waits in our place.

        :param waiting: the arguments that all of them take.
        """
        raise NotImplementedError

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> Any:
        """Return what was waited for, as the trigger saw it.

        :param waited: for how long, in seconds.
        """
        raise NotImplementedError

    def log_progress(self, text: str) -> None:
        """Log how far it is, once."""
        if text != self._logged:
            self._logged = text
            self.log.info("Waiting: %s", text)

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or poll once and wait in the triggerer."""
        if not self.deferrable:
            return unwrap(BaseSensorOperator.execute)(self, context)
        began = time.time()
        # What is there already needs no trip to the triggerer.
        with self._skipped_as_wanted():
            done = self._not_silenced(lambda: self.poke(context), False)
        if isinstance(done, PokeReturnValue):
            return done.xcom_value
        self._defer(
            TimeLimit.of(
                timedelta(seconds=self.timeout), self.execution_timeout, began=began, since=time.time()
            )
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return what the trigger saw, or fail by it."""
        limit = TimeLimit.from_event(event)

        def conclude() -> Any:
            with fail_without_retry(), limit.enforced():
                return self.conclude(context, event, limit.seconds)

        with self._skipped_as_wanted():
            found = self._not_silenced(conclude, None)
        if found is None:
            self._defer(limit)
        return found

    def _defer(self, limit: TimeLimit) -> NoReturn:
        self.defer(
            trigger=self.make_trigger(
                {
                    "since": limit.since,
                    "deadline": limit.deadline,
                    "poll_interval": self.poke_interval or None,
                    "exponential_backoff": self.exponential_backoff,
                    "max_wait": self.max_wait.total_seconds() if self.max_wait else None,
                    "resume": {"limit": limit.as_dict()},
                }
            ),
            method_name="execute_complete",
            timeout=limit.of_deferral,
        )

    def _not_silenced(self, attempt: Callable[[], Any], unknown: Any) -> Any:
        """Return what an attempt returns, or ``unknown`` where ``silent_fail`` is for its error."""
        try:
            return attempt()
        except (AirflowFailException, AirflowSkipException, AirflowSensorTimeout, WalmartTimeoutError):
            raise
        except Exception:
            if not self.silent_fail:
                raise
            self.log.exception("The poll failed; waiting goes on, since silent_fail is set")
            return unknown

    @contextmanager
    def _skipped_as_wanted(self) -> Iterator[None]:
        """Do with errors what Airflow's own loop does with those of a sensor that isn't deferred.

        :raises AirflowSkipException: where ``soft_fail`` or ``never_fail`` is for the error.
        :raises AirflowSensorTimeout: when the time-out has passed.
        """
        try:
            yield
        except AirflowSkipException:
            raise
        except (Exception, AirflowTaskTimeout) as error:
            is_timeout = isinstance(error, (AirflowSensorTimeout, AirflowTaskTimeout, WalmartTimeoutError))
            if self.never_fail or (
                self.soft_fail and (is_timeout or isinstance(error, AirflowFailException))
            ):
                option = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipping due to {option}: {error}") from error
            if isinstance(error, WalmartTimeoutError):
                raise AirflowSensorTimeout(str(error)) from error
            raise

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll once."""
        if self._failures.pause() > 0:
            return False
        with fail_without_retry():
            try:
                found = self.poll(context)
            except (
                WalmartAuthError,
                WalmartConnectionError,
                WalmartServerError,
                WalmartRateLimitError,
            ) as error:
                if not self._may_go_on(context, error):
                    raise
                self.log.warning(self._failures.text(error))
                return False
            self._failures.reset()
            return False if found is None else PokeReturnValue(is_done=True, xcom_value=found)

    def _may_go_on(self, context: Context, error: WalmartError) -> bool:
        if self.reschedule and not isinstance(error, WalmartRateLimitError):
            # A rescheduled poll is a process of its own, which remembers nothing.
            return rescheduled_polls.may_go_on(self._failures, error, context)
        return self._failures.may_go_on(error)

"""What all sensors have in common: waiting in the worker or in the triggerer, and patience with bad weather."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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
    WalmartConnectionError,
    WalmartRateLimitError,
    WalmartServerError,
    WalmartTimeoutError,
)
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.failed_polls import failed_in_a_row
from airflow_provider_walmart.task.waiting import MAX_FAILED_LOOKS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context
    from airflow.triggers.base import BaseTrigger


class WalmartSensor(BaseSensorOperator):
    """Base of the sensors.

    A poll that fails on the network or with a 5xx is weather: the sensor keeps waiting, up to ten in a row, whatever
    its mode. A 429 always is, and starts the count anew.

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
        self._failed_polls = 0

    def look(self, context: Context) -> Any:
        """Return what was waited for; None when it isn't there yet."""
        raise NotImplementedError

    def make_trigger(self, since: float, deadline: float) -> BaseTrigger:
        """Return the trigger that waits in our place.

        :param since: when waiting began, seconds since 1970 UTC.
        :param deadline: when to give up, likewise.
        """
        raise NotImplementedError

    def conclude(self, context: Context, event: dict[str, Any], waited: float) -> Any:
        """Return what was waited for, as the trigger saw it.

        :param waited: for how long, in seconds.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or look once and wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        # What is there already needs no trip to the triggerer.
        with self._skipped_as_wanted():
            done = self.poke(context)
        if isinstance(done, PokeReturnValue):
            return done.xcom_value
        since = time.time()
        self.defer(
            # Airflow's own time-out of the sensor speaks first, since it knows of soft_fail.
            trigger=self.make_trigger(since, since + self.timeout + 600),
            method_name="execute_complete",
            kwargs={"since": since},
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: dict[str, Any], since: float) -> Any:
        """Return what the trigger saw, or fail by it."""
        with self._skipped_as_wanted(), fail_without_retry():
            return self.conclude(context, event, time.time() - since)

    @contextmanager
    def _skipped_as_wanted(self) -> Iterator[None]:
        """Do with errors what Airflow's own loop does with those of a sensor that isn't deferred.

        :raises AirflowSkipException: where ``soft_fail`` or ``never_fail`` is for the error.
        """
        try:
            yield
        except AirflowSkipException:
            raise
        except (Exception, AirflowTaskTimeout) as error:
            is_failure = isinstance(
                error, (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout, WalmartTimeoutError)
            )
            if self.never_fail or (self.soft_fail and is_failure):
                option = "never_fail" if self.never_fail else "soft_fail"
                raise AirflowSkipException(f"Skipping due to {option}: {error}") from error
            raise

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        with fail_without_retry():
            try:
                found = self.look(context)
            except (WalmartConnectionError, WalmartServerError) as error:
                # A rescheduled poll is a process of its own, which remembers nothing.
                self._failed_polls = failed_in_a_row(context) if self.reschedule else self._failed_polls + 1
                if self._failed_polls >= MAX_FAILED_LOOKS:
                    raise
                self.log.warning("Poll %d in a row failed, still waiting: %s", self._failed_polls, error)
                return False
            except WalmartRateLimitError as error:
                self.log.warning("Throttled, still waiting: %s", error)
                found = None
            self._failed_polls = 0
            return False if found is None else PokeReturnValue(is_done=True, xcom_value=found)

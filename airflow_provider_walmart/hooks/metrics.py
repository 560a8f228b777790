"""What the clients do, as Airflow's metrics: to StatsD, Datadog or OpenTelemetry, as ``[metrics]`` says.

Each is counted by a name that says it all, since plain StatsD knows no tags, and under the name in front of it with tags.
"""

from __future__ import annotations

from functools import cache

from airflow.providers.common.compat.sdk import Stats, conf

SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


@cache
def is_on() -> bool:
    """Return whether Airflow's metrics go anywhere."""
    return any(conf.getboolean("metrics", name, fallback=False) for name in SWITCHES)


def count(name: str, amount: int = 1, **tags: str) -> None:
    """Add to ``walmart.<name>``, in all and by tags; nothing where metrics are off."""
    if amount and is_on():
        Stats.incr(".".join(("walmart", name, *tags.values())), amount)
        if tags:
            Stats.incr(f"walmart.{name}", amount, tags=tags)


class AirflowMetrics:
    """Counts what a client does."""

    def answered(self, group: str, status: int) -> None:
        """Count a request by group and status; status 0 is no answer."""
        count("requests", group=group, status=str(status))

    def throttled(self, seconds: float) -> None:
        """Count the time that rate limits cost, in milliseconds."""
        count("throttled_ms", round(seconds * 1000))


def observer() -> AirflowMetrics | None:
    """Return what counts for a client; None where metrics are off, so that they cost nothing."""
    return AirflowMetrics() if is_on() else None

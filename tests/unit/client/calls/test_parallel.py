"""Jobs that run side by side."""

from __future__ import annotations

from threading import Event

import pytest

from airflow_provider_walmart.client.calls.parallel import in_order


def test_no_job_begins_behind_one_that_failed():
    begun = []

    def run(job: int, stop: Event) -> int:
        begun.append(job)
        if job == 2:
            raise ValueError(job)
        return job

    found = in_order(range(1, 100), run, 1)
    assert next(found) == 1
    with pytest.raises(ValueError, match="2"):
        list(found)
    assert begun == [1, 2]

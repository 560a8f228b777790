"""The link from a task to its page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey


class WalmartPageLink(BaseOperatorLink):
    """Leads from a task to the page *Walmart* with what the task did."""

    name = "Walmart page"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the path of the page, below that of Airflow's base URL: a worker may know the API server by another name."""
        base = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        parts = (ti_key.dag_id, ti_key.run_id, ti_key.task_id, str(ti_key.map_index))
        return f"{base}/walmart/task/{'/'.join(quote(part, safe='') for part in parts)}"

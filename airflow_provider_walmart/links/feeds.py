"""Links of feed tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

# Walmart documents no address of a single feed; the dashboard finds it by the id.
SELLER_CENTER = "https://seller.walmart.com/activity-feed"


class WalmartFeedLink(BaseOperatorLink):
    """Leads from a task to its feed in Seller Center."""

    name = "Feed in Seller Center"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty before there is a feed."""
        feed_ids = XCom.get_value(key="feed_ids", ti_key=ti_key)
        if not feed_ids:
            return ""
        return f"{SELLER_CENTER}?feedId={quote(str(feed_ids[0]), safe='')}"

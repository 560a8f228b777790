"""Links of feed tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey

# Walmart documents no address of a single feed; the dashboard finds it by the id.
SELLER_CENTER = "https://seller.walmart.com/activity-feed"
# Where a browser shows a file of an object store, by scheme: bucket and key are put in.
CONSOLES = {
    "s3": "https://s3.console.aws.amazon.com/s3/object/{bucket}?prefix={key}",
    "gs": "https://console.cloud.google.com/storage/browser/_details/{bucket}/{key}",
}


class WalmartFeedLink(BaseOperatorLink):
    """Leads from a task to its feed in Seller Center; of several, to the one with most failed items.

    Only to feeds of production: Seller Center shows none of a sandbox. The worker makes links, with the account that it has
    just used; the API server reads what was made.
    """

    name = "Feed in Seller Center"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty before there is a feed, and for one of a sandbox."""
        if feeds := _result(ti_key).get("feeds"):
            feed_id = max(feeds, key=lambda feed: feed["itemsFailed"])["feedId"]
        else:
            # Those of a task that still waits.
            feed_id = next(iter(XCom.get_value(key="feed_ids", ti_key=ti_key) or ()), None)
        if not feed_id or not operator.hook.client.settings.is_production:
            return ""
        return f"{SELLER_CENTER}?feedId={quote(feed_id, safe='')}"


class WalmartFailedItemsLink(BaseOperatorLink):
    """Leads from a task to the file with the items that did not make it."""

    name = "Failed items"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty when no item failed, or there is no file that a browser can open."""
        uri = _result(ti_key).get("itemErrorsUri")
        return _address(uri) if uri else ""


def _result(ti_key: TaskInstanceKey) -> dict[str, Any]:
    """Return what a task says of its feeds; nothing before it has judged them."""
    value = XCom.get_value(key="return_value", ti_key=ti_key)
    return value if isinstance(value, dict) else {}


def _address(uri: str) -> str:
    """Return where a browser finds a file; empty for paths, which it can't open from Airflow, and stores without such a page."""
    parts = urlsplit(uri)
    if parts.scheme not in CONSOLES:
        return ""
    # Before the @ stands a connection, which tells a browser nothing.
    bucket = parts.netloc.rpartition("@")[2]
    return CONSOLES[parts.scheme].format(bucket=bucket, key=quote(parts.path.lstrip("/")))

"""What Airflow shows of this provider: connection forms, configuration, extra links. Data only.

Airflow imports this module in every component, so it imports nothing of Airflow and no ``requests``.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_walmart import __version__
from airflow_provider_walmart.client.settings import (
    DEFAULT_SERVICE_NAME,
    DEFAULT_TIMEOUT,
    HOSTS,
    MARKETS,
    MAX_TIMEOUT,
)

# Airflow masks an extra field by its name (token, secret, password), whatever its format says.
WALMART_CONN_FIELDS: dict[str, dict[str, Any]] = {
    "environment": {
        "label": "Environment",
        "description": "Production and sandbox have key pairs of their own; keys of one are refused by the other.",
        "schema": {"type": ["string", "null"], "enum": list(HOSTS), "default": "production"},
    },
    "market": {
        "label": "Market",
        "description": "Where the business is done; sent as WM_MARKET.",
        "schema": {"type": ["string", "null"], "enum": list(MARKETS), "default": "us"},
    },
    "partner_id": {
        "label": "Partner ID",
        "description": "The seller's id, sent as WM_PARTNER.ID. Required with a refresh token.",
        "schema": {"type": ["string", "null"]},
    },
    "refresh_token": {
        "label": "Refresh token",
        "description": (
            "For delegated access (OAuth authorization code): when set, access tokens are fetched with it. "
            "Leave empty to use the seller's own keys."
        ),
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "channel_type": {
        "label": "Channel type",
        "description": "WM_CONSUMER.CHANNEL.TYPE received at onboarding; Canada requires it.",
        "schema": {"type": ["string", "null"]},
    },
    "service_name": {
        "label": "Service name",
        "description": f"Sent as WM_SVC.NAME; default: {DEFAULT_SERVICE_NAME}.",
        "schema": {"type": ["string", "null"]},
    },
    "sandbox_version": {
        "label": "Sandbox version",
        "description": "v2 selects Walmart's dynamic sandbox (US only), sent as WM_SANDBOX.",
        "schema": {"type": ["string", "null"], "enum": ["v2"]},
    },
    "timeout": {
        "label": "Timeout (seconds)",
        "description": f"How long to wait for each answer; default: {DEFAULT_TIMEOUT:g}.",
        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": int(MAX_TIMEOUT)},
    },
}

GOLOCAL_CONN_FIELDS: dict[str, dict[str, Any]] = {
    "environment": WALMART_CONN_FIELDS["environment"],
    "timeout": WALMART_CONN_FIELDS["timeout"],
    "fresh_token_per_request": {
        "label": "Fresh token per request",
        "description": (
            "Walmart recommends a new access token before each request. Off: a token is used as long as it is valid, by "
            "all tasks together."
        ),
        # Without a default: Airflow covers up that of a field with "token" in its name, and would store the stars.
        "schema": {"type": ["boolean", "null"]},
    },
}

WALMART_UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    # The port is of no use but for Airflow 3.3.1 and 3.3.2, which test no saved connection without one.
    "hidden-fields": ["schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret", "host": "Base URL", "port": "Port"},
    "placeholders": {
        "login": "from the API keys page of developer.walmart.com",
        "password": "from the API keys page of developer.walmart.com",
        "host": "leave empty for the base URL of the environment",
        "port": "443, to test the connection in Airflow 3.3",
    },
}


GOLOCAL_UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    **WALMART_UI_FIELD_BEHAVIOUR,
    "placeholders": {
        "login": "client consumer ID, a UUID of 36 characters",
        "password": "from your technical account manager at Walmart",
        "host": "leave empty for Walmart's own",
        "port": "443, to test the connection in Airflow 3.3",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the form of Airflow's ``provider.yaml``."""
    return {
        "package-name": "airflow-provider-walmart",
        "name": "Walmart Marketplace",
        "description": "Walmart Marketplace: tokens, feeds, and every documented operation.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Walmart Marketplace",
                "external-doc-url": "https://developer.walmart.com/us-marketplace/docs",
                "tags": ["service"],
            },
            {
                "integration-name": "Walmart GoLocal",
                "external-doc-url": "https://developer.walmart.com/golocal-clients/docs",
                "tags": ["service"],
            },
        ],
        "hooks": [
            {
                "integration-name": "Walmart Marketplace",
                "python-modules": ["airflow_provider_walmart.hooks.walmart"],
            },
            {
                "integration-name": "Walmart GoLocal",
                "python-modules": ["airflow_provider_walmart.hooks.golocal"],
            },
        ],
        "operators": [
            {
                "integration-name": "Walmart Marketplace",
                "python-modules": [
                    "airflow_provider_walmart.operators.api",
                    "airflow_provider_walmart.operators.deadlines",
                    "airflow_provider_walmart.operators.exports",
                    "airflow_provider_walmart.operators.feeds",
                    "airflow_provider_walmart.operators.orders",
                    "airflow_provider_walmart.operators.reports",
                    "airflow_provider_walmart.operators.settlements",
                ],
            },
            {
                "integration-name": "Walmart GoLocal",
                "python-modules": ["airflow_provider_walmart.operators.golocal"],
            },
        ],
        "sensors": [
            {
                "integration-name": "Walmart Marketplace",
                "python-modules": [
                    "airflow_provider_walmart.sensors.feeds",
                    "airflow_provider_walmart.sensors.reports",
                ],
            },
            {
                "integration-name": "Walmart GoLocal",
                "python-modules": ["airflow_provider_walmart.sensors.golocal"],
            },
        ],
        "triggers": [
            {
                "integration-name": "Walmart Marketplace",
                "python-modules": [
                    "airflow_provider_walmart.triggers.feed_events",
                    "airflow_provider_walmart.triggers.feeds",
                    "airflow_provider_walmart.triggers.order_events",
                    "airflow_provider_walmart.triggers.report_events",
                    "airflow_provider_walmart.triggers.reports",
                ],
            },
            {
                "integration-name": "Walmart GoLocal",
                "python-modules": ["airflow_provider_walmart.triggers.golocal"],
            },
        ],
        "extra-links": [
            "airflow_provider_walmart.links.feeds.WalmartFailedItemsLink",
            "airflow_provider_walmart.links.feeds.WalmartFeedLink",
            "airflow_provider_walmart.links.page.WalmartPageLink",
        ],
        "connection-types": [
            {
                "connection-type": "walmart",
                "hook-class-name": "airflow_provider_walmart.hooks.walmart.WalmartHook",
                "hook-name": "Walmart Marketplace",
                "conn-fields": WALMART_CONN_FIELDS,
                "ui-field-behaviour": WALMART_UI_FIELD_BEHAVIOUR,
            },
            {
                "connection-type": "walmart_golocal",
                "hook-class-name": "airflow_provider_walmart.hooks.golocal.WalmartGoLocalHook",
                "hook-name": "Walmart GoLocal",
                "conn-fields": GOLOCAL_CONN_FIELDS,
                "ui-field-behaviour": GOLOCAL_UI_FIELD_BEHAVIOUR,
            },
        ],
        "cli": ["airflow_provider_walmart.cli.airflow_commands.get_commands"],
        "config": {
            "walmart": {
                "description": "Where the tasks of a deployment keep what they share: access tokens and rate budgets.",
                "options": {
                    "shared_state": {
                        "description": (
                            "Where shared state lives: ``file`` (one host), ``redis`` (many hosts) or ``memory`` "
                            "(nothing is shared)."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "redis",
                        "default": "file",
                    },
                    "shared_state_dir": {
                        "description": "Folder for ``file``; empty: ``walmart_state`` under AIRFLOW_HOME.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/lib/airflow/walmart_state",
                        "default": "",
                    },
                    "shared_state_url": {
                        "description": "URL for ``redis``.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "sensitive": True,
                        "example": "redis://redis.internal:6379/0",
                        "default": "",
                    },
                },
            }
        },
    }

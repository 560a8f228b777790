"""Carriers that Walmart knows by name (United States); any other goes into ``other_carrier``."""

from __future__ import annotations

import difflib

from airflow_provider_walmart.client.values.rows import RowError, shown

CARRIERS = (
    "UPS",
    "USPS",
    "FedEx",
    "Airborne",
    "OnTrac",
    "DHL Ecommerce - US",
    "DHL",
    "LS",
    "UDS",
    "UPSMI",
    "FDX",
    "PILOT",
    "ESTES",
    "SAIA",
    "FDS Express",
    "Seko Worldwide",
    "HIT Delivery",
    "FEDEXSP",
    "RL Carriers",
    "Metropolitan Warehouse & Delivery",
    "China Post",
    "YunExpress",
    "Yellow Freight Sys",
    "AIT Worldwide Logistics",
    "Chukou1",
    "Sendle",
    "Landmark Global",
    "Sunyou",
    "Yanwen",
    "4PX",
    "GLS",
    "OSM Worldwide",
    "FIRST MILE",
    "AM Trucking",
    "CEVA",
    "India Post",
    "SF Express",
    "CNE",
    "TForce Freight",
    "AxleHire",
    "LSO",
    "Royal Mail",
    "ABF Freight System",
    "WanB",
    "Roadrunner Freight",
    "Meyer Distribution",
    "AAA Cooper",
    "Canada Post",
    "Southeastern Freight Lines",
    "Japan Post",
    "Correos de Mexico",
    "XPO Logistics",
    "JD Logistics",
    "YDH",
    "JCEX",
    "Flyt",
    "Deutsche Post",
    "Better Trucks",
    "Asendia",
    "SFC",
    "UBI",
    "ePost Global",
    "YF Logistics",
    "RXO",
    "Estes Express",
    "Shypmax",
    "WIN.IT America",
    "PITT OHIO",
    "PostNord Sweden",
    "Equick",
    "Whistl",
    "Tusou",
    "Shiprocket",
    "USPS First Class Mail",
    "DTDC",
    "PTS",
    "ShipGlobal",
    "Western Post",
)
_BY_NAME = {name.casefold(): name for name in CARRIERS}


def carrier_of(text: str) -> str:
    """Return a carrier as Walmart spells it.

    :raises RowError: when Walmart knows no such carrier, naming one that is alike.
    """
    if name := _BY_NAME.get(text.casefold()):
        return name
    close = difflib.get_close_matches(text.casefold(), _BY_NAME, n=1)
    hint = f"did you mean {_BY_NAME[close[0]]}? " if close else ""
    raise RowError(
        f"carrier is {shown(text)}, which Walmart doesn't know; {hint}Any other carrier goes into other_carrier, with a "
        "tracking_url"
    )

"""Claims and disputes: filed, reviewed as time goes by, paid out; and duplicates that are contested."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.datastructures import UploadFile

from airflow_provider_walmart.sandbox.core.dates import DAY, day, iso
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.marketplace import order_records
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.kept_records import of_kind

Json = dict[str, Any]

SERVICE = "CLAIMS_API"
KIND, DUPLICATES = "claims", "contested duplicates"
#: Status of a claim -> days after which it has it.
STATUSES = {"INITIATED": 0, "IN_REVIEW": 1, "APPROVED": 5, "PAYMENT_INITIATED": 6, "PAID_OUT": 8}


async def file_claim(draft: Draft) -> Any:
    """File a claim for a line of an order.

    :param draft: the answer to ``POST /v3/claims/shipment-protection/claim``.
    """
    call = draft.call
    is_form = "multipart/form-data" in call.request.headers.get("Content-Type", "")
    part = (await call.request.form()).get("payload") if is_form else None
    text = await part.read() if isinstance(part, UploadFile) else (part or "{}").encode()
    try:
        told: Json = msgspec.json.decode(text, type=Json)
    except msgspec.DecodeError:
        raise Refusal(
            400, f"INVALID_REQUEST_CONTENT.{SERVICE}", field="payload", description="no JSON"
        ) from None
    claims = of_kind(call.state, KIND)
    number = str(70_000_001 + len(claims))
    claims[number] = {
        "claimNumber": number,
        "filed": int(call.now * 1000),
        "purchaseOrderId": str(told.get("purchaseOrderNo", "")),
        "lineNumber": str(told.get("purchaseOrderLineNo", "1")),
        "returnOrderId": str(told.get("returnOrderId", "")),
        "claimType": str(told.get("claimType", "")),
        "notes": [],
    }
    return {"data": {"claimNumber": number, "message": "The claim has been filed."}}


def listing(draft: Draft) -> Any:
    """List the claims.

    :param draft: the answer to ``GET /v3/claims/shipment-protection``.
    """
    found = [_shown(draft, claim) for claim in of_kind(draft.call.state, KIND).values()]
    if not found:
        return draft.made()
    for name in ("claimNumber", "purchaseOrderId"):
        if wanted := draft.call.query(name):
            found = [claim for claim in found if claim[name] == wanted]
    if statuses := draft.call.query("claimStatuses"):
        found = [claim for claim in found if claim["status"] in statuses.split(",")]
    answer = draft.made(found)
    answer["data"]["totalElements"] = len(found)
    return answer


def one(draft: Draft) -> Any:
    """Return a claim.

    :param draft: the answer to ``GET /v3/claims/shipment-protection/claim/{claimNumber}``.
    """
    claim = of_kind(draft.call.state, KIND).get(draft.call.path["claimNumber"])
    if claim is None:
        return draft.made()
    shown = _shown(draft, claim)
    told = {**shown, "claimNumber": int(claim["claimNumber"]), "returnOrderId": claim["returnOrderId"]}
    told["paymentStatus"] = "PAID" if shown["status"] == "PAID_OUT" else "PENDING"
    return draft.over({"data": {"claimInfo": told}})


def add_to(draft: Draft) -> Any:
    """Add documents and notes to a claim.

    :param draft: the answer to ``PATCH /v3/claims/shipment-protection/claim/{claimNumber}``.
    """
    claim = of_kind(draft.call.state, KIND).get(draft.call.path["claimNumber"])
    if claim is not None:
        claim["notes"].append(int(draft.call.now * 1000))
    return draft.made()


def history(draft: Draft) -> Any:
    """Return what has become of a claim.

    :param draft: the answer to ``GET /v3/claims/shipment-protection/claim/{claimNumber}/history``.
    """
    claim = of_kind(draft.call.state, KIND).get(draft.call.path["claimNumber"])
    if claim is None:
        return draft.made()
    now = int(draft.call.now * 1000)
    moments = {status: claim["filed"] + days * DAY for status, days in STATUSES.items()}
    passed = [
        {"author": "WALMART", "timestamp": iso(moment), "status": status, "notes": "", "documents": []}
        for status, moment in moments.items()
        if moment <= now
    ]
    return {"data": {"currentClaimStatus": passed[-1]["status"], "history": passed}}


def contest(draft: Draft) -> Any:
    """Contest that items are duplicates.

    :param draft: the answer to ``POST /v3/items/dispute/duplicates/contest``.
    """
    for issue in draft.body["issues"] if draft.body else []:
        of_kind(draft.call.state, DUPLICATES)[str(issue.get("productId", ""))] = {
            "at": int(draft.call.now * 1000)
        }
    return draft.made()


def contested(draft: Draft) -> Any:
    """Tell what has become of contested duplicates: a day later they are resolved.

    :param draft: the answer to ``POST /v3/items/dispute/duplicates/status``.
    """
    known, now = of_kind(draft.call.state, DUPLICATES), int(draft.call.now * 1000)
    issues = draft.body["issues"] if draft.body else []
    if not any(str(issue.get("productId", "")) in known for issue in issues):
        return draft.made()
    return {
        "itemResponse": [
            {
                "productId": str(issue.get("productId", "")),
                "productIdType": str(issue.get("productIdType", "")),
                "status": _resolution(known.get(str(issue.get("productId", ""))), now),
                "lastUpdatedDate": day(now),
            }
            for issue in issues
        ]
    }


def _resolution(contested: Json | None, now: int) -> str:
    if contested is None:
        return "NOT_FOUND"
    return "RESOLVED" if now - contested["at"] >= DAY else "IN_REVIEW"


def _shown(draft: Draft, claim: Json) -> Json:
    now = int(draft.call.now * 1000)
    status = [name for name, days in STATUSES.items() if claim["filed"] + days * DAY <= now][-1]
    return {
        "claimNumber": claim["claimNumber"],
        "claimDate": day(claim["filed"]),
        "claimType": claim["claimType"],
        "purchaseOrderId": claim["purchaseOrderId"],
        "claimAmount": {"amount": _worth(draft, claim), "currency": "USD"},
        "status": status,
    }


def _worth(draft: Draft, claim: Json) -> float:
    """Return what the line cost that a claim is about."""
    state = draft.call.state
    order = order_records.record_of(state, claim["purchaseOrderId"])
    lines = order["orderLines"]["orderLine"] if order else []
    costs = {line["lineNumber"]: line["charges"]["charge"][0]["chargeAmount"]["amount"] for line in lines}
    return float(costs.get(claim["lineNumber"], 0))


_PATH, _DISPUTES = "/v3/claims/shipment-protection", "/v3/items/dispute/duplicates"
FILLS: dict[tuple[str, str], Fill] = {
    ("POST", f"{_PATH}/claim"): file_claim,
    ("GET", _PATH): listing,
    ("GET", f"{_PATH}/claim/{{claimNumber}}"): one,
    ("PATCH", f"{_PATH}/claim/{{claimNumber}}"): add_to,
    ("GET", f"{_PATH}/claim/{{claimNumber}}/history"): history,
    ("POST", f"{_DISPUTES}/contest"): contest,
    ("POST", f"{_DISPUTES}/status"): contested,
}

"""Records that callers create, change and delete by id, and that are no more than what was written: one table for all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.state import State
from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    :param name: what it is called.
    :param id: name of the field with its id.
    :param create: path that creates one.
    :param one: path of one.
    :param list: path of the list; default that which creates.
    :param told: where in the body the fields of a record are; default the body itself.
    :param first: fields a new record has.
    :param verbs: method and end of a path -> fields a record has from then on.
    """

    name: str
    id: str
    create: str
    one: str
    list: str = ""
    told: str = ""
    first: tuple[tuple[str, Any], ...] = ()
    reads: bool = True
    lists: bool = True
    verbs: tuple[tuple[str, str, str, Any], ...] = ()


KINDS = (
    Kind(
        "shipping templates",
        "id",
        "/v3/settings/shipping/templates",
        "/v3/settings/shipping/templates/{templateId}",
        first=(("status", "ACTIVE"), ("type", "CUSTOM"), ("rateModelType", "PER_SHIPMENT_PRICING")),
    ),
    Kind(
        "repricer strategies",
        "strategyCollectionId",
        "/v3/repricer/strategy",
        "/v3/repricer/strategy/{strategyCollectionId}",
        list="/v3/repricer/strategies",
        first=(("enabled", True), ("assignedCount", 0)),
        reads=False,
    ),
    Kind(
        "advertising campaigns",
        "campaignId",
        "/v3/advertising/sem/campaigns",
        "/v3/advertising/sem/campaigns/{campaignId}",
        told="metadata",
        first=(("status", "ACTIVE"),),
        lists=False,
        verbs=(("PUT", "/stop", "status", "STOPPED"),),
    ),
)


def of_kind(state: State, name: str) -> dict[str, Json]:
    """Return id -> record of those of a kind that were created here.

    :param state: the sandbox's state.
    :param name: name of the kind.
    """
    return state.kept.setdefault(name, {})


def _fills(kind: Kind) -> dict[tuple[str, str], Fill]:
    parameter = kind.one.rpartition("{")[2].rstrip("}")

    def told(draft: Draft) -> Json:
        body = draft.body or {}
        fields: Json = body.get(kind.told) or {} if kind.told else body
        return fields

    def change(draft: Draft, fields: Json) -> None:
        """Change a record; those that are not from here are changed as what was written to their path."""
        known = of_kind(draft.call.state, kind.name).get(draft.call.path[parameter])
        if known is not None:
            known.update(fields)
        _refuse_deleted(draft, kind, parameter)

    def create(draft: Draft) -> Any:
        record_id = uuid.uuid4().hex
        now = int(draft.call.now * 1000)
        record = {
            **dict(kind.first),
            **told(draft),
            kind.id: record_id,
            "createdDate": now,
            "modifiedDate": now,
        }
        of_kind(draft.call.state, kind.name)[record_id] = record
        return draft.over(record)

    def one(draft: Draft) -> Any:
        _refuse_deleted(draft, kind, parameter)
        return draft.over(of_kind(draft.call.state, kind.name).get(draft.call.path[parameter], {}))

    def update(draft: Draft) -> Any:
        change(draft, {**told(draft), "modifiedDate": int(draft.call.now * 1000)})
        return draft.over(
            {**of_kind(draft.call.state, kind.name).get(draft.call.path[parameter], {}), **told(draft)}
        )

    def delete(draft: Draft) -> Any:
        _refuse_deleted(draft, kind, parameter)
        record_id = draft.call.path[parameter]
        if of_kind(draft.call.state, kind.name).pop(record_id, None) is not None:
            of_kind(draft.call.state, f"deleted {kind.name}")[record_id] = {}
        return draft.made()

    def listing(draft: Draft) -> Any:
        records = list(of_kind(draft.call.state, kind.name).values())
        return draft.made(records or None)

    def verb(name: str, value: Any) -> Fill:
        def act(draft: Draft) -> Any:
            change(draft, {name: value})
            return draft.made()

        return act

    found: dict[tuple[str, str], Fill] = {
        ("POST", kind.create): create,
        ("PUT", kind.one): update,
        ("DELETE", kind.one): delete,
    }
    if kind.reads:
        found["GET", kind.one] = one
    if kind.lists:
        found["GET", kind.list or kind.create] = listing
    for method, end, name, value in kind.verbs:
        found[method, kind.one + end] = verb(name, value)
    return found


def _refuse_deleted(draft: Draft, kind: Kind, parameter: str) -> None:
    if draft.call.path[parameter] in of_kind(draft.call.state, f"deleted {kind.name}"):
        raise Refusal(404, field=kind.id, description=f"There is no such record among the {kind.name}")


FILLS: dict[tuple[str, str], Fill] = {place: fill for kind in KINDS for place, fill in _fills(kind).items()}

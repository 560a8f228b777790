"""Pages whose records stay the JSON they are: to be passed on, not looked into.

Decoding and encoding a record again costs many times what copying its bytes does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_walmart.client.catalogue.operations import Paging

Raw = msgspec.Raw
_level = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])
_any = msgspec.json.Decoder()


@dataclass(frozen=True)
class RawPage:
    """One page of records.

    :param records: each the JSON it is.
    :param total: how many records all pages together hold, as Walmart says; None when it doesn't say.
    """

    records: list[Raw]
    total: int | None = None


def decode_page(content: bytes, paging: Paging) -> Any:
    """Return a decoded page in which every record is a `msgspec.Raw`.

    :param content: the body of an answer.
    :param paging: says where the records are.
    :return: what the paging style needs; where the records are no list, all of the page.
    :raises ValueError: when it is no JSON.
    """
    # What is passed on unread has to be UTF-8 as well.
    content.decode()
    try:
        return _plain(_decoder(paging).decode(content))
    except msgspec.ValidationError:
        return _branch(Raw(content), [path.split(".") for path in paging.records])


@functools.cache
def _decoder(paging: Paging) -> msgspec.json.Decoder[Any]:
    """Return what decodes a page as it should be in one go."""
    tree: dict[str, Any] = {}
    kinds = {
        **dict.fromkeys((*paging.cursor, *paging.total), Any),
        **dict.fromkeys(paging.records, list[Raw]),
    }
    for path, kind in kinds.items():
        *outer, last = path.split(".")
        level = tree
        for name in outer:
            level = level.setdefault(name, {})
        level[last] = kind
    return msgspec.json.Decoder(_type_of(tree))


def _type_of(level: Any) -> Any:
    """Return the type that a level of a page is decoded to; whatever has no use is left out."""
    if not isinstance(level, dict):
        return level
    fields = [
        (f"field_{number}", _type_of(kind) | None if kind is not Any else Any, None)
        for number, kind in enumerate(level.values())
    ]
    names = {f"field_{number}": name for number, name in enumerate(level)}
    return msgspec.defstruct("Level", fields, rename=names)


def _plain(level: Any) -> Any:
    """Return a level of a page as a dict."""
    if not isinstance(level, msgspec.Struct):
        return level
    names = level.__struct_encode_fields__
    return {name: _plain(value) for name, value in zip(names, msgspec.structs.astuple(level), strict=True)}


def as_raw(record: Any) -> Raw:
    """Return a record as the JSON it is, one that is decoded already included."""
    return record if isinstance(record, Raw) else Raw(json.dumps(record).encode())


def _branch(raw: Raw, paths: list[list[str]]) -> Any:
    """Decode all of a value but the lists at the ends of the paths."""
    start = _first_byte(raw)
    if not all(paths):
        # A single record comes without a list around it.
        return _list.decode(raw) if start == b"[" else [raw] if start == b"{" else _any.decode(raw)
    if start != b"{":
        return _any.decode(raw)
    decoded: dict[str, Any] = {}
    for name, value in _level.decode(raw).items():
        inside = [path[1:] for path in paths if path[0] == name]
        decoded[name] = _branch(value, inside) if inside else _any.decode(value)
    return decoded


def _first_byte(raw: Raw) -> bytes:
    """Return the first byte behind white space, without a copy of what may be a whole page."""
    view = memoryview(raw)
    return next((byte for place in range(len(view)) if (byte := bytes(view[place : place + 1])).strip()), b"")


def json_lines(page: Sequence[Raw]) -> bytes:
    """Return records as lines, the end of each included."""
    text = b"".join(page)
    # Counting them, or looking into every record, takes many times as long as joining twice.
    if b"\n" not in text and b"\r" not in text:
        return b"\n".join((*page, b""))
    # Line breaks between the tokens; those inside texts are escaped anyway.
    return b"".join(msgspec.json.format(bytes(record), indent=-1) + b"\n" for record in page)

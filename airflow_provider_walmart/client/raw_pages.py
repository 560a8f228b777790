"""Pages whose records stay the JSON they are: to be passed on, not looked into.

Decoding and encoding a record again costs many times what copying its bytes does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from airflow_provider_walmart.client.catalogue import Paging

Raw = msgspec.Raw
_level = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])
_any = msgspec.json.Decoder()


def decode_page(content: bytes, paging: Paging) -> Any:
    """Return a decoded page in which every record is a `msgspec.Raw`.

    :param content: the body of an answer.
    :param paging: says where the records are.
    :raises ValueError: when it is no JSON.
    """
    return _branch(content, [path.split(".") for path in paging.records])


def _branch(raw: bytes | Raw, paths: list[list[str]]) -> Any:
    """Decode all of a value but the lists at the ends of the paths."""
    if not any(paths):
        return _records(raw)
    if bytes(raw).lstrip()[:1] != b"{":
        return _any.decode(raw)
    decoded: dict[str, Any] = {}
    for name, value in _level.decode(raw).items():
        inside = [path[1:] for path in paths if path and path[0] == name]
        decoded[name] = _branch(value, inside) if inside else _any.decode(value)
    return decoded


def _records(raw: bytes | Raw) -> Any:
    start = bytes(raw).lstrip()[:1]
    if start == b"[":
        return _list.decode(raw)
    # A single record without a list around it, or null.
    return [Raw(bytes(raw))] if start == b"{" else _any.decode(raw)


def json_line(record: Raw) -> bytes:
    """Return a record as one line, its end included."""
    line = bytes(record)
    if b"\n" in line or b"\r" in line:
        # Line breaks between the tokens; those inside texts are escaped anyway.
        line = msgspec.json.format(line, indent=-1)
    return line + b"\n"


def key_of(name: str) -> Callable[[Raw], Any]:
    """Return a function that takes one top-level field out of a record, and decodes nothing else.

    :param name: the field.
    :return: the function; it returns None for a record without that field.
    """
    record = msgspec.defstruct("Record", [("key", Any, None)], rename={"key": name})
    decoder = msgspec.json.Decoder(record)

    def key(raw: Raw) -> Any:
        return decoder.decode(raw).key  # type: ignore[attr-defined]

    return key

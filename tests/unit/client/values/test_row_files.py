"""Rows out of files, good and broken."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values import row_files as feed_records


def read(content, name):
    return list(feed_records.rows(io.BytesIO(content), name))


def lines(content, name):
    return list(feed_records.row_lines(io.BytesIO(content), name))


def error_text(content, name):
    with pytest.raises(WalmartConfigError) as caught:
        read(content, name)
    return str(caught.value)


JSON_ROWS = b'{"sku": "A", "price": 19.99}\n{"sku": "\xc3\xbc", "price": "5"}\n'
CSV_ROWS = b"sku,price\nA,19.99\n\xc3\xbc,5\n"


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.json", "s3://bucket/A.JSONL"])
def test_json_lines(name):
    expected = [{"sku": "A", "price": 19.99}, {"sku": "\u00fc", "price": "5"}]
    assert read(JSON_ROWS, name) == expected
    assert read(gzip.compress(JSON_ROWS), f"{name}.gz") == expected


@pytest.mark.parametrize("name", ["a.csv", "s3://bucket/A.CSV"])
def test_csv(name):
    expected = [{"sku": "A", "price": "19.99"}, {"sku": "\u00fc", "price": "5"}]
    assert read(CSV_ROWS, name) == expected
    assert read(gzip.compress(CSV_ROWS), f"{name}.gz") == expected


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", "a.xlsx", "csv", "a.csv.zip", ""])
def test_other_names(name):
    assert error_text(CSV_ROWS, name).startswith(f"{name}: the name must end in .jsonl,")


@pytest.mark.parametrize(("content", "name"), [(JSON_ROWS, "a.jsonl"), (CSV_ROWS, "a.csv")])
def test_marks_line_ends_and_empty_lines_change_nothing(content, name):
    plain = read(content, name)
    assert read(b"\xef\xbb\xbf" + content, name) == plain
    assert read(content.replace(b"\n", b"\r\n"), name) == plain
    assert read(content.rstrip(), name) == plain
    assert read(b"\n" + content.replace(b"\n", b"\n\n \r\n") + b"\n\n", name) == plain


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n\r\n"])
def test_empty_files(name, content):
    assert read(gzip.compress(content) if name.endswith(".gz") else content, name) == []


def test_a_csv_file_with_a_header_only():
    assert read(b"sku,price\n", "a.csv") == []


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.csv.gz"])
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_the_file_is_left_open(name, rows):
    content = CSV_ROWS if "csv" in name else JSON_ROWS
    file = io.BytesIO(gzip.compress(content) if name.endswith(".gz") else content)
    reading = feed_records.rows(file, name)
    for _ in range(rows):
        next(reading)
    del reading
    assert not file.closed


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"sku": "A"', "is not one JSON object (Input data was truncated)"),
        (b'{"sku": NaN}', "is not one JSON object ("),
        (b'{"sku": "A"} {"sku": "B"}', "is not one JSON object ("),
        (b"{'sku': 'A'}", "is not one JSON object ("),
        (b"sku,price", "is not one JSON object ("),
        (b'{"a": 1e999}', "is not one JSON object ("),
        (b"[" * 100_000, "is not one JSON object ("),
        (b'["A"]', "is JSON, but not an object; expected one object per line"),
        (b"null", "is JSON, but not an object"),
        (b'"A"', "is JSON, but not an object"),
        (b'{"sku": "\xfc"}', "is not UTF-8: it holds the byte 0xfc"),
        (b'{"sku": "A\0"}', "holds a zero byte, so this is not UTF-8 text"),
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_bad_json_lines(line, problem, end):
    file = io.BytesIO(b'{"sku": "first"}\n\n' + line + end)
    reading = feed_records.rows(file, "a.jsonl")
    assert next(reading) == {"sku": "first"}
    with pytest.raises(WalmartConfigError) as caught:
        next(reading)
    assert str(caught.value).startswith(f"a.jsonl, line 3: {problem}")


@pytest.mark.parametrize("document", [[{"sku": "A"}], {"rows": [{"sku": "A"}]}])
def test_a_json_document_is_not_json_lines(document):
    assert "a.json, line 1: is " in error_text(json.dumps(document, indent=1).encode(), "a.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"sku,price\nA,1\nB\n", "line 3: has 1 fields; there are 2 columns"),
        (b"sku,price\n\nA,1,2\n", "line 3: has 3 fields; there are 2 columns"),
        (b'sku,price\n"A\nB",1\nC\n', "line 4: has 1 fields; there are 2 columns"),
        (b'sku,price\nA,1\n"B,2\nC,3\n', "line 3 to 4: is not CSV (unexpected end of data)"),
        (b'sku,price\n"A"B,2\n', "line 2: is not CSV ("),
        (b"sku,price\nA,1\rB,2\r", "line 2: is not CSV ("),
        (b"sku,price\nA," + b"1" * 200_000 + b"\n", "line 2: is not CSV (field larger than field limit"),
        (b"sku|price\nA|1\n", "line 1: has no comma between column names: 'sku|price'"),
        (b"sku,,price\nA,1,2\n", "line 1: has no name for column 2"),
        (b"sku,price, sku \nA,1,2\n", "line 1: names column 'sku' twice"),
        (b"sku,price\nA,1\n\xfc,2\n", "line 3: is not UTF-8: it holds the byte 0xfc"),
        (b"sku,pr\xe4is\n", "line 1: is not UTF-8: it holds the byte 0xe4"),
        (b"sku,price\nA,1\0\n", "line 2: holds a zero byte, so this is not UTF-8 text"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_bad_csv(content, message):
    # A report that was landed before in this process allows longer fields.
    csv.field_size_limit(131_072)
    assert error_text(content, "a.csv").startswith(f"a.csv, {message}")


def test_csv_with_quotes_line_ends_and_rows_of_commas():
    content = b'sku , price\r\n,\r\n"A, ""B""\r\nC", 1 \r\n , \r\nD,\r\n'
    assert read(content, "a.csv") == [{"sku": 'A, "B"\r\nC', "price": " 1 "}, {"sku": "D", "price": ""}]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_other_encodings_are_named(name):
    content = (CSV_ROWS if name == "a.csv" else JSON_ROWS).decode()
    assert error_text(content.encode("utf-16"), name) == f"{name}: is UTF-16; expected UTF-8."
    assert "holds a zero byte" in error_text(content.encode("utf-16-le"), name)
    assert "is not UTF-8: it holds the byte 0xfc" in error_text(content.encode("latin-1"), name)


def test_gzip_is_recognised_by_the_name():
    packed = gzip.compress(CSV_ROWS)
    assert "is compressed with gzip, but its name does not end in .gz" in error_text(packed, "a.csv")
    assert "cannot be unpacked as gzip behind line 0 (" in error_text(CSV_ROWS, "a.csv.gz")


def test_broken_gzip():
    content = b"".join(b'{"sku": "%d"}\n' % random.Random(number).getrandbits(64) for number in range(10_000))
    packed = gzip.compress(content)
    rows = feed_records.rows(io.BytesIO(packed[:-2000]), "a.jsonl.gz")
    with pytest.raises(
        WalmartConfigError, match=r"a.jsonl.gz: cannot be unpacked as gzip behind line [1-9]\d+ "
    ):
        list(rows)
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 255
    with pytest.raises(WalmartConfigError, match=r"a.jsonl.gz"):
        read(bytes(damaged), "a.jsonl.gz")


def test_a_line_without_end(monkeypatch):
    monkeypatch.setattr(feed_records, "_LONGEST_LINE", 100)
    assert read(b'{"sku": "' + b"A" * 88 + b'"}\n', "a.jsonl")
    assert error_text(b"\n" + b" " * 101, "a.jsonl") == "a.jsonl, line 2: is longer than 100 bytes."
    assert error_text(b"sku," + b"x" * 101, "a.csv") == "a.csv, line 1: is longer than 100 bytes."


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.jsonl.gz", "a.csv.gz"])
def test_files_are_streamed(name, tmp_path):
    path = tmp_path / name
    with (gzip.open if name.endswith(".gz") else open)(path, "wb") as file:
        file.write(b"sku,quantity\n" if "csv" in name else b"\n")
        line = b'SKU-%06d,"5"\n' if "csv" in name else b'{"sku": "SKU-%06d", "quantity": 5}\n'
        file.writelines(line % number for number in range(50_000))
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            count = sum(1 for _ in feed_records.rows(file, name))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert count == 50_000
    assert peak < 500_000


class Slow(io.RawIOBase):
    """A file that gives a few bytes at a time, as sockets do."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        part = self._content.read(min(3, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize(("content", "name"), [(JSON_ROWS, "a.jsonl"), (CSV_ROWS, "a.csv")])
def test_any_binary_file_will_do(content, name):
    assert list(feed_records.rows(Slow(content), name)) == read(content, name)
    packed = Slow(gzip.compress(content))
    assert list(feed_records.rows(packed, f"{name}.gz")) == read(content, name)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUE = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)


@given(st.lists(st.dictionaries(TEXT, VALUE)))
def test_json_rows_come_back(rows):
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    assert read(lines.encode(), "a.jsonl") == rows


@given(
    st.lists(st.tuples(TEXT, TEXT).filter(lambda row: "".join(row).strip())), st.sampled_from(["\n", "\r\n"])
)
def test_csv_rows_come_back(rows, end):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("sku", "price"), *rows])
    assert read(file.getvalue().encode(), "a.csv") == [{"sku": sku, "price": price} for sku, price in rows]


@given(
    st.binary() | st.text().map(str.encode) | st.binary().map(lambda tail: b'sku\n{"' + tail),
    st.sampled_from(["a.csv", "a.jsonl", "a.csv.gz"]),
)
def test_any_bytes_give_rows_or_a_clear_error(content, name):
    with contextlib.suppress(WalmartConfigError):
        assert all(isinstance(row, dict) for row in read(content, name))


@given(st.binary(max_size=40), st.integers(0, 60))
def test_any_damage_to_gzip_gives_rows_or_a_clear_error(patch, position):
    packed = gzip.compress(JSON_ROWS, mtime=0)
    with contextlib.suppress(WalmartConfigError):
        read(packed[:position] + patch + packed[position + len(patch) :], "a.jsonl.gz")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_part_columns_as_the_first_line_has_them(mark):
    content = f"sku{mark}price\n\nA{mark}'1;2,3'\n" if mark == "\t" else f'sku{mark}price\n\nA{mark}"1;2,3"\n'
    value = "'1;2,3'" if mark == "\t" else "1;2,3"
    assert read(content.encode(), "a.csv") == [{"sku": "A", "price": value}]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_lines_that_rows_begin_in(end):
    content = b'\xef\xbb\xbf\n"sku","a\nname"\n\nA,"two\nlines"\n , \nB,one\n\n'.replace(b"\n", end)
    assert lines(content, "a.csv") == [5, 8]
    assert lines(gzip.compress(content), "a.csv.gz") == [5, 8]
    content = b'\xef\xbb\xbf\n{"sku": "A"}\n \n\n{"sku": "B"}'.replace(b"\n", end)
    assert lines(content, "a.jsonl") == [2, 5]
    assert lines(b"", "a.csv") == lines(b"sku", "a.csv") == lines(b"\n", "a.jsonl") == []


def test_lines_of_a_file_that_is_damaged_meanwhile_are_found_up_to_there():
    assert lines(b'sku,name\nA,B\nC,"D', "a.csv") == [2]
    assert lines(b"sku,name\nA,B\n\xff,B", "a.csv") == [2]


@given(
    st.lists(st.tuples(TEXT, TEXT) | st.just(("", ""))),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_each_row_is_found_in_its_line(rows, end, quoting):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end, quoting=quoting)
    writer.writerows([("sku", "price"), *rows])
    content = file.getvalue().encode()
    found = read(content, "a.csv")
    places = lines(content, "a.csv")
    assert len(places) == len(found)
    parts = content.split(b"\n")
    for row, line in zip(found, places, strict=True):
        assert read(b"\n".join([b"sku,price", *parts[line - 1 :]]), "a.csv")[0] == row

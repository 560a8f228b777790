"""What becomes of a downloaded archive: unpacked, converted, counted, and there as a whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zipfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartReportFailedError
from airflow_provider_walmart.storage import reports
from airflow_provider_walmart.storage.reports import check_output, land_report

TABLE = b'SKU,Name\r\nA-1,"Mug, blue"\r\nA-2,"two\r\nlines, ""quoted"""\r\n'
ROWS = [{"SKU": "A-1", "Name": "Mug, blue"}, {"SKU": "A-2", "Name": 'two\r\nlines, "quoted"'}]


def archive_of(*files: bytes, stored: bool = False) -> io.BytesIO:
    archive = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archive, "w", method) as opened:
        for number, content in enumerate(files):
            opened.writestr(f"report{number}.csv", content)
    return archive


@pytest.fixture
def land(tmp_path):
    """Land an archive in an empty folder; return the number of rows and what is in the folder afterwards."""

    def landed(archive: io.BytesIO | bytes, output_format: str = "csv") -> tuple[int, bytes]:
        if isinstance(archive, bytes):
            archive = archive_of(archive)
        rows = land_report(archive, str(tmp_path / "out" / "report"), output_format)
        (file,) = (tmp_path / "out").iterdir()
        assert file.name == "report"
        return rows, file.read_bytes()

    return landed


@pytest.fixture
def refused(tmp_path):
    """Land what must be refused; return what is said. Nothing may be left behind."""

    def refused(archive: io.BytesIO | bytes, output_format: str = "csv") -> str:
        if isinstance(archive, bytes):
            archive = archive_of(archive)
        with pytest.raises(WalmartReportFailedError) as caught:
            land_report(archive, str(tmp_path / "out" / "report"), output_format)
        assert not list(tmp_path.rglob("*.*")) + list(tmp_path.rglob("report"))
        return str(caught.value)

    return refused


# -- formats -------------------------------------------------------------------------------------------


def test_csv_comes_as_it_is(land):
    assert land(TABLE) == (2, TABLE)


def test_zip_comes_as_it_is(land):
    archive = archive_of(TABLE)
    assert land(archive, "zip") == (2, archive.getvalue())


def test_jsonl_has_a_line_for_each_row(land):
    rows, content = land(TABLE, "jsonl")
    assert rows == 2
    assert [json.loads(line) for line in content.splitlines()] == ROWS


def test_parquet_has_text_columns(land):
    rows, content = land(TABLE, "parquet")
    table = parquet.read_table(io.BytesIO(content))
    assert (rows, table.to_pylist()) == (2, ROWS)
    assert {str(field.type) for field in table.schema} == {"string"}


@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
def test_long_fields_land(land, output_format):
    before = csv.field_size_limit(131072)
    try:
        rows, content = land(b"SKU,Name\nA,%b\n" % (b"x" * 200_000), output_format)
    finally:
        csv.field_size_limit(before)
    assert rows == 1
    assert output_format == "parquet" or json.loads(content)["Name"] == "x" * 200_000


def test_parquet_without_rows_has_columns(land):
    rows, content = land(b"SKU,Name\n", "parquet")
    assert (rows, parquet.read_table(io.BytesIO(content)).column_names) == (0, ["SKU", "Name"])


def test_parquet_of_many_batches(land):
    rows, content = land(b"SKU\n" + b"".join(b"A-%d\n" % n for n in range(25_000)), "parquet")
    assert rows == parquet.read_table(io.BytesIO(content)).num_rows == 25_000


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(WalmartConfigError, match=r"xlsx.*csv, zip, jsonl, parquet"):
        check_output("/somewhere", "xlsx")


def test_parquet_without_pyarrow_is_refused(monkeypatch):
    monkeypatch.setattr(reports, "find_spec", lambda name: None)
    with pytest.raises(WalmartConfigError, match="pyarrow is not installed"):
        check_output("/somewhere", "parquet")


@pytest.mark.parametrize("path", ["nowhere://bucket/key", "nowhere:///key"])
def test_a_place_nobody_knows_is_refused_and_what_would_know_it_is_named(path):
    with pytest.raises(
        WalmartConfigError, match=r"output_path .*nowhere.* Hint: .*airflow-provider-walmart\[s3\]"
    ):
        check_output(path, "csv")


@pytest.mark.parametrize("path", ["/tmp", "/tmp/", "/tmp/not-there/", "file:///tmp/not-there/"])
def test_a_folder_is_refused(path):
    with pytest.raises(WalmartConfigError, match=f"output_path is '{path}', a folder"):
        check_output(path, "csv")


def test_keys_in_a_place_are_not_repeated():
    with pytest.raises(WalmartConfigError, match="output_path") as caught:
        check_output("nowhere://AKIA1:s3cr/et@lake/key", "csv")
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("path", ["items.csv", "/tmp/items.csv", "file:///tmp/items.csv"])
def test_a_place_that_is_known_passes(path):
    check_output(path, "csv")


# -- rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl"])
@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (b"SKU", 0),
        (b"SKU\n", 0),
        (b"\xef\xbb\xbfSKU\r\n", 0),
        (b"SKU\nA", 1),
        (b"SKU\nA\n", 1),
        (b"SKU\r\nA\r\n", 1),
        (b'SKU\n"A\n\n\nB"\n', 1),
        (b'SKU\n"A\n""\n"""\nB', 2),
        (b'"SK\nU"\n"A"', 1),
        # Blank lines are no rows, wherever they are.
        (b"\n\r\nSKU\nA\n\n", 1),
        (b"SKU\r\nA\r\n\r\n\r\nB\r\n\r\n", 2),
    ],
)
def test_rows_are_counted_without_header(land, table, rows, output_format):
    assert land(table, output_format)[0] == rows


TEXT = st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", " ", "é"]), max_size=6).map("".join)


@given(
    table=st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=6)
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    chunk=st.integers(1, 9),
)
def test_rows_are_counted_as_the_csv_module_does(table, end, quoting, chunk):
    text = io.StringIO()
    width = len(table[0]) if table else 1
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerows([[f"column {n}" for n in range(width)], *table])
    content = text.getvalue().encode()
    counter = reports._RowCounter()
    for start in range(0, len(content), chunk):
        counter.add(content[start : start + chunk])
    assert counter.rows == len(table)


# -- what is refused -----------------------------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl"])
@pytest.mark.parametrize("table", [b"", b"\n", b"\r\n", b"\n\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_a_file_without_header_is_refused(refused, table, output_format):
    assert "not even a header" in refused(table, output_format)


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl"])
def test_a_damaged_archive_is_refused(refused, output_format):
    whole = archive_of(TABLE * 1000).getvalue()
    start = whole.index(b"report0.csv") + len("report0.csv")
    spoilt = bytearray(whole)
    spoilt[start + 20 : start + 40] = b"\xff" * 20
    for damaged in (b"", b"<html>", whole[: len(whole) // 2], bytes(spoilt)):
        assert "damaged" in refused(io.BytesIO(damaged), output_format)


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl"])
def test_a_changed_byte_is_noticed_at_the_end(refused, output_format):
    content = archive_of(TABLE, stored=True).getvalue().replace(b"Mug", b"Jug")
    assert "damaged: Bad CRC-32" in refused(io.BytesIO(content), output_format)


@pytest.mark.parametrize("output_format", ["csv", "jsonl", "parquet"])
def test_a_changed_byte_of_gzip_is_noticed_at_the_end(refused, output_format):
    content = bytearray(gzip.compress(TABLE * 100_000))
    content[-6] ^= 0xFF
    assert "damaged: CRC check failed" in refused(io.BytesIO(content), output_format)


@pytest.mark.parametrize("output_format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("inner", [archive_of(TABLE).getvalue(), gzip.compress(TABLE)], ids=["zip", "gzip"])
def test_an_archive_in_an_archive_is_refused(refused, inner, output_format):
    for archive in (archive_of(inner), io.BytesIO(gzip.compress(inner))):
        assert "What was unpacked of the downloaded report is no CSV file" in refused(archive, output_format)


@pytest.mark.parametrize("output_format", ["csv", "zip"])
def test_bytes_in_front_of_an_archive_do_not_hide_it(land, output_format):
    content = b"junk" + archive_of(TABLE).getvalue()
    assert land(io.BytesIO(content), output_format) == (2, TABLE if output_format == "csv" else content)


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_an_archive_of_two_files_is_refused_where_one_is_needed(refused, output_format):
    said = refused(archive_of(TABLE, TABLE), output_format)
    assert "holds 2 files" in said
    assert "report0.csv, report1.csv" in said
    assert "Land it as zip" in said


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl"])
def test_an_archive_without_files_is_refused(refused, output_format):
    assert "holds 0 files" in refused(archive_of(), output_format)


def test_a_packing_that_is_not_known_here_is_refused(refused):
    content = bytearray(archive_of(TABLE).getvalue())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(signature) + place, 97)
    assert "damaged" in refused(io.BytesIO(bytes(content)))


def test_a_folder_in_the_archive_is_no_file(land):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("reports/", b"")
        opened.writestr("reports/report.csv", TABLE)
    assert land(archive) == (2, TABLE)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"SKU,Name\nA\n", "Row 1 .* has 1 columns, its header 2; land it as csv"),
        (b"SKU\nA\nB,C\n", "Row 2 .* has 2 columns, its header 1"),
        (b"SKU,SKU\nA,B\n", "two columns of one name"),
        (b"SKU\n\xe9\n", "damaged"),
        (b'SKU\n"%b' % (b"A\n" * 9_000_000), "damaged: field larger"),
    ],
)
@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
def test_what_can_not_be_converted_is_refused(refused, table, said, output_format):
    assert re.search(said, refused(table, output_format))


def test_what_was_there_before_stays_when_a_report_is_refused(tmp_path):
    place = tmp_path / "report"
    place.write_bytes(b"of yesterday")
    with pytest.raises(WalmartReportFailedError):
        land_report(archive_of(TABLE, TABLE), str(place), "csv")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("report", b"of yesterday")]
    land_report(archive_of(TABLE), str(place), "csv")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("report", TABLE)]


# -- files that are not quite as documented ------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["csv", "zip", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "rows",
    [
        b'A,55" TV,1\nB,b,2\nC,c,3\n',
        b'A,"Webcam, 1/2" sensor",1\nB,b,2\nC,c,3\n',
        b'A,"two ""quoted"" words",1\r\n\r\nB,"",2\r\nC,c"",3',
        b'A,"a\nb""",1\nB,"c""\n""",2\nC,"\n",3\n',
    ],
)
def test_rows_are_the_same_whatever_the_format_and_the_quotation_marks(land, rows, output_format):
    assert land(b"SKU,Name,Price\n" + rows, output_format)[0] == 3


@given(
    text=st.text(st.sampled_from('a",\n'), max_size=40),
    size=st.integers(1, 8),
)
def test_rows_are_counted_as_the_csv_module_reads_them(text, size):
    counter = reports._RowCounter()
    content = ("h\n" + text).encode()
    for start in range(0, len(content), size):
        counter.add(content[start : start + size])
    read = [row for row in csv.reader(io.StringIO("h\n" + text, newline="")) if row]
    assert counter.rows == len(read) - 1


def test_a_plain_or_gzipped_csv_file_in_place_of_an_archive_lands(land):
    assert land(io.BytesIO(TABLE)) == (2, TABLE)
    assert land(io.BytesIO(gzip.compress(TABLE))) == (2, TABLE)


@pytest.mark.parametrize("packed", [io.BytesIO, lambda table: io.BytesIO(gzip.compress(table)), archive_of])
def test_any_file_is_converted(land, refused, packed):
    _, lines = land(packed(TABLE), "jsonl")
    assert [json.loads(line) for line in lines.splitlines()] == ROWS


@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
@pytest.mark.parametrize("packed", [io.BytesIO, lambda table: io.BytesIO(gzip.compress(table)), archive_of])
def test_what_is_wrong_is_said_of_any_file(refused, packed, output_format):
    assert re.search("Row 2 .* has 1 columns", refused(packed(b"SKU,Name\nA,B\nC\n"), output_format))


@settings(max_examples=300)
@given(
    text=st.text(st.sampled_from('aé",\n\r '), max_size=30), header=st.sampled_from(["h", "h,i", '"h\ni",j'])
)
def test_rows_are_the_same_with_arrow_and_without(tmp_path_factory, text, header):
    def landed(place: Path) -> bytes | str:
        try:
            land_report(archive_of(f"{header}\n{text}".encode()), str(place), "jsonl")
        except WalmartReportFailedError as error:
            return str(error)
        return place.read_bytes()

    folder = tmp_path_factory.mktemp("reports")
    with_arrow = landed(folder / "one")
    with mock.patch.object(reports, "find_spec", return_value=None):
        assert landed(folder / "other") == with_arrow


def test_a_zip_of_several_files_lands_as_zip(land, refused):
    archive = archive_of(TABLE, TABLE)
    assert land(archive, "zip") == (4, archive.getvalue())


def test_what_a_mac_adds_to_an_archive_is_no_report(land):
    archive = archive_of(TABLE)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("__MACOSX/._report0.csv", b"\0\1")
    assert land(archive) == (2, TABLE)


@pytest.mark.parametrize("content", [b'{"status": "ERROR"}', b"<html>", b"[]"])
def test_an_error_document_in_place_of_a_report_is_refused(refused, content):
    assert "damaged" in refused(io.BytesIO(content))

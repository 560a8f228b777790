"""What the end of a path says about a file is what is written into it."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.suffixes import check_suffix, compression_of, refuse_gzip


@pytest.mark.parametrize(
    "path", ["o.jsonl", "o.NDJSON", "s3://b/o.jsonl.gz", "orders", "o.txt", "2026.11.30"]
)
def test_a_path_of_the_format_or_of_none_passes(path):
    check_suffix(path, "jsonl")


@pytest.mark.parametrize("path", ["o.csv", "o.parquet", "o.PARQUET", "o.xlsx", "o.csv.gz", "o.zip", "o.json"])
def test_a_path_of_another_format_is_refused_with_the_suffix_that_fits(path):
    with pytest.raises(WalmartConfigError, match=r"written as jsonl\. Let it end in '\.jsonl'"):
        check_suffix(path, "jsonl")


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        ("o.jsonl", None, None),
        ("o.jsonl.gz", None, "gzip"),
        ("o.jsonl", "gzip", "gzip"),
        ("o.GZ", "", "gzip"),
    ],
)
def test_compression_is_as_asked_for_or_as_the_path_says(path, given, expected):
    assert compression_of(path, given) == expected


def test_an_unknown_compression_is_refused():
    with pytest.raises(WalmartConfigError, match="allowed: gzip or None"):
        compression_of("o.jsonl", "zip")


def test_gz_is_refused_where_nothing_is_compressed():
    with pytest.raises(WalmartConfigError, match=r"'\.gz', but the file is not compressed"):
        refuse_gzip("report.csv.gz")

"""What the end of a path says about the file: its format and compression, which must be those that are written."""

from __future__ import annotations

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.files import checked_path

GZIP = ".gz"
# What operators write.
EXPORT_FORMATS = ("jsonl", "parquet")
REPORT_FORMATS = ("csv", "zip", "jsonl", "parquet")
SETTLEMENT_FORMATS = ("csv", "parquet")
# Suffixes that name a format; any other one, and none, may hold anything.
FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".tsv": "tsv",
    ".xls": "Excel",
    ".xlsx": "Excel",
    ".xml": "xml",
    ".zip": "zip",
}


def check_lines_file(field: str, uri: str | None) -> None:
    """Pass for a place where a file of JSON lines can be, and for none.

    :param field: what the user calls it.
    :raises WalmartConfigError: as `checked_path` does, and for a suffix of another format.
    """
    if uri:
        checked_path(uri, field)
        check_suffix(uri, "jsonl", "json", field=field, chosen_by="")
        refuse_gzip(uri, field)


def check_suffix(
    output_path: str, *formats: str, field: str = "output_path", chosen_by: str = "output_format"
) -> None:
    """Refuse a path whose suffix names another format than the one that is written.

    :param output_path: a path or URI; ``.gz`` at its end doesn't count.
    :param formats: what is written, such as ``jsonl``; the first one is named in the error.
    :param field: what the user calls it.
    :param chosen_by: the parameter with which another format can be chosen; empty where none can be.
    :raises WalmartConfigError: for a suffix of another format.
    """
    path = output_path.lower().removesuffix(GZIP)
    suffix = next((suffix for suffix in FORMATS if path.endswith(suffix)), None)
    if suffix is None or FORMATS[suffix] in formats:
        return
    right = next(suffix for suffix, kind in FORMATS.items() if kind == formats[0])
    other = f", or choose another {chosen_by}" if chosen_by else ""
    raise WalmartConfigError(
        f"{field} ends in {suffix!r}, but the file is written as {formats[0]}. Let it end in {right!r}{other}."
    )


def compression_of(output_path: str, compression: str | None) -> str | None:
    """Return how a file is compressed: as asked for, or as its name says.

    :param output_path: a path or URI.
    :param compression: ``gzip``, or None for what the path says.
    :return: ``gzip`` or None.
    :raises WalmartConfigError: for any other compression.
    """
    if compression not in (None, "", "gzip"):
        raise WalmartConfigError(f"compression is {compression!r}; allowed: gzip or None.")
    return "gzip" if compression or output_path.lower().endswith(GZIP) else None


def refuse_gzip(output_path: str, field: str = "output_path") -> None:
    """Refuse a path that ends in ``.gz`` where files are written as they are.

    :raises WalmartConfigError: for such a path.
    """
    if output_path.lower().endswith(GZIP):
        raise WalmartConfigError(f"{field} ends in {GZIP!r}, but the file is not compressed. Leave that off.")


def refuse_file(output_path: str) -> None:
    """Refuse a path with the suffix of a file where a folder is filled.

    :raises WalmartConfigError: for such a path.
    """
    suffix = next((suffix for suffix in FORMATS if output_path.lower().endswith(suffix)), None)
    if suffix:
        raise WalmartConfigError(
            f"output_path ends in {suffix!r}, but it is a folder of files. Leave that off."
        )

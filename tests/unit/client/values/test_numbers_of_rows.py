"""Numbers of rows: read in a short way where they are written as most are, and the same in a long way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_walmart.client.values.rows import RowError, money_of, whole_number


@given(
    st.one_of(st.text(max_size=8), st.floats(), st.integers(), st.decimals(), st.none(), st.booleans())
    | st.from_regex(r"\A ?[0-9]{0,11}(\.[0-9]{0,4})? ?\Z")
)
def test_numbers_are_the_same_the_short_way_and_the_long_way(value):
    def read(column_of, given_value):
        try:
            found = column_of({"column": given_value}, "column")
        except RowError as error:
            return str(error)
        return found, type(found)

    for column_of in (whole_number, money_of):
        # A kind of text, or of a number, is read the long way.
        kind = type(value)
        long_way = value
        if kind in (str, int, float):
            long_way = type("Kind", (kind,), {})(value)
        assert read(column_of, value) == read(column_of, long_way)

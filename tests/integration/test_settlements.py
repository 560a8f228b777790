"""Settlement reports over real HTTP: each landed once, none missed, whatever happens on the way."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
from airflow.exceptions import AirflowFailException

from airflow_provider_walmart.client.errors import WalmartReportFailedError, WalmartServerError
from airflow_provider_walmart.operators.settlements import WalmartSettlementOperator
from tests.helpers.wire import http, token

FORTNIGHT = 14 * 86400


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    shop.server.control("POST", "seed", {"settlements": 25})
    return shop


def context(run: str) -> dict:
    return {"ti": SimpleNamespace(dag_id="d", task_id="t", run_id=run, map_index=-1), "run_id": run}


def land(folder: Path, run: str = "", **fields) -> dict:
    operator = WalmartSettlementOperator(task_id="t", output_path=str(folder), **fields)
    return operator.execute(context(run) if run else {})


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("settlement_"))


def downloads(shop) -> int:
    return len(shop.received("reconFile$"))


@pytest.mark.parametrize("output_format", ["csv", "parquet"])
def test_each_report_is_landed_once(output_format, shop, tmp_path):
    result = land(tmp_path, "one", output_format=output_format)
    assert len(result["reports"]) == len(files(tmp_path)) == downloads(shop) == 3
    assert [Path(report["uri"]).name for report in result["reports"]] == files(tmp_path)
    assert result["rows"] == 75
    assert land(tmp_path, "two", output_format=output_format) == {
        "uri": str(tmp_path),
        "reports": [],
        "rows": 0,
    }
    assert downloads(shop) == 3
    before = files(tmp_path)
    shop.advance(FORTNIGHT)
    (new,) = land(tmp_path, "three", output_format=output_format)["reports"]
    assert files(tmp_path) == [*before, Path(new["uri"]).name]
    assert downloads(shop) == 4
    # The oldest one is not listed any more, and stays.
    assert len(files(tmp_path)) == 4


def test_a_retry_lands_what_is_missing_and_tells_of_all(shop, tmp_path):
    shop.fault("reconFile$", status=500, skip=1)
    with pytest.raises(WalmartServerError):
        land(tmp_path, "one")
    assert len(files(tmp_path)) == 1
    shop.no_faults()
    result = land(tmp_path, "one")
    assert len(result["reports"]) == len(files(tmp_path)) == 3
    assert result["rows"] == 50
    # Cleared later, it tells the same and downloads nothing.
    before = downloads(shop)
    assert land(tmp_path, "one") == {**result, "rows": 0}
    assert downloads(shop) == before
    assert land(tmp_path, "two")["reports"] == []


def test_csv_is_what_walmart_made(shop, tmp_path):
    land(tmp_path)
    text = (tmp_path / files(tmp_path)[0]).read_text()
    assert text.startswith("Period Start Date,Period End Date,Total Payable")
    assert len(text.splitlines()) == 26


def test_lines_join_orders(shop, tmp_path):
    land(tmp_path, output_format="parquet")
    (first, *_) = rows = pq.read_table(tmp_path / files(tmp_path)[-1]).to_pylist()
    assert [row["row_number"] for row in rows] == list(range(25))
    assert isinstance(first["report_date"], date)
    assert first["transaction_posted"] == first["report_date"]
    assert first["purchase_order_number"].isdigit()
    assert first["partner_item_id"].startswith("SKU-")
    assert first["amount"] > 0
    assert first["_extra"] is None


HEADER = (
    "Period Start Date,Period End Date,Total Payable,Currency,Transaction Key,Transaction Posted Timestamp,"
    "Transaction Type,Customer Order #,Customer Order line #,Purchase Order #,Purchase Order  line #,Amount,Amount Type,"
    "Ship Qty,Partner Item Id,Ship to City,Ship to Zipcode,Brand New #"
)
ROWS = (
    "12/11/2025,12/19/2025,0.74,USD,,01/02/2025,PaymentSummary,,,,,,,,,,,",
    '"""""","""""",,USD,2020_12_19_317,12/18/2020,Sale,6222001976751,1,1803550130406,1,14.98,Product Price,1,sku-123,'
    "Bentonville,72712,x",
    ',,,USD,k,12/18/2020,Sale,1,1,2,1,"1,234.5",Fee,two,sku-1,Rome,1,""',
    ",,,USD,k,12/18/2020,Sale,1,1,2,1,-0.12345,Fee,2.0,sku-1,Rome,1,",
)


def archive(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("recon.csv", text)
    return made.getvalue()


def served(wire, monkeypatch, content: bytes, dates=("12192025",)) -> None:
    def reply(request):
        if request.path == "/v3/token":
            return token()
        if "availableReconFiles" in request.path:
            return http(body={"availableApReportDates": list(dates)})
        return http(body=content, content_type="application/octet-stream")

    server = wire(reply)
    connection = {"conn_type": "walmart", "login": "an-id", "password": "s", "host": server.url}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(connection))


def test_odd_headers_and_values(shop, wire, monkeypatch, tmp_path):
    served(wire, monkeypatch, archive("\ufeff" + "\r\n".join((HEADER, *ROWS)) + "\r\n"))
    land(tmp_path, output_format="parquet", personal_data="keep")
    summary, sale, comma, rounded = pq.read_table(tmp_path / "settlement_2025-12-19.parquet").to_pylist()
    assert summary["report_date"] == date(2025, 12, 19)
    assert summary["total_payable"] == Decimal("0.74")
    assert summary["period_end"] == date(2025, 12, 19)
    assert summary["purchase_order_number"] is None
    assert sale["period_start"] is None
    assert (sale["customer_order_number"], sale["customer_order_line"]) == ("6222001976751", "1")
    assert (sale["purchase_order_number"], sale["purchase_order_line"]) == ("1803550130406", "1")
    assert (sale["amount"], sale["ship_qty"], sale["ship_to_city"]) == (Decimal("14.98"), 1, "Bentonville")
    assert json.loads(sale["_extra"]) == {"Brand New #": "x"}
    assert (comma["amount"], comma["ship_qty"]) == (None, None)
    assert json.loads(comma["_extra"]) == {"amount": "1,234.5", "ship qty": "two"}
    assert (rounded["amount"], rounded["ship_qty"]) == (Decimal("-0.1234"), 2)
    assert json.loads(rounded["_extra"]) == {"amount": "-0.12345"}


def test_personal_data_is_dropped(shop, wire, monkeypatch, tmp_path):
    served(wire, monkeypatch, archive("\n".join((HEADER, *ROWS))))
    land(tmp_path, output_format="parquet")
    found = str(pq.read_table(tmp_path / "settlement_2025-12-19.parquet").to_pylist())
    assert "Bentonville" not in found
    assert "72712" not in found


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 breaks off", archive(""), archive("a,b\n1\n")])
def test_a_damaged_report_leaves_no_file(content, shop, wire, monkeypatch, tmp_path):
    served(wire, monkeypatch, content)
    with pytest.raises(WalmartReportFailedError):
        land(tmp_path, output_format="parquet")
    assert list(tmp_path.glob("**/*.parquet")) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"personal_data": "hash"}, "personal_data is for output_format='parquet'"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, message, shop, tmp_path):
    with pytest.raises(AirflowFailException, match=message):
        land(tmp_path, **fields)
    assert not shop.received("^/v3/(?!token)")

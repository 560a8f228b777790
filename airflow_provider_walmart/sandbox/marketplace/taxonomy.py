"""The taxonomy of items: the product types that have a spec here, as categories, groups and departments."""

from __future__ import annotations

from typing import Any

from airflow_provider_walmart.sandbox.marketplace.documented import Draft, Fill
from airflow_provider_walmart.sandbox.marketplace.item_specs import PRODUCT_TYPES

CATEGORY, DEPARTMENT, DEPARTMENT_ID = "Home", "Home and Kitchen", "4044"


def item_taxonomy(draft: Draft) -> Any:
    """Return the product types by group.

    :param draft: the answer to ``GET /v3/items/taxonomy``.
    """
    answer = draft.over(
        {"itemTaxonomy": {"category": CATEGORY, "description": CATEGORY}, "payload": [_category()]}
    )
    answer["itemTaxonomy"]["productTypeGroup"] = [
        {
            "productTypeGroupName": DEPARTMENT,
            "description": DEPARTMENT,
            "productType": [{"productTypeName": name, "description": name} for name in PRODUCT_TYPES],
            "department": [{"departmentName": DEPARTMENT, "departmentNumber": DEPARTMENT_ID}],
        }
    ]
    return {**answer, "payload": [_category()]}


def categories(draft: Draft) -> Any:
    """Return the categories.

    :param draft: the answer to ``GET /v3/utilities/taxonomy``.
    """
    return {**draft.made(), "payload": [_category()]}


def departments(draft: Draft) -> Any:
    """Return the departments.

    :param draft: the answer to ``GET /v3/utilities/taxonomy/departments``.
    """
    department = {"departmentName": DEPARTMENT, "departmentId": DEPARTMENT_ID}
    whole = {"superDepartment": CATEGORY, "superDepartmentId": "4000", "departments": [department]}
    return {**draft.made(), "payload": [whole]}


def department(draft: Draft) -> Any:
    """Return the categories of a department.

    :param draft: the answer to ``GET /v3/utilities/taxonomy/departments/{departmentId}``.
    """
    known = draft.call.path["departmentId"] == DEPARTMENT_ID
    found = [
        {"categoryName": name, "categoryId": str(number)} for number, name in enumerate(PRODUCT_TYPES, 1)
    ]
    answer = draft.made()
    if known:
        answer["response"] |= {"departmentName": DEPARTMENT, "category": found}
    return answer


def _category() -> dict[str, Any]:
    return {
        "category": CATEGORY,
        "subcategory": [
            {"subCategoryName": name, "subCategoryId": str(number)}
            for number, name in enumerate(PRODUCT_TYPES, 1)
        ],
    }


_PATH = "/v3/utilities/taxonomy"
FILLS: dict[tuple[str, str], Fill] = {
    ("GET", "/v3/items/taxonomy"): item_taxonomy,
    ("GET", _PATH): categories,
    ("GET", f"{_PATH}/departments"): departments,
    ("GET", f"{_PATH}/departments/{{departmentId}}"): department,
}

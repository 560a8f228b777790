"""The drawings of the docs are those that the docs build makes."""

from __future__ import annotations

import importlib.util

import pytest

from tests.helpers.documents import CHECKOUT

_spec = importlib.util.spec_from_file_location("drawings", CHECKOUT / "docs" / "_ext" / "drawings.py")
drawings = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawings)


@pytest.mark.parametrize("name", drawings.DRAWINGS)
def test_a_drawing_is_up_to_date(name):
    committed = (CHECKOUT / "docs" / "images" / f"{name}.svg").read_text("utf-8")
    assert drawings.svg_of(drawings.DRAWINGS[name]) == committed


def test_every_drawing_is_made_by_the_build():
    committed = {path.stem for path in (CHECKOUT / "docs" / "images").glob("*.svg")}
    assert committed == set(drawings.DRAWINGS)

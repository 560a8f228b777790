"""Settings of the documentation site; ``make docs`` builds it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
# The reference is read from the classes, which import Airflow; it is to leave the Airflow of this machine alone.
os.environ["AIRFLOW_HOME"] = str(HERE / "_build" / ".airflow")
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"

from airflow_provider_walmart import __version__  # noqa: E402

project = "airflow-provider-walmart"
author = "The authors of airflow-provider-walmart"
copyright = "Apache-2.0"  # noqa: A001 - Sphinx wants this name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_llms_txt",
    "made_pages",
    "drawings",
]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
# The types stand in the signatures and the descriptions in the docstrings.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# A name in single backticks, as the docstrings have them, is code; where it is known, a link.
default_role = "py:obj"

nitpicky = True
# Names of Airflow, requests and Python are not linked, since the build reads nothing from the network.
nitpick_ignore_regex = [("py:.*", r"(?!airflow_provider_walmart\.).*"), ("py:mod", ".*")]

html_theme = "furo"
html_title = f"Walmart for Apache Airflow {release}"
html_theme_options = {"top_of_page_buttons": []}
html_static_path = ["_static"]
html_css_files = ["site.css"]

llms_txt_title = "Walmart for Apache Airflow"
llms_txt_summary = (
    "Connection types, hooks, operators, sensors and triggers for Walmart Marketplace and Walmart GoLocal, and a "
    "sandbox server to test against."
)
# Relative, since nobody knows where the site will be.
llms_txt_uri_template = "_sources/{docname}{suffix}{sourcelink_suffix}"
# Their sources say little: they are completed when they are built.
llms_txt_exclude = ["reference/*", "operations", "changelog"]

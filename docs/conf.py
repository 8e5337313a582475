"""Sphinx configuration."""

import re

import mfpde

project = "mfpde"
author = "The mfpde developers"
project_copyright = "2026, The mfpde developers"
version = release = mfpde.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Mean-field training dynamics", "fixed_sidebar": True, "page_width": "1100px"}

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
# Shapes such as (n, d) in the types of parameters are no names to link.
napoleon_use_param = False
napoleon_use_rtype = False


def keep_bars(app, what, name, obj, options, lines):
    """Norms such as |x| are text, not substitutions; code in double backticks stays as it is."""
    for i, line in enumerate(lines):
        parts = re.split(r"(``[^`]*``)", line)
        lines[i] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def setup(app):
    """Install the hook, before napoleon turns sections into fields."""
    app.connect("autodoc-process-docstring", keep_bars, priority=100)

"""Sphinx configuration."""

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

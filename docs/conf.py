"""Sphinx configuration: ``python -m sphinx -W --keep-going -b html docs docs/_build``."""

import os

# Before anything imports TensorFlow: its start-up notices would be printed into the build, and one backend keeps the
# examples' figures comparable.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import sk_cifar_ovr  # noqa: E402

project = "sk_cifar_ovr"
author = "the sk_cifar_ovr developers"
copyright = author
version = release = sk_cifar_ovr.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
default_role = "literal"
# A reference to nothing is an error.
nitpicky = True
# But for names that numpydoc makes references of: attributes, and estimators elsewhere under "See Also".
nitpick_ignore_regex = [("py:obj", ".*")]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

autosummary_generate = True
autodoc_typehints = "none"
# Methods get their summaries from _templates/autosummary/class.rst; numpydoc would list inherited ones too.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sk_cifar_ovr",),
    "reference_url": {"sk_cifar_ovr": None},
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_show_sourcelink = False
toc_object_entries_show_parents = "hide"
# Pages of their own get the width that code and tables need.
html_sidebars = {
    page: []
    for page in ("index", "guide", "data", "accuracy", "losses", "speed", "clusters", "embeddings", "auto_examples/*")
}
html_theme_options = {"secondary_sidebar_items": ["page-toc"], "show_prev_next": False}

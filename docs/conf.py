"""Sphinx configuration. Build with `poe docs`, or `make html` in this folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import rmt_alpha

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from _explore_pictures import draw as draw_explorer  # noqa: E402
from _pictures import draw_figures, draw_records, write_figure_pages  # noqa: E402

project = "rmt_alpha"
author = "The rmt_alpha authors"
copyright = f"2026, {author}"
release = version = rmt_alpha.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "_templates",
    "Thumbs.db",
    ".DS_Store",
    "gallery",  # scripts; their pages are made in generated/gallery, with notebooks for downloading
    "generated/gallery/**/*.ipynb",
    # Of MathJax, what is no part of drawing TeX as HTML: other combinations of the same code.
    "mathjax/*-full*",
    "mathjax/*-svg*",
    "mathjax/*mml-*",
    "mathjax/node-main.js",
]
templates_path = ["_templates"]

# Links into other projects' pages need their inventories from the internet. They are a convenience: only the
# hosted builds ask for them, so that the documentation builds anywhere, warnings being errors.
if "READTHEDOCS" in os.environ:
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "matplotlib": ("https://matplotlib.org/stable", None),
        "mpmath": ("https://mpmath.org/doc/current", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "python": ("https://docs.python.org/3", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
    }

# --- Markdown and notebooks ---------------------------------------------------------------------------------
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Notebooks are kept without outputs; they run here, and one that fails ends the build.
nb_execution_mode = "auto"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True

# --- API pages ----------------------------------------------------------------------------------------------
# One page per public name, made from the tables in api.md.
autosummary_generate = True
autodoc_typehints = "none"  # the numpydoc sections say more: shape, range, meaning
autodoc_member_order = "bysource"
default_role = "py:obj"  # `name` in a docstring links to it if it has a page
numpydoc_show_class_members = False  # the template _templates/autosummary/class.rst does it
numpydoc_class_members_toctree = False
# What a public function or class must say, and say truly: its parameters, no others, in order; what it
# returns; an example. Methods may be one-liners, their class explains them.
numpydoc_validation_checks = {"EX01", "GL06", "GL07", "PR01", "PR02", "PR03", "PR07", "RT01", "RT03", "SS03"}
# The classes that follow explain their fields one by one, or are abstract; nobody makes an error by hand.
numpydoc_validation_exclude = {
    r"\.[A-Z]\w*\.",
    r"\.(EffectiveRidge|LinearCoefficients|Optimum|\w*Curve)$",
    r"\.errors\.",
}

# --- The gallery: scripts called plot_* are run, those of the paper's figures have been ----------------
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "backreferences_dir": "generated/backreferences",  # the pages of the API show who uses them
    "doc_module": ("rmt_alpha",),
    "reference_url": {"rmt_alpha": None},
    "subsection_order": ["gallery/curves", "gallery/models", "gallery/data", "gallery/figures"],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib", "_pictures.house_style"),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 2,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
    "thumbnail_size": (480, 300),
}

# --- Figures drawn while building: `{eval-rst}` with `.. plot::` --------------------------------------------
plot_formats = [("png", 150)]
plot_html_show_formats = False
plot_html_show_source_link = False

# --- HTML ---------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"rmt_alpha {release}"
html_show_sourcelink = False
# MathJax lies beside the pages, which draw their formulas without a network. Of the package that carries it
# only the files are used: as an extension it forbids reading in parallel.
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
html_static_path = ["_static", str(Path(_mathjax.origin).parent / "static")]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}  # light or dark, as the reader has it
mathjax_path = "mathjax/tex-chtml.js"
html_sidebars = {"index": ()}  # every other page lists the pages behind its door
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def copy_notebooks() -> None:
    """Put the notebooks, which live beside this folder, where Sphinx can see them (ignored by git there).

    Unchanged files are left alone, so that a second build does not read them again.
    """
    folder = HERE / "tutorial"
    wanted = {path.name: path for path in (HERE.parent / "notebooks").glob("*.ipynb")}
    for stale in folder.glob("*.ipynb"):
        if stale.name not in wanted:
            stale.unlink()
    for name, source in wanted.items():
        target = folder / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)


copy_notebooks()


draw_figures()
draw_records()
# The application in the browser; pictures that exist are kept, too.
draw_explorer(HERE / "generated" / "explore", HERE / "generated" / "figures")
write_figure_pages()

"""Sphinx configuration. Build with `poe docs`, or `make html` in this folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import rmt_alpha
from rmt_alpha.experiments.figures.registry import NAMES, NEED_DATA
from rmt_alpha.experiments.networks.results.drawing import draw_all
from rmt_alpha.experiments.networks.results.runs import RunRecord
from rmt_alpha.experiments.reproduce import reproduce
from rmt_alpha.experiments.study.report import draw, read_summary
from rmt_alpha.experiments.study.transfers import cell_report

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import explore_pictures  # noqa: E402  # of this folder

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
]
exclude_patterns = ["_build", "_templates", "Thumbs.db", ".DS_Store"]
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
# Notebooks are executed by pytest (`poe notebooks`), where a failure is reported as one; here they are shown.
nb_execution_mode = "off"

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

# --- Figures drawn while building: `{eval-rst}` with `.. plot::` --------------------------------------------
plot_formats = [("png", 150)]
plot_html_show_formats = False
plot_html_show_source_link = False

# --- HTML ---------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_title = f"rmt_alpha {release}"
html_show_sourcelink = False
# Pages without subpages need no navigation beside them; their tables need the room.
_single = (
    "changelog",
    "cli",
    "contributing",
    "experiments/*",
    "explore",
    "from_data/*",
    "how_to_choose",
    "lora",
    "scope",
    "simulation",
    "theory/*",
    "validation/*",
)
html_sidebars = dict.fromkeys(_single, ())
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
}
# MathJax typesets in the reader's browser; building needs no network. For readers without one, point this at
# a local copy of MathJax.
if mathjax := os.environ.get("RMT_ALPHA_MATHJAX"):
    mathjax_path = mathjax

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


def draw_figures() -> None:
    """Make the figures that need no data files, with small simulations, where figures.md looks for them.

    Files that exist are kept: delete docs/generated/figures to draw them again.
    """
    folder = HERE / "generated" / "figures"
    names = [name for name in NAMES if name not in NEED_DATA]
    reproduce([name for name in names if not (folder / f"{name}.png").exists()] or (), folder, quick=True)


draw_figures()


def draw_records() -> None:
    """Draw the figures of glue.md and study.md from the results, which are committed."""
    figures = HERE / "generated" / "figures"
    draw_all(RunRecord(HERE / "results" / "glue_minilm.jsonl"), figures)
    for name in ("amazon", "embeddings", "mnist"):
        summary = read_summary(HERE / "results" / f"{name}_summary.csv")
        draw(summary, name).savefig(figures / f"study_{name}.png", dpi=150)
    cells = cell_report.read_cells(HERE / "results" / "transfers_cells.csv")
    cell_report.draw(cells).savefig(figures / "study_transfers.png", dpi=150)


draw_records()
# Pictures of the application in the browser; those that exist are kept, too.
explore_pictures.draw(HERE / "generated" / "explore", HERE / "generated" / "figures")

"""Builds the site from these pages; which page comes after which is said here, so that pages stay plain Markdown."""

import re
from pathlib import Path

from sphinx.application import Sphinx

_HERE = Path(__file__).parent

project = "Pivot"
author = "The Pivot authors"
version = re.findall(
    r'__version__ = "(.+)"', (_HERE.parent / "pivot_core" / "__init__.py").read_text()
)[0]

extensions = ["myst_parser"]
exclude_patterns = ["**/images"]
nitpicky = True
smartquotes = False  # it makes a dash of --option
highlight_language = "text"
pygments_style = "default"
pygments_dark_style = "github-dark"

myst_heading_anchors = 4
myst_linkify_fuzzy_links = False

html_theme = "furo"
html_title = f"Pivot {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"footer_icons": list[dict[str, str]]()}

# The sidebar: captions, and pages below them. Below another index page are those beside it that it links to.
_CONTENTS = {
    "Start": ["getting-started", "tutorials/index", "how-it-works", "comparison"],
    "Guide": [
        *("guide/pipelines", "guide/running", "guide/why", "guide/dashboard", "guide/watch"),
        *("guide/results", "guide/data", "guide/remotes", "guide/ci"),
        *("guide/from-dvc", "guide/configuration", "guide/troubleshooting"),
    ],
    "Reference": ["reference/index", "formats", "glossary"],
    "How it is built": ["architecture/index", "adr/index", "solutions/index"],
}
_BESIDE = re.compile(r"\]\(([\w-]+)\.md\)")


def _with_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Adds to an index page the pages below it, as tables of contents that only the sidebar shows."""
    if page == "index":
        for caption, pages in _CONTENTS.items():
            source[0] += _contents(pages, f":caption: {caption}\n")
    elif page.endswith("/index"):
        source[0] += _contents(list(dict.fromkeys(_BESIDE.findall(source[0]))))


def _contents(pages: list[str], options: str = "") -> str:
    return f"\n```{{toctree}}\n:hidden:\n{options}\n" + "\n".join(pages) + "\n```\n"


def setup(app: Sphinx) -> None:
    """Is called by Sphinx."""
    app.connect("source-read", _with_contents)

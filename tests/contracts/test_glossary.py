"""The glossary knows every word that the code is named by."""

import re

from tests.contracts.sources import OURS, ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text()
TERMS = re.findall(r"^\*\*(.+?)\*\*: \S", TEXT, re.MULTILINE)


def test_terms_are_sorted_and_each_is_there_once() -> None:
    folded = [term.casefold() for term in TERMS]
    assert folded == sorted(set(folded))


def test_each_entry_is_a_term_a_colon_and_a_sentence() -> None:
    entries = [line for line in TEXT.splitlines() if line.startswith("**")]
    assert len(entries) == len(TERMS)
    assert [entry for entry in entries if not entry.endswith(".")] == []


def test_each_module_is_named_after_a_term() -> None:
    """Verbs are named after the commands that they are; dunder modules by the language."""
    terms = {term.casefold() for term in TERMS}
    names = {
        part: module.name
        for module in OURS
        if ".verbs." not in module.name
        for part in module.name.split(".")[1:]
        if not part.startswith("__")
    }
    assert {part: names[part] for part in names if part not in terms} == {}

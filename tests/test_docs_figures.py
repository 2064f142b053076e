"""Figures in the documentation are those of the committed result files."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def docs_figures(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    before = set(sys.modules)
    import docs_figures

    for folder in ("TABLES", "IMAGES"):
        monkeypatch.setattr(docs_figures, folder, tmp_path / folder)
        (tmp_path / folder).mkdir()
    text = re.sub(r"(?s)(?<=independent -->\n).*(?=\n<!-- end)", "", (ROOT / "README.md").read_text())
    (tmp_path / "README.md").write_text(text)
    monkeypatch.setattr(docs_figures, "README", tmp_path / "README.md")
    yield docs_figures
    for name in set(sys.modules) - before:
        if str(ROOT / "benchmarks") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_tables_of_the_documentation_follow_from_the_results(docs_figures, tmp_path):
    docs_figures.main()
    written = {path.name: path.read_text() for path in (tmp_path / "TABLES").iterdir()}
    committed = {path.name: path.read_text() for path in (ROOT / "docs" / "tables").iterdir()}
    assert written == committed
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text()
    for picture in ("accuracy_classes.png", "losses.png", "losses_by_epoch.png", "growth.png"):
        assert (tmp_path / "IMAGES" / picture).stat().st_size > 10_000
        assert (ROOT / "docs" / "images" / picture).exists()


def test_pages_name_files_that_there_are():
    for page in (ROOT / "docs").glob("*.rst"):
        for name in re.findall(r":file: (\S+)|image:: (\S+)", page.read_text()):
            assert (ROOT / "docs" / "".join(name)).exists(), (page.name, name)
    for name in re.findall(r"\]\(([^):]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / name).exists(), name

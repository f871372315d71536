"""The notebooks in docs/notebooks run from an empty kernel, and are kept without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# A text that the last cells must print, so that a notebook which does nothing fails.
PRINTED = {"first_steps": "True", "own_table": "data.sha256", "study": "test.accuracy"}


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(PRINTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_an_empty_kernel(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert [cell.id for cell in notebook.cells] == [f"cell-{i}" for i in range(len(notebook.cells))]
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in code for output in cell.outputs]
    shown = [output.get("data", {}) for output in outputs]
    texts = [o.get("text", "") + str(o.get("data", {}).get("text/plain", "")) for o in outputs]
    assert sum("image/png" in data for data in shown) >= 2
    assert sum(
        "nnlab" in data.get("text/html", "") or "<svg" in data.get("text/html", "")
        for data in shown
    )
    assert PRINTED[path.stem] in "".join(texts)
    assert {file.name for file in tmp_path.iterdir()} <= {"runs", "small.safetensors"}

"""`--to notebook`: the script of a run in cells, with the curve of its losses."""

from pathlib import Path

from nnlab.exports.check import checked_script
from nnlab.exports.trained import Exported
from nnlab.run.folder import Weights
from nnlab.run.run import Run

EXPLAINED = {
    "Imports": "",
    "Functions": "",
    "Rows and weights": "The rows as the network gets them, and the weights before training.",
    "Settings": "`expected` are the losses of the run; the training below must reach them.",
    "Training": "Forward, loss, backward, update: each line is one step of the mathematics.",
}
CURVE = """\
import matplotlib.pyplot as plt

plt.plot(range(1, epochs + 1), losses)
plt.xlabel("epoch")
plt.ylabel("training loss")
plt.yscale("log")
plt.show()"""


def export_notebook(run: Run, path: Path, weights: Weights) -> Exported:
    """The notebook after its code was run; a note about its exactness.

    Raises as `export_script`.
    """
    import nbformat
    from nbformat import v4

    script, note = checked_script(run, path.stem, f'"{path.with_suffix(".npz").name}"')
    cells = [v4.new_markdown_cell(f"# {script.title}\n\n{script.setup}\n\n{script.about}")]
    for title, lines in script.sections.items():
        if EXPLAINED[title]:
            cells.append(v4.new_markdown_cell(f"## {title}\n\n{EXPLAINED[title]}"))
        if lines:
            cells.append(v4.new_code_cell(lines))
    cells += [v4.new_markdown_cell("## The curve"), v4.new_code_cell(CURVE)]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # random otherwise
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return Exported(nbformat.writes(notebook), script.arrays, (note,))

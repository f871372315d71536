"""The shipped folder of images: what it holds, and the copy that `nnlab init` makes of it."""

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import Result
from PIL import Image

import nnlab as api

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "configs" / "shapes"
Nnlab = Callable[..., Result]


def test_the_files_are_the_images_of_their_script() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "shapes.py"))["images"]()
    files = {file.relative_to(FOLDER).as_posix(): file for file in FOLDER.rglob("*.png")}
    assert files.keys() == drawn.keys()
    for path, pixels in drawn.items():
        np.testing.assert_array_equal(np.asarray(Image.open(files[path])), pixels, err_msg=path)
    assert sum(file.stat().st_size for file in files.values()) < 40_000


def test_a_copy_trains_at_once(nnlab: Nnlab, tmp_path: Path) -> None:
    assert nnlab("init", "shapes", "mine/s.yaml").stdout == "mine/s.yaml\nmine/shapes\n"
    copied = sorted(file.relative_to("mine/shapes") for file in Path("mine/shapes").rglob("*.png"))
    assert copied == sorted(file.relative_to(FOLDER) for file in FOLDER.rglob("*.png"))
    run = api.train("mine/s.yaml", runs=tmp_path, epochs=1)
    assert run.data.name == str(Path("mine/shapes").resolve())
    assert run.data.class_names == ("circle", "square", "triangle")


def test_nothing_is_overwritten(nnlab: Nnlab) -> None:
    own = Path("shapes/circle/own.png")
    own.parent.mkdir(parents=True)
    own.touch()
    refused = nnlab("init", "shapes")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "shapes exists already; --force overwrites it." in refused.stderr
    assert not Path("shapes.yaml").exists()
    Path("xor").mkdir()
    assert nnlab("init", "xor").exit_code == 0  # has no folder
    assert nnlab("init", "shapes", "--force").exit_code == 0
    assert own.exists()
    assert len(list(own.parent.iterdir())) == 41


def test_the_copy_is_no_place_of_its_own_files(nnlab: Nnlab) -> None:
    for name, file in (("shapes", "shapes"), ("transfer", "transfer.safetensors")):
        refused = nnlab("init", name, file, "--force")
        assert (refused.exit_code, Path(file).exists()) == (2, False)
        assert f"{file} is the place of what the config needs" in refused.stderr


def test_no_config_without_its_files(nnlab: Nnlab) -> None:
    Path("shapes").touch()
    assert nnlab("init", "shapes", "--force").exit_code == 7
    assert not Path("shapes.yaml").exists()


def test_a_place_of_the_schema_that_is_taken(nnlab: Nnlab) -> None:
    schema = Path("nnlab.schema.json")
    schema.symlink_to("nowhere")
    assert nnlab("init", "xor").exit_code == 0
    assert schema.stat().st_size > 1000
    schema.unlink()
    schema.mkdir()
    assert nnlab("init", "linear").exit_code == 0
    assert schema.is_dir()


def test_a_new_image_is_recognized(tmp_path: Path) -> None:
    """In three of three seeds at least 28 of 30 test images are right; a guess has 10."""
    run = api.train("shapes", runs=tmp_path)
    assert api.evaluate(run)["accuracy"] > 0.85

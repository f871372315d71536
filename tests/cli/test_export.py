"""`nnlab export`."""

import re

from nnlab.cli.export import command
from nnlab.exports.targets import TARGETS


def test_the_help_names_every_target():
    listed = re.findall(r"^ *(\w+)  +\S", command.help, re.MULTILINE)
    assert listed == list(TARGETS)


def test_a_run_goes_into_a_file(nnlab, tmp_path):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=20")
    done = nnlab("export", "latest", "--to", "script")
    path = done.stdout.strip()
    assert path.endswith("exports/script.py")
    assert done.stderr.startswith("Checked: it trains again, and its losses differ by at most ")
    done = nnlab("export", "latest", "--to", "torch", "-o", str(tmp_path / "t.py"))
    assert (tmp_path / "t.npz").exists()
    assert done.exit_code == 0


def test_what_cannot_be_exported(nnlab):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=0")
    done = nnlab("export", "latest", "--to", "script")
    assert done.exit_code == 2
    assert "has no finished epoch" in done.stderr
    assert nnlab("export", "latest", "--to", "keras").exit_code == 2
    assert nnlab("export", "nothing", "--to", "c").exit_code == 6

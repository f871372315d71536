"""The compiled code as a file that is loaded without the compiler."""

import subprocess
import sys

import pytest

from nnlab.engine.compiled import objects

binding = pytest.importorskip("llvmlite.binding")

LOADED = """
import sys
from nnlab import train
train("identity8", runs=sys.argv[1], epochs=3, training__engine="compiled")  # compiles if need be
print(*[name for name in ("numba", "scipy") if name in sys.modules])
"""


def test_a_compiled_run_imports_no_compiler(tmp_path):
    """Twice: the first may have to compile."""
    command = [sys.executable, "-c", LOADED, str(tmp_path)]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert objects.is_compiled("float64")


@pytest.mark.parametrize(("called", "named"), [("erfc", ""), ("NRT_incref", "NRT_incref")])
def test_code_that_only_numba_could_link_is_refused(called, named):
    """Linked into a process without numba it would end that process."""
    module = binding.parse_assembly(
        f"declare double @{called}(double)\n"
        "define double @never(double %x) {\n"
        "  %y = call double @PyErr_Clear(double %x)\n  ret double %y\n}\n"
        "declare double @PyErr_Clear(double)\n"
        f"define double @{objects.NAME}(double %x) {{\n"
        f"  %y = call double @{called}(double %x)\n  ret double %y\n}}\n"
    )
    target = objects._machine()
    if not named:
        objects._strip(module, target)
        assert "PyErr_Clear" not in str(module)
    else:
        with pytest.raises(RuntimeError, match=f"The kernels call what C does not have: {named}."):
            objects._strip(module, target)


def test_the_product_of_blas_is_where_scipy_says():
    assert objects.gemm("float64") != objects.gemm("float32") > 0

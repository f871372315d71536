"""The compiled code as a file that is loaded without the compiler."""

import subprocess
import sys

import pytest

from nnlab.engine.compiled import objects
from nnlab.errors import ConfigError

binding = pytest.importorskip("llvmlite.binding")
entry = pytest.importorskip("nnlab.engine.compiled.entry")

LOADED = """
import sys
from nnlab import train
train("identity8", runs=sys.argv[1], epochs=3, training__engine="compiled")  # compiles if need be
print(*[name for name in ("numba", "scipy") if name in sys.modules])
"""


def test_a_compiled_run_imports_no_compiler(tmp_path):
    """Nor does the first, which may have to compile: in another process."""
    command = [sys.executable, "-c", LOADED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert objects.is_compiled("float64-dense")


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
    target = objects.machine("", "")
    if not named:
        entry.optimize(module, target)
        assert "PyErr_Clear" not in str(module)
    else:
        with pytest.raises(RuntimeError, match=f"The kernels call what C does not have: {named}."):
            entry.optimize(module, target)


def test_a_compiler_that_fails_is_an_error(monkeypatch):
    """The settings of numba in this process do not reach it; the processor's name does."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    with pytest.raises(ConfigError, match=r"could not compile the kernels \(.*float16"):
        objects._compile("float16")


def test_a_numba_that_does_not_suit_numpy_is_named(monkeypatch, tmp_path):
    """Numba refuses to be imported then, and `find_spec` does not see that."""
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.3 or less')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ConfigError) as caught:
        objects._compile("float64")
    reason = "(ImportError: Numba needs NumPy 2.3 or less). Use numpy."
    assert str(caught.value).endswith(f"could not compile the kernels {reason}")


def test_the_product_of_blas_is_where_scipy_says():
    assert objects.gemm("float64") != objects.gemm("float32") > 0


LIMITED = """
import numpy
from threadpoolctl import threadpool_info
from nnlab.engine import blas
from nnlab.engine.compiled import objects
before = blas.threads()
objects.gemm("float32")
with blas.one_thread():
    print(before, *{library["num_threads"] for library in threadpool_info()})
"""


def test_the_blas_that_scipy_brings_is_limited_too(monkeypatch):
    """Its threads beside those of a team would wait for each other most of the time."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    command = [sys.executable, "-c", LIMITED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "1"]


def test_numba_settings_name_another_processor(monkeypatch):
    """For the column of AVX2 in benchmarks; one of them alone says too little."""
    here = objects._processor()
    monkeypatch.setenv("NUMBA_CPU_NAME", "znver3")
    assert objects._processor() == here
    monkeypatch.setenv("NUMBA_CPU_FEATURES", "+avx2,+fma")
    assert objects._processor() == {"name": "znver3", "features": "+avx2,+fma"}

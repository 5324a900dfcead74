"""The notebook and the script of examples/python run with what the wheel needs, and show what they promise."""
import os
import pathlib
import re
import subprocess
import sys

import itk
import numpy as np
import pytest
from sinkhorn_testing import dice, make_ellipse, minimum_jacobian


def find_example(name):
    folder = os.environ.get("SINKHORN_EXAMPLES") or pathlib.Path(__file__).parents[2] / "examples" / "python"
    return pathlib.Path(folder, name)


def test_notebook(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    path = find_example("large_deformations_in_five_minutes.ipynb")
    assert path.stat().st_size < 200_000
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 6
    stages = re.findall(r"(springs.*): Dice ([\d.]+), smallest det J (-?[\d.]+), folded ([\d.]+) %", text)
    assert len(stages) == 2
    for _, score, determinant, folded in stages:
        assert float(score) > 0.95 and float(determinant) > 0 and float(folded) == 0
    assert "['transform.h5', 'warped.nii.gz']" in text


@pytest.mark.parametrize("metric", ["sinkhorn", "meansquares"])
def test_script_swaps_the_metric(metric, tmp_path):
    fixed, moving = make_ellipse(64, [18, 28], [10, 10]), make_ellipse(64, [46, 34], [8, 12])
    itk.imwrite(fixed, str(tmp_path / "fixed.nii.gz"))
    itk.imwrite(moving, str(tmp_path / "moving.nii.gz"))
    command = [sys.executable, str(find_example("syn_with_sinkhorn.py")), "fixed.nii.gz", "moving.nii.gz", "warped.nii.gz"]
    command += ["--metric", metric, "--transform", "transform.h5", "--quiet"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    before, after = (float(number) for number in re.search(r"difference (\S+) before, (\S+) after", run.stdout).groups())
    warped = itk.imread(str(tmp_path / "warped.nii.gz"), itk.F)
    assert np.square(np.asarray(warped) - np.asarray(fixed)).mean() == pytest.approx(after, rel=1e-4)
    transform = itk.transformread(str(tmp_path / "transform.h5"))[0]
    if metric == "sinkhorn":
        assert dice(fixed, warped) > 0.85
        assert after < 0.3 * before
        assert minimum_jacobian(transform, fixed) > 0
    else:
        # Shapes that do not overlap give mean squares no direction.
        assert dice(fixed, warped) < 0.3

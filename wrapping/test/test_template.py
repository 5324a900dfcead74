"""sinkhorn-template: a mean in intensities and shape."""
import csv
import os
import subprocess
import sys
import time

import itk
import numpy as np
import pytest

pytest.importorskip("distributed", reason="the extra [cohort] is not installed")

import itk_sinkhorn_cohort as cohort
from cohort_testing import make_client, shift_register, write_group
from itk_sinkhorn_cohort import average, command
from sinkhorn_testing import make_ellipse


def write_subjects(folder, files):
    path = folder / "images.csv"
    path.write_text("image,labels,id\n" + "".join(f"{image.name},{labels.name},s{k}\n" for k, (image, labels) in enumerate(files)))
    return path


def test_rigid_fit():
    generator = np.random.default_rng(5)
    points, weights = generator.random((50, 3)) * 30, generator.random(50)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    rotation, translation = average.fit_rigid(points, points @ turn.T + [1, 2, 3], weights)
    assert rotation == pytest.approx(turn, abs=1e-9) and translation == pytest.approx([1, 2, 3], abs=1e-9)


def test_the_mean_of_opposite_stretches_is_in_the_middle():
    """Radii 8, 10 and 12 along x: the shape correction brings a template of radius 8 to 10."""
    image = make_ellipse(48, [24, 24], [8, 12])
    points = average._points(image)
    inside = np.ones(points.shape[:-1], bool)
    residuals = [average.shape_residual((points - 23.5) * [factor - 1, 0.0], points, inside) for factor in (1.0, 1.25, 1.5)]
    corrected = np.asarray(average.warp_back(image, np.mean(residuals, axis=0)))
    width = (corrected[24] > 0.5).sum()
    assert abs(width - 2 * 10) <= 2 and corrected.max() > 0.9


@pytest.mark.parametrize(
    "more, message",
    [
        (["--rounds", "affin"], "round 'affin': is unknown"),
        (["--rounds", "syn", "rigid"], "linear ones must come before"),
        (["--start", "first"], "start 'first': is unknown"),
        (["--mean", "mode"], "mean 'mode': is unknown"),
    ],
)
def test_what_is_refused(tmp_path, capsys, more, message):
    table = write_subjects(tmp_path, write_group(tmp_path, 2))
    assert command.template([str(table), "--output", str(tmp_path / "out"), *more]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_dry_run(tmp_path, capsys):
    table = write_subjects(tmp_path, write_group(tmp_path, 3))
    assert command.template([str(table), "--output", str(tmp_path / "out"), "--dry-run", "--workers", "2"]) == 0
    text = capsys.readouterr().out
    assert "start -> rigid -> affine -> syn -> syn -> syn -> final, 3 registrations" in text and not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", average.STARTS)
def test_starts(tmp_path, start):
    from itk_sinkhorn_cohort import plan, table

    files = [str(image) for image, _ in write_group(tmp_path, 3)]
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    task = plan.Task(table.Pair("start", "", ""), "key", str(tmp_path / "start"), 1, 1, 0.0)
    named = {**{path: path for path in files}, "broken": str(tmp_path / "broken.nii.gz")}
    record = average.make_start(task, named, start)
    assert list(record["problems"]) == ["broken"]
    values = np.asarray(itk.imread(str(tmp_path / "start" / "template.nii.gz")))
    assert values.shape == (32, 32) and np.isfinite(values).all()
    mean = np.mean([np.asarray(itk.imread(path)) / np.asarray(itk.imread(path)).mean() for path in files], axis=0)
    assert values.sum() == pytest.approx(mean.sum(), rel=0.15)


DRIVER = """
import sys, itk_sinkhorn_cohort as cohort
from cohort_testing import make_client, shift_register
if __name__ == "__main__":
    with make_client(1) as client, client.cluster:
        made = cohort.build_template(cohort.read_subjects(sys.argv[1]), sys.argv[2], client, rounds=("rigid", "syn"),
                                     options={"pause": 0.1, "folder": sys.argv[3]}, register=shift_register)
        print(made.dice)
"""


def test_a_driver_that_is_killed_loses_nothing(tmp_path):
    """Killed after the first and the fifth registration; what comes out is what an undisturbed run makes."""
    table = write_subjects(tmp_path, write_group(tmp_path, 4))
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])}
    calls = tmp_path / "calls"
    calls.mkdir()

    def start(output):
        return subprocess.Popen([sys.executable, str(script), str(table), str(output), str(calls)], env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def done():
        return {path: path.stat().st_ino for path in (tmp_path / "out").glob("*/*/result.json")}

    before = {}
    for count in (1, 5):
        driver = start(tmp_path / "out")
        deadline = time.monotonic() + 500
        while len(done()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        driver.kill()
        driver.communicate()
        time.sleep(1)
        after = done()
        assert len(after) >= count and before.items() <= after.items()
        before = after
    last = start(tmp_path / "out")
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, err
    assert before.items() <= done().items(), "something that was done has been done again"
    assert float(out) > 0.7
    with make_client(2) as client, client.cluster:
        made = cohort.build_template(cohort.read_subjects(table), tmp_path / "calm", client, rounds=("rigid", "syn"),
                                     options={"pause": 0.1, "folder": str(calls)}, register=shift_register)
    assert (tmp_path / "calm" / "template.nii.gz").read_bytes() == (tmp_path / "out" / "template.nii.gz").read_bytes()
    assert made.dice == float(out)
    with open(tmp_path / "out" / "convergence.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["transform"] for row in rows] == ["rigid", "syn"] and all(float(row["change"]) > 0 for row in rows)
    assert (tmp_path / "out" / "convergence.png").stat().st_size > 1000

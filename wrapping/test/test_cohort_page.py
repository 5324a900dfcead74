"""report.html of a pair and of a cohort, looked at in a browser without a screen where there is one."""
import re
import shutil
import subprocess

import itk
import numpy as np
import pytest

from cohort_testing import shift_register, write_group
from itk_sinkhorn_cohort import engine, page, plan, results, scores, table
from sinkhorn_testing import make_ellipse


def browse(path):
    """The page as it stands after its scripts have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not browser:
        pytest.skip("no Chromium is installed: pages are not looked at")
    run = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    body = re.search("<body[^>]*>", run.stdout).group()
    assert 'data-ready="yes"' in body and "data-error" not in body, body
    return run.stdout


@pytest.fixture
def record(tmp_path):
    files = write_group(tmp_path, 2)
    pair = table.Pair("a<b", *[str(files[k][0]) for k in range(2)], *[str(files[k][1]) for k in range(2)])
    task = plan.Task(pair, "key", str(tmp_path / "out"), 1, 1, 1.0)
    return engine.register_pair(task, {}, shift_register, command="sinkhorn-cohort pairs.csv --output 'out'")


def test_page_of_a_pair(record, tmp_path):
    path = tmp_path / "out" / "report.html"
    text = path.read_text()
    assert not re.search(r"(src|href)=\"?https?:", text), "the page needs a network"
    shown = browse(path)
    assert shown.count('data-painted="yes"') == 5
    assert "<h1>a&lt;b</h1>" in shown
    for piece in ("stage 1, level 1", "sinkhorn-cohort pairs.csv --output 'out'", "Dice of label 2", "itk", "1.000000"):
        assert piece in shown, piece


def test_page_of_a_cohort(record, tmp_path):
    good = {"id": "good", "status": "done", "report": record["report"], "dice_before_mean": 0.5, "dice_after_mean": 0.9}
    poor = {**good, "id": "poor", "dice_after_mean": 0.6}
    broken = {"id": "broken", "status": "failed", "message": "voxel [0, 0] is nan", "report": {}}
    folded = {**good, "id": "folded", "folded_fraction": 0.01}
    rows = [good, poor, broken, folded]
    assert [row["id"] for row in results.worst_first(rows)] == ["broken", "folded", "poor", "good"]
    page.write_cohort(tmp_path / "report.html", rows, "command")
    shown = browse(tmp_path / "report.html")
    body = shown[shown.index("<tbody>") :]
    assert body.index("broken") < body.index("poor/report.html") < body.index("good/report.html")
    assert "3 pairs done, 1 failed" in shown and "broken/report.html" not in shown


def test_determinants_in_a_rotated_grid():
    """A shear along a rotated axis keeps areas; a stretch by 2 doubles them, whatever the direction and spacing."""
    image = make_ellipse(24, [12, 12], [8, 8])
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    image.SetDirection(itk.matrix_from_array(turn))
    image.SetSpacing([0.5, 2.0])
    index = np.stack(np.meshgrid(np.arange(24.0), np.arange(24.0), indexing="ij")[::-1], axis=-1)
    points = (index * [0.5, 2.0]) @ turn.T
    for matrix, determinant in ((np.array([[2.0, 0.3], [0.0, 1.0]]), 2.0), (np.array([[1.0, 0.7], [0.0, 1.0]]), 1.0)):
        found = page._determinant(points @ (matrix - np.eye(2)).T, image)
        assert found[2:-2, 2:-2] == pytest.approx(determinant, abs=1e-4)


def test_matrix_of_a_composite_transform():
    composite = itk.CompositeTransform[itk.D, 2].New()
    shift = itk.TranslationTransform[itk.D, 2].New()
    shift.SetOffset([3.0, 4.0])
    affine = itk.AffineTransform[itk.D, 2].New()
    affine.SetMatrix(itk.matrix_from_array(np.array([[2.0, 0.0], [0.5, 1.0]])))
    composite.AddTransform(shift)
    composite.AddTransform(affine)
    matrix = np.array(page.get_matrix(composite))
    assert matrix @ [1.0, 2.0, 1.0] == pytest.approx([*composite.TransformPoint([1.0, 2.0]), 1.0])


def test_labels_keep_their_numbers():
    values = np.zeros((6, 8))
    values[1:3, 2:5], values[4, 6] = 70000, 3
    labels = itk.image_from_array(values)
    warped = scores.warp_labels(labels, labels)
    assert set(np.unique(np.asarray(warped))) == {0, 3, 70000}
    assert scores.dice(labels, warped) == {"3": 1.0, "70000": 1.0}
    shift = itk.TranslationTransform[itk.D, 2].New()
    shift.SetOffset([1.0, 0.0])
    assert scores.dice(labels, scores.warp_labels(labels, labels, shift)) == {"3": 0.0, "70000": pytest.approx(2 / 3)}

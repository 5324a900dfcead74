"""itk.sinkhorn_registration_method() and the fold-free registration methods."""
import threading

import itk
import numpy as np
import pytest

from sinkhorn_testing import dice, displacement_of, find_data, folded_fraction, make_blob, make_ellipse, warp


def shapes(dimension=2, size=64):
    """A disc and an ellipse that do not overlap."""
    fixed = make_ellipse(size, [0.28 * size] * dimension, [0.12 * size] * dimension)
    radii = [0.17 * size] + [0.1 * size] * (dimension - 1)
    moving = make_ellipse(size, [0.7 * size] + [0.6 * size] * (dimension - 1), radii)
    return fixed, moving


def test_arrays_in_arrays_out():
    fixed, moving = (np.asarray(image) for image in shapes())
    result = itk.sinkhorn_registration_method(fixed, moving)
    assert isinstance(result.warped, np.ndarray) and isinstance(result.displacement, np.ndarray)
    assert result.displacement.shape == fixed.shape + (2,)
    assert dice(fixed, result.warped) > 0.96
    assert folded_fraction(result.displacement.astype(float)) == 0
    report = result.report
    assert report["kept"] == "result" and report["min_jacobian"] > 0 and report["folded_fraction"] == 0
    assert report["value_after"] < 0.01 * report["value_before"]
    assert report["stages"] and report["levels"] and report["messages"]
    history = report["history"]
    assert [level["stage"] for level in history] == sorted(level["stage"] for level in history)
    assert len(history) >= len(report["stages"]) and all(np.isfinite(level["values"]).all() for level in history)
    # ITK's linear stages look once more at what their last step has led to.
    assert report["iterations"] <= sum(len(level["values"]) for level in history) <= report["iterations"] + len(history)


@pytest.mark.parametrize("pixel", ["F", "D"])
def test_volumes_there_and_back(pixel):
    fixed, moving = (itk.cast_image_filter(i, ttype=(type(i), itk.Image[getattr(itk, pixel), 3])) for i in shapes(3, 40))
    result = itk.sinkhorn_registration_method(fixed, moving, settings={"iterations": [30, 20]})
    assert dice(fixed, warp(moving, fixed, result.transform)) > 0.93
    inside = np.argwhere(np.asarray(fixed) > 0.5)[::97]
    for z, y, x in inside.tolist():
        point = [float(x), float(y), float(z)]
        there = result.transform.TransformPoint(point)
        back = result.inverse_transform.TransformPoint(there)
        assert np.linalg.norm(np.subtract(back, point)) < 0.2


def test_xarray():
    xarray = pytest.importorskip("xarray")
    fixed, moving = (itk.xarray_from_image(image) for image in shapes())
    result = itk.sinkhorn_registration_method(fixed, moving)
    assert isinstance(result.warped, xarray.DataArray)
    assert dice(fixed, result.warped) > 0.96


def test_stages_settings_masks_and_start():
    fixed, moving = shapes()
    start = itk.TranslationTransform[itk.D, 2].New()
    start.SetOffset([26.0, 20.0])
    mask = np.ones((64, 64), bool)
    calls = []
    result = itk.sinkhorn_registration_method(
        fixed,
        moving,
        stages=["affine,sinkhorn,blur=4,iterations=30", "greedy,meansquares,iterations=20x10"],
        initial_transform=start,
        fixed_mask=mask,
        progress=calls.append,
    )
    assert [stage["transform"] for stage in result.report["stages"]] == ["affine", "greedy"]
    assert dice(fixed, result.warped) > 0.95
    assert calls and calls == sorted(calls) and calls[-1] == 1.0
    assert list(start.GetOffset()) == [26.0, 20.0]


def test_a_progress_bar_needs_no_tqdm():
    fixed, moving = shapes()
    result = itk.sinkhorn_registration_method(fixed, moving, settings={"iterations": "10x5"}, progress=True)
    assert result.report["levels"]


@pytest.mark.parametrize("costs", [{(2, 5): 5.0}, ([2, 5], [[0, 5], [5, 0]]), "-,2,5\n2,0,5\n5,5,0\n"])
def test_label_costs_match_a_part_of_another_name(costs):
    y, x = np.mgrid[:64, :64]
    disc = lambda center, radius: np.hypot(x - center, y - 32) < radius
    fixed = (disc(16, 8) * 1 + disc(40, 7) * 2).astype(np.uint8)
    moving = (disc(18, 8) * 1 + disc(48, 7) * 5).astype(np.uint8)
    overlap = lambda result: dice(fixed == 2, np.asarray(result.warped) == 5)
    assert overlap(itk.sinkhorn_registration_method(fixed, moving, features="labels")) < 0.6
    result = itk.sinkhorn_registration_method(fixed, moving, features="labels", label_costs=costs)
    assert overlap(result) > 0.9
    assert result.report["labels_linked"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"metric": "ssd"}, "metric: 'ssd' is unknown"),
        ({"label_costs": {(1, 2): -3.0}}, "is negative"),
        ({"settings": {"blurr": 2}}, "there is no setting 'blurr'"),
        ({"blur": 1e6}, r"blur 1e\+06"),
        ({"stages": ["syn"]}, "stage 'syn'"),
        ({"metric": "meansquares", "settings": {"radius": 3}}, "radius: has no meaning here"),
    ],
)
def test_errors_name_the_setting(options, message):
    fixed, moving = shapes()
    with pytest.raises(RuntimeError, match=message):
        itk.sinkhorn_registration_method(fixed, moving, **options)


def test_bad_images():
    fixed, moving = shapes()
    with pytest.raises(ValueError, match="fixed_mask has the shape"):
        itk.sinkhorn_registration_method(fixed, moving, fixed_mask=np.ones((3, 3)))
    broken = np.asarray(moving).copy()
    broken[3, 4] = np.nan
    with pytest.raises(RuntimeError, match=r"moving image: voxel \[4, 3\]"):
        itk.sinkhorn_registration_method(np.asarray(fixed), broken)


def test_other_threads_run_during_a_registration():
    fixed, moving = shapes(2, 96)
    turns = 0
    stop = threading.Event()

    def count():
        nonlocal turns
        while not stop.is_set():
            turns += 1

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        turns = 0
        itk.sinkhorn_registration_method(fixed, moving, settings={"iterations": "20x10"})
        seen = turns
    finally:
        stop.set()
    thread.join()
    assert seen > 1000


@pytest.mark.parametrize("name", ["SyNImage", "DisplacementField", "VelocityFlow"])
def test_fold_free_methods_take_metrics_of_itk(name):
    fixed, moving = (make_blob(2, [x, 24], sigma=5.0) for x in (22, 27))
    image_type = type(fixed)
    metric = itk.MeanSquaresImageToImageMetricv4[image_type, image_type].New()
    method = getattr(itk, f"FoldFree{name}RegistrationMethod")[image_type, image_type].New()
    method.SetFixedImage(fixed)
    method.SetMovingImage(moving)
    method.SetMetric(metric)
    method.SetNumberOfLevels(2)
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1, 0])
    method.SetNumberOfIterationsPerLevel([30, 20])
    method.Update()
    transform = method.GetModifiableTransform()
    before = np.square(np.asarray(fixed) - np.asarray(moving)).sum()
    after = np.square(np.asarray(fixed) - np.asarray(warp(moving, fixed, transform))).sum()
    assert after < 0.02 * before
    assert folded_fraction(displacement_of(transform, fixed)) == 0
    point = [24.0, 24.0]
    back = transform.GetInverseTransform().TransformPoint(transform.TransformPoint(point))
    assert np.linalg.norm(np.subtract(back, point)) < 0.1


def test_a_prostate():
    """The pair on which a SyN of ITK's own folds 8 % of the voxels."""
    fixed, moving = (
        itk.imread(find_data("deepreg_prostate", f"000000_{role}_label0.nii.gz"), itk.F) for role in ("fixed", "moving")
    )
    result = itk.sinkhorn_registration_method(fixed, moving)
    assert dice(fixed, warp(moving, fixed, result.transform)) > 0.98
    assert folded_fraction(displacement_of(result.transform, fixed)) == 0
    assert result.report["folded_fraction"] == 0

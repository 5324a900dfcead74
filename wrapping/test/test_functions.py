"""itk.sinkhorn_transport_image_filter() and itk.sinkhorn_barycenter_image_filter(), their classes, and the initialisers."""
import inspect
import pydoc

import itk
import numpy as np
import pytest
from sinkhorn_testing import dice, find_data, make_blob, make_ellipse, make_field, minimum_jacobian, warp

SHIFT = [6.0, -4.0, 3.0]


def make_pair(dimension, dtype=np.float32, size=32):
    center = [size / 2 - 2] * dimension
    fixed = make_blob(dimension, center, "D", size, 2.0)
    moving = make_blob(dimension, [c + s for c, s in zip(center, SHIFT)], "D", size, 2.0)
    return [itk.array_from_image(image).astype(dtype) for image in (fixed, moving)]


def mean_spring(fixed, springs):
    return (springs * fixed[..., None]).sum(axis=tuple(range(fixed.ndim))) / fixed.sum()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_in_arrays_out(dimension, dtype):
    fixed, moving = make_pair(dimension, dtype)
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0, tolerance=1e-4)
    assert isinstance(result.springs, np.ndarray)
    assert result.springs.shape == fixed.shape + (dimension,)
    assert result.springs.dtype == dtype
    assert mean_spring(fixed, result.springs) == pytest.approx(SHIFT[:dimension], abs=0.05)
    assert result.divergence == pytest.approx(sum(s * s for s in SHIFT[:dimension]) / 2, rel=1e-2)
    assert result.converged and result.number_of_iterations > 0 and result.marginal_error <= 1e-4
    assert result.blur == 2.0
    assert result.fixed_mass == pytest.approx(fixed.sum(), rel=1e-4)
    assert result.transported_mass.sum() == pytest.approx(1, abs=1e-3)
    assert np.abs(result.fixed_residual).sum() <= 1e-3
    for image in (result.fixed_potential, result.moving_potential, result.moving_residual):
        assert image.shape == fixed.shape and np.isfinite(image).all()


def test_bins_of_intensity_send_bright_mass_to_bright_mass():
    """Two boxes of equal mass that have changed places, the one small and bright, the other large and dim."""
    fixed, moving = np.zeros((2, 48, 64), np.float32)
    fixed[20:28, 10:18] = fixed[16:32, 40:56] = 1.0
    moving[20:28, 44:52] = moving[16:32, 6:22] = 1.0
    for image, bright in ((fixed, np.s_[20:28, 10:18]), (moving, np.s_[20:28, 44:52])):
        image[bright] = 4.0
    spring = lambda **options: itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0, **options).springs[24, 14]
    assert abs(spring()[0]) < 2.0
    assert spring(number_of_intensity_bins=8, intensity_weight=100.0) == pytest.approx([34.0, 0.0], abs=1.0)


def test_itk_images_keep_their_geometry():
    fixed, moving = [itk.image_from_array(a) for a in make_pair(2)]
    direction = itk.matrix_from_array(np.array([[0.0, -1.0], [1.0, 0.0]]))
    for image in (fixed, moving):
        image.SetSpacing([2.0, 0.5])
        image.SetOrigin([-7.0, 11.0])
        image.SetDirection(direction)
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0, tolerance=1e-4)
    assert isinstance(result.springs, itk.Image)
    assert list(result.springs.GetOrigin()) == [-7.0, 11.0]
    assert list(result.springs.GetSpacing()) == [2.0, 0.5]
    assert np.allclose(itk.array_from_matrix(result.springs.GetDirection()), [[0, -1], [1, 0]])
    # 6 voxels of 2 mm along index x, which points to +y, and -4 of 0.5 mm along index y, which points to -x.
    found = mean_spring(itk.array_from_image(fixed), itk.array_from_image(result.springs))
    assert found == pytest.approx([2.0, 12.0], abs=0.05)


def test_xarray_in_xarray_out():
    xarray = pytest.importorskip("xarray")
    images = [itk.image_from_array(a) for a in make_pair(2)]
    for image in images:
        image.SetSpacing([0.5, 0.5])
        image.SetOrigin([3.0, 4.0])
    fixed, moving = [itk.xarray_from_image(image) for image in images]
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=1.0)
    assert isinstance(result.fixed_potential, xarray.DataArray)
    assert result.fixed_potential.dims == ("y", "x")
    assert np.allclose(result.fixed_potential.coords["x"], fixed.coords["x"])
    assert np.allclose(result.fixed_potential.coords["y"], fixed.coords["y"])
    assert mean_spring(fixed.values, result.springs.values) == pytest.approx([3, -2], abs=0.05)
    mean = itk.sinkhorn_barycenter_image_filter(fixed, moving, blur=1.0)
    assert isinstance(mean, xarray.DataArray) and mean.dims == ("y", "x")


def test_a_moving_image_elsewhere_enlarges_the_grid():
    fixed, moving = [itk.image_from_array(a) for a in make_pair(2)]
    moving.SetOrigin([-40.0, 0.0])
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0)
    region = result.springs.GetLargestPossibleRegion()
    assert region.GetIndex()[0] < 0 and region.GetSize()[0] >= 72
    as_arrays = itk.sinkhorn_transport_image_filter(itk.xarray_from_image(fixed), itk.xarray_from_image(moving), blur=2.0)
    assert float(as_arrays.springs.coords["x"][0]) == region.GetIndex()[0]


@pytest.mark.parametrize("dtype, real", [(np.uint8, np.float32), (np.int16, np.float32), (bool, np.float32), (np.int32, np.float64)])
def test_integers_are_converted_without_loss(dtype, real):
    fixed, moving = make_pair(2)
    fixed, moving = (fixed > 0.3).astype(dtype), (moving > 0.3).astype(dtype)
    copies = fixed.copy(), moving.copy()
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0)
    assert result.springs.dtype == real
    assert mean_spring(fixed.astype(float), result.springs) == pytest.approx(SHIFT[:2], abs=0.05)
    assert (fixed == copies[0]).all() and (moving == copies[1]).all()


def test_images_of_bytes_as_read_from_files(tmp_path):
    fixed, moving = [(255 * a).astype(np.uint8) for a in make_pair(2)]
    itk.imwrite(itk.image_from_array(fixed), str(tmp_path / "fixed.png"))
    result = itk.sinkhorn_transport_image_filter(itk.imread(str(tmp_path / "fixed.png")), itk.image_from_array(moving), blur=2.0)
    assert result.divergence == pytest.approx(26, rel=2e-2)


def test_views_and_unusual_memory_layouts_give_the_same():
    fixed, moving = make_pair(2, size=40)
    expected = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0)
    wide = np.zeros((40, 80), np.float32)
    wide[:, ::2] = fixed
    for other in (np.asfortranarray(fixed), wide[:, ::2], itk.array_view_from_image(itk.image_from_array(fixed))):
        result = itk.sinkhorn_transport_image_filter(other, moving, blur=2.0)
        assert (result.springs == expected.springs).all()
    swapped = fixed.astype(">f4")
    assert itk.sinkhorn_transport_image_filter(swapped, moving, blur=2.0).divergence == expected.divergence


def test_results_outlive_their_filter():
    fixed, moving = make_pair(2)
    springs = itk.sinkhorn_transport_image_filter(fixed, moving, blur=2.0).springs
    copy = springs.copy()
    for _ in range(5):
        itk.sinkhorn_transport_image_filter(moving, fixed, blur=2.0)
    assert (springs == copy).all()


@pytest.mark.parametrize(
    "fixed, moving, error, words",
    [
        (np.ones((4, 4, 4, 4)), np.ones((8, 8)), ValueError, "fixed: an array of 4 dimensions"),
        (np.ones(8), np.ones((8, 8)), ValueError, "fixed: an array of 1 dimensions"),
        (np.ones((8, 8)), np.ones((8, 8, 8)), ValueError, "moving has 3"),
        (np.ones((8, 8), complex), np.ones((8, 8)), TypeError, "complex128"),
        (np.ones((8, 8)), "moving.png", TypeError, "moving"),
        (np.ones((8, 8)), None, TypeError, "moving"),
        (-np.ones((8, 8)), np.ones((8, 8)), RuntimeError, "(?i)negative"),
        (np.ones((8, 8)), np.full((8, 8), np.nan), RuntimeError, "(?i)nan"),
        (np.zeros((8, 8)), np.ones((8, 8)), RuntimeError, "(?i)mass"),
    ],
)
def test_bad_images_are_python_exceptions(fixed, moving, error, words):
    with pytest.raises(error, match=words):
        itk.sinkhorn_transport_image_filter(fixed, moving)


def test_vector_images_and_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="components"):
        itk.sinkhorn_transport_image_filter(make_field(make_blob(2, [9, 9], size=16)), np.ones((16, 16)))
    with pytest.raises(TypeError, match="epsilon"):
        itk.sinkhorn_transport_image_filter(np.ones((8, 8)), np.ones((8, 8)), epsilon=1)
    with pytest.raises(RuntimeError, match="(?i)blur"):
        itk.sinkhorn_transport_image_filter(np.ones((8, 8)), np.ones((8, 8)), blur=-1)


def test_no_convergence_is_a_warning():
    fixed, moving = make_pair(2)
    with pytest.warns(RuntimeWarning, match="not converged after . iterations"):
        result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=0.6, tolerance=1e-9, maximum_number_of_iterations=1)
    assert not result.converged


def test_reach_masks_and_masses():
    fixed, moving = make_pair(2)
    equal = itk.sinkhorn_transport_image_filter(fixed, 2 * moving, blur=2.0, reach=20.0)
    assert equal.moving_residual.sum() == pytest.approx(equal.fixed_residual.sum(), abs=1e-3)
    doubled = itk.sinkhorn_transport_image_filter(fixed, 2 * moving, blur=2.0, reach=20.0, preserve_mass_ratio=True)
    # Masses 2/3 and 4/3 in normalised units; the plan has one in between.
    assert doubled.moving_residual.sum() < 0 < doubled.fixed_residual.sum()
    assert doubled.fixed_residual.sum() - doubled.moving_residual.sum() == pytest.approx(2 / 3, rel=1e-3)
    assert doubled.moving_mass == pytest.approx(2 * doubled.fixed_mass, rel=1e-4)
    with pytest.raises(RuntimeError, match="(?i)mass"):
        itk.sinkhorn_transport_image_filter(fixed, 2 * moving, blur=2.0, normalize_masses=False)
    both = moving + np.roll(moving, -16, axis=1)
    inside = np.zeros(both.shape, bool)
    inside[:, 12:] = True
    unmasked = itk.sinkhorn_transport_image_filter(fixed, both, blur=2.0)
    masked = itk.sinkhorn_transport_image_filter(fixed, both, blur=2.0, moving_mask=inside)
    assert mean_spring(fixed, unmasked.springs)[0] < 0
    # The mask cuts off a part of the blob that is left.
    assert mean_spring(fixed, masked.springs) == pytest.approx(SHIFT[:2], abs=0.2)
    with pytest.raises(ValueError, match="moving_mask"):
        itk.sinkhorn_transport_image_filter(fixed, both, moving_mask=inside[1:])


def test_the_plan_carries_labels_and_interpolates():
    fixed, moving = [itk.image_from_array(a) for a in make_pair(2)]
    transport = itk.sinkhorn_transport_image_filter(fixed, moving, blur=1.5, tolerance=1e-4).filter
    labels = np.where(itk.array_from_image(moving) > 0, 1, 0).astype(np.uint16)
    labels[:, 20:] *= 2
    carried = itk.array_from_image(transport.TransportLabelsToFixed(itk.image_from_array(labels)))
    assert carried[18, 12] == 1 and carried[14, 16] == 2
    half = itk.array_from_image(transport.Interpolate(0.5))
    sharp = itk.array_from_image(transport.Interpolate(0.5, "displacement"))
    x = np.arange(32)
    assert half.sum() == pytest.approx(1, abs=1e-3)
    for image in (half, sharp):
        assert (image.sum(axis=0) * x).sum() / image.sum() == pytest.approx(17, abs=0.1)
    with pytest.raises(RuntimeError, match="entropic, displacement"):
        transport.Interpolate(0.5, "linear")


def test_barycenter_is_the_shape_in_the_middle():
    first, second = make_pair(2)
    mean = itk.sinkhorn_barycenter_image_filter(first, second, blur=1.0)
    expected = itk.array_from_image(make_blob(2, [17, 12], "F", 32, 2.0))
    assert np.abs(mean - expected).sum() < 0.1 * expected.sum()
    near = itk.sinkhorn_barycenter_image_filter([first, second], weights=[3, 1], blur=1.0)
    x = np.arange(32)
    assert (near.sum(axis=0) * x).sum() / near.sum() == pytest.approx(14 + 6 / 4, abs=0.1)
    image = itk.sinkhorn_barycenter_image_filter(itk.image_from_array(first), itk.image_from_array(second), blur=1.0)
    assert (itk.array_from_image(image) == mean).all()


def test_barycenter_refuses_what_makes_no_sense():
    first, second = make_pair(2)
    with pytest.raises(ValueError, match="no images"):
        itk.sinkhorn_barycenter_image_filter()
    with pytest.raises(RuntimeError, match="(?i)weight"):
        itk.sinkhorn_barycenter_image_filter(first, second, weights=[1, 2, 3])
    with pytest.raises(ValueError, match="image 1 has 3"):
        itk.sinkhorn_barycenter_image_filter(first, np.ones((8, 8, 8)))


def test_transform_initializer_finds_rotation_and_shift():
    fixed = make_ellipse(64, [28, 30], [16, 7])
    truth = itk.Euler2DTransform[itk.D].New()
    truth.SetCenter([28, 30])
    truth.SetAngle(0.5)
    truth.SetTranslation([7, 3])
    moving = warp(fixed, fixed, truth.GetInverseTransform())
    transform = itk.Euler2DTransform[itk.D].New()
    base = itk.MatrixOffsetTransformBase[itk.D, 2, 2]
    initializer = itk.SinkhornTransformInitializer[base, type(fixed), type(fixed)].New()
    initializer.SetTransform(transform)
    initializer.SetFixedImage(fixed)
    initializer.SetMovingImage(moving)
    initializer.InitializeTransform()
    assert transform.GetAngle() == pytest.approx(0.5, abs=0.02)
    assert dice(fixed, warp(moving, fixed, transform)) > 0.95
    initializer.SetTransform(itk.MatrixOffsetTransformBase[itk.D, 2, 2].New())
    assert initializer.GetNumberOfSteps() > 0


def test_displacement_field_initializer_brings_a_disc_onto_a_distant_ellipse():
    fixed, moving = make_ellipse(96, [24, 40], [12, 12]), make_ellipse(96, [70, 52], [8, 15])
    transform = itk.DisplacementFieldTransform[itk.D, 2].New()
    initializer = itk.SinkhornDisplacementFieldInitializer[type(transform), type(fixed), type(fixed)].New()
    initializer.SetTransform(transform)
    initializer.SetFixedImage(fixed)
    initializer.SetMovingImage(moving)
    initializer.InitializeTransform()
    assert dice(fixed, moving) == 0
    assert dice(fixed, warp(moving, fixed, transform)) > 0.95
    assert minimum_jacobian(transform, fixed) > 0
    assert initializer.GetDivergence() < 0.01 * initializer.GetInitialDivergence()


def test_help_tells_what_a_user_needs():
    image_type = itk.Image[itk.F, 2]
    for function in (itk.sinkhorn_transport_image_filter, itk.sinkhorn_barycenter_image_filter):
        text = pydoc.render_doc(function)
        assert "blur : float" in text and "Returns" in text
        assert "tolerance" in inspect.signature(function).parameters
    classes = {
        itk.SinkhornImageToImageMetricv4[image_type, image_type]: ("sees the whole image|transport", "Standard deviation"),
        itk.SinkhornTransportImageFilter[image_type, image_type]: ("spring", "Standard deviation"),
        itk.SinkhornBarycenterImageFilter[image_type]: ("mean", "Standard deviation"),
    }
    for wrapped, words in classes.items():
        assert any(word in wrapped.__doc__ for word in words[0].split("|"))
        assert words[1] in wrapped.SetBlur.__doc__
        assert len(pydoc.render_doc(wrapped)) > 5000


def test_real_knees_meet():
    fixed, moving = (itk.imread(find_data("geomloss_densities", f"knee_{name}.png"), itk.F) for name in "ba")
    assert dice(fixed, moving, 127) < 0.05
    result = itk.sinkhorn_transport_image_filter(fixed, moving, blur=4.0)
    assert result.converged
    carried = itk.array_from_image(result.filter.Interpolate(1.0))
    moved = itk.array_from_image(moving)
    assert np.abs(carried / carried.sum() - moved / moved.sum()).sum() < 0.05

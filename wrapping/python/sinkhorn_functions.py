# ==========================================================================
#
#   Copyright NumFOCUS
#
#   Licensed under the Apache License, Version 2.0 (the "License");
#   you may not use this file except in compliance with the License.
#   You may obtain a copy of the License at
#
#          https://www.apache.org/licenses/LICENSE-2.0.txt
#
#   Unless required by applicable law or agreed to in writing, software
#   distributed under the License is distributed on an "AS IS" BASIS,
#   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
#   See the License for the specific language governing permissions and
#   limitations under the License.
#
# ==========================================================================
"""The functional interface of the module Sinkhorn: itk.sinkhorn_transport_image_filter() and
itk.sinkhorn_barycenter_image_filter().

They stand in for the functions of the same names that ITK's wrapping generates, which know neither these filters' inputs
nor what they return. Images may be ITK images, NumPy arrays or xarray DataArrays, and so will be the results.
"""
import typing
import warnings

import numpy as np

__all__ = [
    "SinkhornTransport",
    "sinkhorn_transport_image_filter",
    "sinkhorn_transport_image_filter_init_docstring",
    "sinkhorn_barycenter_image_filter",
    "sinkhorn_barycenter_image_filter_init_docstring",
]


class SinkhornTransport(typing.NamedTuple):
    """What itk.sinkhorn_transport_image_filter() returns. Images are of the kind that was given."""

    #: Displacement of each voxel in mm, in physical space, x first (the last axis of an array).
    springs: typing.Any
    #: Dual potentials f and g, mm².
    fixed_potential: typing.Any
    moving_potential: typing.Any
    #: Mass of the plan in every fixed voxel, in normalised units.
    transported_mass: typing.Any
    #: Mass of the plan minus that of the image: created (> 0) or destroyed (< 0).
    fixed_residual: typing.Any
    moving_residual: typing.Any
    #: Sinkhorn divergence, and OT_ε without debiasing, mm² (times mass).
    divergence: float
    transport_value: float
    #: Mass (intensity × volume) of the images, before normalisation.
    fixed_mass: float
    moving_mass: float
    #: The blur that was used, mm.
    blur: float
    #: Of the solver: iterations, L1 error of the marginals, whether the tolerance was reached.
    number_of_iterations: int
    marginal_error: float
    converged: bool
    #: The itk.SinkhornTransportImageFilter, for what can be carried through the plan: TransportToFixed(image),
    #: TransportLabelsToFixed(labels), Interpolate(t), ...
    filter: typing.Any


def _is_xarray(value):
    return type(value).__module__.startswith("xarray.") and hasattr(value, "dims")


def _real_type(dtype, name):
    """float32 or float64, in which pixels of this type are exact."""
    real = np.result_type(dtype, np.float32)
    if real not in (np.float32, np.float64):
        raise TypeError(f"{name}: pixels of type {dtype} are not supported; give integers, float32 or float64.")
    return np.dtype(real)


def _read(value, name):
    """Pixels of an image, its geometry as an ITK image, and what kind of image it is."""
    import itk

    kind = "itk"
    if hasattr(value, "GetOutput"):
        value.Update()
        value = value.GetOutput()
    if _is_xarray(value):
        kind = "xarray"
        value = itk.image_from_xarray(value.astype(_real_type(value.dtype, name)))
    elif not isinstance(value, itk.Object):
        kind = "numpy"
        array = np.asarray(value)
        if array.dtype.kind in "OUSVMm":
            raise TypeError(f"{name}: {type(value).__name__} is not an image; give an ITK image or an array.")
        if array.ndim not in (2, 3):
            raise ValueError(f"{name}: an array of {array.ndim} dimensions is not an image; give 2 or 3.")
        return np.ascontiguousarray(array, _real_type(array.dtype, name)), None, kind
    if not isinstance(value, itk.ImageBase) and not hasattr(value, "GetLargestPossibleRegion"):
        raise TypeError(f"{name}: {type(value).__name__} is not an image; give an ITK image or an array.")
    if value.GetImageDimension() not in (2, 3):
        raise ValueError(f"{name}: an image of {value.GetImageDimension()} dimensions; give 2 or 3.")
    if value.GetNumberOfComponentsPerPixel() != 1:
        raise TypeError(f"{name}: pixels have {value.GetNumberOfComponentsPerPixel()} components; give scalar ones.")
    return itk.array_view_from_image(value), value, kind


def _make_image(pixels, geometry, real):
    """An ITK image of real pixels; the one given, if it is one already."""
    import itk

    if geometry is not None and pixels.dtype == real:
        return geometry
    image = itk.image_from_array(np.ascontiguousarray(pixels, real))
    if geometry is not None:
        _copy_geometry(geometry, image)
    return image


def _copy_geometry(source, image):
    image.SetRegions(source.GetBufferedRegion())
    image.SetSpacing(source.GetSpacing())
    image.SetOrigin(source.GetOrigin())
    image.SetDirection(source.GetDirection())


def _make_images(values, names):
    """ITK images of one real type and dimension, and what kind the first one was."""
    read = [_read(value, name) for value, name in zip(values, names)]
    dimension = read[0][0].ndim
    for (pixels, _, _), name in zip(read, names):
        if pixels.ndim != dimension:
            raise ValueError(f"{names[0]} has {dimension} dimensions, but {name} has {pixels.ndim}.")
    real = np.result_type(*[_real_type(pixels.dtype, name) for (pixels, _, _), name in zip(read, names)])
    return [_make_image(pixels, geometry, real) for pixels, geometry, _ in read], read[0][2]


def _make_mask(mask, image, name):
    """A spatial object; from an image or an array, whose voxels other than 0 are inside."""
    import itk

    if isinstance(mask, itk.SpatialObject) or hasattr(mask, "IsInsideInWorldSpace"):
        return mask
    if _is_xarray(mask):
        mask = itk.image_from_xarray((mask != 0).astype(np.uint8))
    geometry = mask if isinstance(mask, itk.Object) else image
    inside = np.ascontiguousarray(np.asarray(mask) != 0, np.uint8)
    size = tuple(geometry.GetBufferedRegion().GetSize())[::-1]
    if inside.shape != size:
        raise ValueError(f"{name} has the shape {inside.shape}, but its image {size}.")
    labels = itk.image_from_array(inside)
    _copy_geometry(geometry, labels)
    spatial_object = itk.ImageMaskSpatialObject[inside.ndim].New()
    spatial_object.SetImage(labels)
    spatial_object.Update()
    return spatial_object


def _give_back(image, kind):
    """An image in the form that the user works with."""
    import itk

    if kind == "numpy":
        return itk.array_from_image(image)
    if kind == "xarray":
        # xarray_from_image() knows no start index.
        region = image.GetLargestPossibleRegion()
        image.SetOrigin(image.TransformIndexToPhysicalPoint(region.GetIndex()))
        image.SetRegions(region.GetSize())
        return itk.xarray_from_image(image)
    return image


def _configure(instance, settings, progress):
    """Call the setters of what was given, and report the progress."""
    import itk

    for name, value in settings.items():
        if value is not None:
            getattr(instance, "Set" + name)(value)
    if progress is not None:
        instance.AddObserver(itk.ProgressEvent(), lambda: progress(instance.GetProgress()))


def _warn_unless_converged(instance, tolerance_name="tolerance", name=None):
    if not instance.GetConverged():
        warnings.warn(
            f"{name or instance.GetNameOfClass()}: not converged after {instance.GetNumberOfIterations()} iterations, marginal error "
            f"{instance.GetMarginalError():.3g}. Raise maximum_number_of_iterations, {tolerance_name} or blur.",
            RuntimeWarning,
            stacklevel=3,
        )


def sinkhorn_transport_image_filter(
    fixed,
    moving,
    *,
    blur=None,
    reach=None,
    debias=None,
    tolerance=None,
    maximum_number_of_iterations=None,
    normalize_masses=None,
    preserve_mass_ratio=None,
    number_of_intensity_bins=None,
    intensity_weight=None,
    clamp_negative=None,
    fixed_mask=None,
    moving_mask=None,
    progress=None,
):
    """Optimal transport between two images seen as mass: springs, potentials, divergence.

    Solves entropic optimal transport from the fixed to the moving density, cost |x-y|²/2 in mm², ε = blur². The spring
    of a fixed voxel points to where its mass goes. See help(itk.SinkhornTransportImageFilter[type(fixed), type(moving)]).

    Parameters
    ----------
    fixed, moving : itk.Image, array or xarray.DataArray
        2-D or 3-D, not negative, of any geometry (an array has spacing 1 and origin 0). Single precision if both are
        float32 or have pixels of at most 16 bits, else double.
    blur : float
        Standard deviation of the Gibbs kernel, mm: details below it are not seen. Default: twice the largest spacing of
        the fixed image.
    reach : float
        Distance beyond which mass is created or destroyed rather than moved, mm. Default 0: balanced.
    debias : bool
        Divergence instead of OT_ε, and springs without the blur's bias. Default True.
    tolerance : float
        The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3.
    maximum_number_of_iterations : int
        Default 200. Without convergence there is a RuntimeWarning.
    normalize_masses : bool
        Scale the masses to 1 each. Default True.
    preserve_mass_ratio : bool
        With a reach, scale both masses by one common factor instead: their difference means something. Default False.
    number_of_intensity_bins : int
        2 to 256: mass prefers mass as bright as itself, by a cost between bins of intensity beside |x-y|²/2; results are
        means over the bins of a voxel, and there is no interpolation. Default 0: places alone.
    intensity_weight : float
        With bins: how far the darkest is from the brightest, mm. Default 0: the root mean square distance of the moving
        mass from its centre.
    clamp_negative : bool
        Count negative voxels as 0 instead of refusing them. Default False.
    fixed_mask, moving_mask : itk.SpatialObject, itk.Image or array
        Voxels outside have no mass.
    progress : callable
        Called with the finished fraction.

    Returns
    -------
    SinkhornTransport
        Named tuple: springs, fixed_potential, moving_potential, transported_mass, fixed_residual, moving_residual (of the
        kind of `fixed`, on its lattice enlarged until it covers `moving`), divergence, transport_value, ..., filter.

    Raises
    ------
    RuntimeError
        On bad images (negative, NaN, no mass) and parameters: the message of the C++ exception.
    TypeError, ValueError
        On what is no image, and on images of different dimensions.
    """
    import itk

    (fixed_image, moving_image), kind = _make_images((fixed, moving), ("fixed", "moving"))
    instance = itk.SinkhornTransportImageFilter[type(fixed_image), type(moving_image)].New()
    instance.SetFixedImage(fixed_image)
    instance.SetMovingImage(moving_image)
    masks = {"Fixed": (fixed_mask, fixed_image), "Moving": (moving_mask, moving_image)}
    for side, (mask, image) in masks.items():
        if mask is not None:
            getattr(instance, f"Set{side}Mask")(_make_mask(mask, image, f"{side.lower()}_mask"))
    settings = {
        "Blur": blur,
        "Reach": reach,
        "Debias": debias,
        "Tolerance": tolerance,
        "MaximumNumberOfIterations": maximum_number_of_iterations,
        "NormalizeMasses": normalize_masses,
        "PreserveMassRatio": preserve_mass_ratio,
        "NumberOfIntensityBins": number_of_intensity_bins,
        "IntensityWeight": intensity_weight,
        "ClampNegative": clamp_negative,
    }
    _configure(instance, settings, progress)
    instance.UpdateLargestPossibleRegion()
    _warn_unless_converged(instance)
    outputs = (
        instance.GetSprings(),
        instance.GetFixedPotential(),
        instance.GetMovingPotential(),
        instance.GetTransportedMass(),
        instance.GetFixedResidual(),
        instance.GetMovingResidual(),
    )
    return SinkhornTransport(
        *[_give_back(image, kind) for image in outputs],
        divergence=instance.GetDivergence(),
        transport_value=instance.GetTransportValue(),
        fixed_mass=instance.GetFixedMass(),
        moving_mass=instance.GetMovingMass(),
        blur=instance.GetBlurInUse(),
        number_of_iterations=instance.GetNumberOfIterations(),
        marginal_error=instance.GetMarginalError(),
        converged=instance.GetConverged(),
        filter=instance,
    )


def sinkhorn_barycenter_image_filter(
    *images,
    weights=None,
    blur=None,
    debias=None,
    tolerance=None,
    maximum_number_of_iterations=None,
    progress=None,
):
    """The mean shape of several densities: their Wasserstein barycentre.

    Where the average of images is a blur of all shapes in all places, the barycentre is one shape in the mean place. See
    help(itk.SinkhornBarycenterImageFilter[type(image)]).

    Parameters
    ----------
    *images : itk.Image, array or xarray.DataArray
        The densities, of one dimension (2 or 3), not negative; or one list of them.
    weights : sequence of float
        One for each image, not negative. Default: all equal.
    blur : float
        Standard deviation of the Gibbs kernel, mm. Default: the largest spacing of the first image.
    debias : bool
        Mean of divergences, as sharp as the images. Default True.
    tolerance : float
        Largest difference of the plans' marginals from the barycentre, in L1 and relative to the mass. Default 1e-3.
    maximum_number_of_iterations : int
        Default 500. Without convergence there is a RuntimeWarning.
    progress : callable
        Called with the finished fraction.

    Returns
    -------
    itk.Image, array or xarray.DataArray
        Of the kind of the first image, on its lattice enlarged until it covers all.

    Raises
    ------
    RuntimeError
        On bad images and parameters: the message of the C++ exception.
    TypeError, ValueError
        On what is no image, on images of different dimensions, and on no images.
    """
    import itk

    if len(images) == 1 and isinstance(images[0], (list, tuple)):
        images = tuple(images[0])
    if not images:
        raise ValueError("sinkhorn_barycenter_image_filter: no images; give at least one.")
    inputs, kind = _make_images(images, [f"image {k}" for k in range(len(images))])
    instance = itk.SinkhornBarycenterImageFilter[type(inputs[0])].New()
    for k, image in enumerate(inputs):
        instance.SetInput(k, image)
    settings = {
        "Weights": None if weights is None else [float(weight) for weight in weights],
        "Blur": blur,
        "Debias": debias,
        "Tolerance": tolerance,
        "MaximumNumberOfIterations": maximum_number_of_iterations,
    }
    _configure(instance, settings, progress)
    instance.UpdateLargestPossibleRegion()
    _warn_unless_converged(instance)
    return _give_back(instance.GetOutput(), kind)


def sinkhorn_transport_image_filter_init_docstring():
    """Called by ITK, which would show the class's docstring; the function has its own."""


def sinkhorn_barycenter_image_filter_init_docstring():
    """Called by ITK, which would show the class's docstring; the function has its own."""

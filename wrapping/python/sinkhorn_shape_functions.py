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
"""Optimal transport of curves, surfaces and clouds of points: itk.sinkhorn_point_set_registration_method(),
itk.sinkhorn_point_transport() and itk.sinkhorn_point_barycenter().

A shape is whatever sinkhorn_shapes.py recognises.
"""
import importlib
import json
import typing
import warnings

import numpy as np

from itk.sinkhorn_functions import _warn_unless_converged
from itk.sinkhorn_registration_result import Progress, SinkhornRegistration
from itk.sinkhorn_shapes import read_shapes

__all__ = [
    "SinkhornPointTransport",
    "sinkhorn_point_barycenter",
    "sinkhorn_point_set_registration_method",
    "sinkhorn_point_set_registration_method_init_docstring",
    "sinkhorn_point_transport",
]

# The words of the program's --transform, and the linear starts that they are.
_LINEAR = {"rigid": "sinkhorn-rigid", "similarity": "sinkhorn-similarity", "affine": "sinkhorn"}
_SETTINGS = {"iterations": "SetNumberOfIterations", "particles": "SetMaximumNumberOfParticles"}


def _check_length(value, name, may_be_zero):
    if value is not None and not (value >= 0 if may_be_zero else value > 0):
        raise ValueError(f"{name}: {value} mm; it must be {'0 or more' if may_be_zero else 'more than 0'}.")


def _check_count(value, name):
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: {value}; it must be a whole number of at least 1.")
    return int(value)


def _choose_transform(method, transform, initialize):
    if transform in _LINEAR:
        if initialize is not None:
            raise ValueError(f"initialize has no meaning with the transform {transform!r}; leave one of them out.")
        method.SetDeform(False)
        method.SetInitialize(_LINEAR[transform])
    elif transform not in (None, "displacement"):
        raise ValueError(f"transform: {transform!r}; with curves and surfaces it is displacement, {', '.join(_LINEAR)}.")
    elif initialize is not None:
        method.SetInitialize(initialize)


def _lie_in_one_plane(shapes):
    """Of constant z, as the program's test is."""
    heights = [shape.points[:, 2] for shape in shapes]
    return all((z == heights[0][0]).all() for z in heights)


def sinkhorn_point_set_registration_method(
    fixed,
    moving,
    *,
    transform=None,
    initialize=None,
    blur=None,
    reach=None,
    settings=None,
    progress=None,
):
    """Registers two curves, surfaces or clouds of points, as the program sinkhorn-register does.

    By default: a linear start from the springs of transport, then a diffeomorphism of space. How finely a shape is sampled,
    in what order and in what unit of length does not matter. See help(itk.SinkhornPointSetRegistrationMethod[3]).

    Parameters
    ----------
    fixed, moving : itk.Mesh, itk.PointSet, array, tuple or object
        A mesh's triangles are registered, else its segments, else its points. An array has one row of 2 or 3 coordinates for
        each point; the tuple (points, cells) adds integers, one row for each cell: two points of a segment or three of a
        triangle. Objects of PyVista (PolyData), trimesh (Trimesh), meshio (Mesh) and nibabel (ArraySequence, Tractogram,
        tractogram files: one polyline for each streamline) are recognised by their attributes. Coordinates, mm, are those
        given: nibabel's are RAS, ITK's images LPS. Points in space that all have the same z are registered in the plane.
    transform : str
        displacement (default), or rigid, similarity, affine alone.
    initialize : str
        Linear start: automatic (default), none, centers, sinkhorn-rigid, sinkhorn-similarity or sinkhorn (affine).
    blur : float
        Blur of the transport at the end, mm. Default: 1.25 % of the diagonal of the fixed shape.
    reach : float
        Distance beyond which mass is left alone rather than moved, mm; 0: never. Default: 10 % of the diagonal at first, 5 %
        at the end.
    settings : dict
        iterations, of the deformation (default 40), and particles, that a shape is reduced to (default 2000).
    progress : bool or callable
        True: a bar, where tqdm is installed. A function is called with the finished fraction; what it raises ends the
        registration.

    Returns
    -------
    SinkhornRegistration
        Named tuple: transform, from fixed to moving points of space, and inverse_transform, which carries the moving shape;
        warped, the moving shape on the fixed one, of the form that was given (an ITK mesh shares cells and data with the
        moving one); displacement, an ITK image of the transform around the shapes; report.

    Raises
    ------
    TypeError, ValueError
        On what is no shape, on shapes of different dimensions, without points or with coordinates that are not finite, and
        on unknown settings.
    RuntimeError
        On shapes without length or area: the message of the C++ exception.
    """
    import itk

    fixed_shape, moving_shape = shapes = read_shapes((fixed, moving), ("fixed", "moving"))
    _check_length(blur, "blur", False)
    _check_length(reach, "reach", True)
    given = fixed_shape.points.shape[1]
    dimension = 2 if given == 3 and _lie_in_one_plane(shapes) else given
    method = itk.SinkhornPointSetRegistrationMethod[dimension].New()
    method.SetFixedCells(given, fixed_shape.points.ravel().tolist(), fixed_shape.cells.tolist())
    method.SetMovingCells(given, moving_shape.points.ravel().tolist(), moving_shape.cells.tolist())
    _choose_transform(method, transform, initialize)
    if blur is not None:
        method.SetBlur(float(blur))
    if reach is not None:
        method.SetReach(float(reach))
    for name, value in (settings or {}).items():
        if name not in _SETTINGS:
            raise ValueError(f"settings: {name!r} has no meaning with curves and surfaces; they have {', '.join(_SETTINGS)}.")
        getattr(method, _SETTINGS[name])(_check_count(value, name))
    with Progress(method, progress):
        method.Update()
    report = json.loads(method.GetReportAsJson())
    report["messages"] = list(method.GetMessages())
    if report["kept"] != "result" and not report["moved_nothing"]:
        warnings.warn(f"sinkhorn_registration_method: {report['messages'][-1]}", RuntimeWarning, stacklevel=2)
    moved = moving_shape.points.copy()
    moved[:, :dimension] = np.reshape(method.MakeWarpedPoints(), (-1, dimension))
    return SinkhornRegistration(
        transform=method.GetModifiableTransform(),
        inverse_transform=method.GetInverseTransform(),
        warped=moving_shape.carry(moved),
        displacement=method.MakeDisplacementField(),
        report=report,
    )


class SinkhornPointTransport(typing.NamedTuple):
    """What itk.sinkhorn_point_transport() returns: arrays with one row for each particle."""

    #: Where the particles are: centres of triangles or segments, or the points; mm.
    fixed_positions: np.ndarray
    moving_positions: np.ndarray
    #: Their masses after normalisation.
    fixed_masses: np.ndarray
    moving_masses: np.ndarray
    #: By what each particle is pulled towards the other shape, without the blur's bias, mm.
    fixed_springs: np.ndarray
    moving_springs: np.ndarray
    #: Mean place of what each particle is joined to, mm.
    fixed_targets: np.ndarray
    moving_targets: np.ndarray
    #: Mass of the plan at every particle; less than its mass where mass was left alone.
    fixed_transported_mass: np.ndarray
    moving_transported_mass: np.ndarray
    #: Sinkhorn divergence, and OT_ε without debiasing, mm² (times mass).
    divergence: float
    transport_value: float
    #: The blur that was used, mm.
    blur: float
    #: Of the solver: iterations, L1 error of the marginals, whether the tolerance was reached.
    number_of_iterations: int
    marginal_error: float
    converged: bool
    #: interpolate(t): the fixed particles on their way, from t = 0, where they are, to 1, where the springs lead.
    interpolate: typing.Callable


def _make(name):
    """An object of the C++ classes that take arrays."""
    import itk

    itk.SinkhornPointSetRegistrationMethod  # loads what it needs
    return getattr(importlib.import_module("itk.itkSinkhornPointSetRegistrationMethodPython"), name)()


def _check_masses(masses, shape, name):
    masses = np.zeros(0) if masses is None else np.ascontiguousarray(masses, np.float64)
    if masses.size and masses.shape != (len(shape.points),):
        raise ValueError(f"{name}: masses of the shape {masses.shape} for {len(shape.points)} points; give one for each.")
    return masses.tolist()


def sinkhorn_point_transport(
    fixed,
    moving,
    *,
    blur=None,
    reach=None,
    debias=True,
    tolerance=1e-3,
    maximum_number_of_iterations=200,
    preserve_mass_ratio=False,
    direction_weight=0.0,
    oriented_directions=False,
    fixed_masses=None,
    moving_masses=None,
):
    """Optimal transport between two curves, surfaces or clouds of points: springs, targets, divergence, interpolation.

    A shape becomes particles: the centres of its triangles with their areas as masses, else those of its segments with their
    lengths, else its points. Cost |x-y|²/2 in mm², ε = blur²; masses are scaled to 1. See
    help(itk.SinkhornPointSetToPointSetMetricv4).

    Parameters
    ----------
    fixed, moving : itk.Mesh, itk.PointSet, array, tuple or object
        As for itk.sinkhorn_point_set_registration_method().
    blur : float
        Standard deviation of the Gibbs kernel, mm. Default: 1.5 % of the larger diagonal.
    reach : float
        Distance beyond which mass is created or destroyed rather than moved, mm. Default 0: balanced.
    debias : bool
        Divergence instead of OT_ε, and springs without the blur's bias. Default True.
    tolerance : float
        The solver stops when the L1 error of the marginals, relative to the mass, is at most this. Default 1e-3.
    maximum_number_of_iterations : int
        Default 200. Without convergence there is a RuntimeWarning.
    preserve_mass_ratio : bool
        With a reach, scale both masses by one common factor instead: their difference means something. Default False.
    direction_weight : float
        s, mm: tangents or normals n and m add s²(1-⟨n,m⟩²) to the cost, or s²(1-⟨n,m⟩) with oriented_directions. Default 0.
    oriented_directions : bool
        Whether n and -n are different. Default False.
    fixed_masses, moving_masses : array
        Masses of the points, which are then the particles, whatever cells there are.

    Returns
    -------
    SinkhornPointTransport
        Named tuple; see its members.

    Raises
    ------
    TypeError, ValueError
        On what is no shape, on shapes of different dimensions, without points or with coordinates that are not finite.
    RuntimeError
        On parameters out of range: the message of the C++ exception.
    """
    shapes = read_shapes((fixed, moving), ("fixed", "moving"))
    _check_length(blur, "blur", False)
    _check_length(reach, "reach", True)
    transport = _make("SinkhornArrayTransport")
    dimension = shapes[0].points.shape[1]
    masses = (fixed_masses, moving_masses)
    for side, name in enumerate(("fixed", "moving")):
        points = shapes[side].points
        given = _check_masses(masses[side], shapes[side], f"{name}_masses")
        transport.SetShape(side, dimension, points.ravel().tolist(), shapes[side].cells.tolist(), given)
    transport.Solve(
        float(blur or 0.0),
        float(reach or 0.0),
        bool(debias),
        float(tolerance),
        _check_count(maximum_number_of_iterations, "maximum_number_of_iterations"),
        bool(preserve_mass_ratio),
        float(direction_weight),
        bool(oriented_directions),
    )
    _warn_unless_converged(transport, name="sinkhorn_point_transport")

    def rows(values):
        return np.reshape(values, (-1, dimension))

    return SinkhornPointTransport(
        *[rows(transport.GetPositions(side)) for side in (0, 1)],
        *[np.array(transport.GetMasses(side)) for side in (0, 1)],
        *[rows(transport.GetSprings(side)) for side in (0, 1)],
        *[rows(transport.GetTargets(side)) for side in (0, 1)],
        *[np.array(transport.GetMarginal(side)) for side in (0, 1)],
        divergence=transport.GetDivergence(),
        transport_value=transport.GetTransportValue(),
        blur=transport.GetBlur(),
        number_of_iterations=transport.GetNumberOfIterations(),
        marginal_error=transport.GetMarginalError(),
        converged=transport.GetConverged(),
        interpolate=lambda t: rows(transport.Interpolate(float(t))),
    )


def sinkhorn_point_barycenter(
    *shapes, weights=None, start=None, blur=None, reach=None, tolerance=0.05, maximum_number_of_iterations=100
):
    """The mean of several curves, surfaces or clouds of points: their Wasserstein barycentre.

    The points of start follow the mean of their springs to all shapes until that vanishes (free support; Cuturi and
    Doucet, Fast computation of Wasserstein barycenters, 2014).

    Parameters
    ----------
    *shapes : itk.Mesh, itk.PointSet, array, tuple or object
        As for itk.sinkhorn_point_set_registration_method(), of one dimension.
    weights : sequence of float
        One for each shape, not negative. Default: all equal.
    start : itk.Mesh, itk.PointSet, array, tuple or object
        Its points, of equal masses, are what moves. Default: the first shape.
    blur, reach : float
        Of the transports, mm, as for itk.sinkhorn_point_transport().
    tolerance : float
        Largest move of a point in the last iteration, as a part of the blur. Default 0.05.
    maximum_number_of_iterations : int
        Default 100. Without convergence there is a RuntimeWarning.

    Returns
    -------
    itk.Mesh, itk.PointSet, array, tuple or object
        The moved points of the start, in its form.

    Raises
    ------
    TypeError, ValueError
        On what is no shape, on shapes of different dimensions, and on no shapes.
    RuntimeError
        On parameters out of range: the message of the C++ exception.
    """
    if not shapes:
        raise ValueError("sinkhorn_point_barycenter: no shapes; give at least one.")
    weights = [1.0] * len(shapes) if weights is None else [float(weight) for weight in weights]
    if len(weights) != len(shapes):
        raise ValueError(f"weights: there are {len(weights)} for {len(shapes)} shapes; give one for each.")
    _check_length(blur, "blur", False)
    _check_length(reach, "reach", True)
    names = [f"shape {k}" for k in range(len(shapes))] + ["start"]
    *read, begin = read_shapes((*shapes, shapes[0] if start is None else start), names)
    barycenter = _make("SinkhornArrayBarycenter")
    dimension = begin.points.shape[1]
    for shape, weight in zip(read, weights):
        barycenter.AddShape(dimension, shape.points.ravel().tolist(), shape.cells.tolist(), weight)
    moved = barycenter.Compute(
        dimension,
        begin.points.ravel().tolist(),
        float(blur or 0.0),
        float(reach or 0.0),
        float(tolerance),
        _check_count(maximum_number_of_iterations, "maximum_number_of_iterations"),
    )
    if not barycenter.GetConverged():
        warnings.warn(
            f"sinkhorn_point_barycenter: not converged after {barycenter.GetNumberOfIterations()} iterations. Raise "
            "maximum_number_of_iterations, tolerance or blur.",
            RuntimeWarning,
            stacklevel=2,
        )
    return begin.carry(np.reshape(moved, (-1, dimension)))


def sinkhorn_point_set_registration_method_init_docstring():
    """Called by ITK, which would show the class's docstring; the function has its own."""

# Copyright NumFOCUS
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#         https://www.apache.org/licenses/LICENSE-2.0.txt
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Programs that register shapes, each a function of a prepared pair that returns the moved vertices of the moving one.

    shape_programs.py NAME FOLDER OUTPUT      one registration; its own process, so that time and memory are its own

NAME: icp (trimesh, rigid, the best of what several starts lead to), cpd (pycpd, affine then deformable with its defaults),
itk-euclidean, itk-expectation, itk-jhct (ITK's point set metrics with an affine transform by gradient descent, where that ends nearer
than it begins; from Python its registration methods refuse these metrics, so none of their deformations can be had). All see shapes as at
most PARTICLES points that lie evenly on them and, icp apart, begin where icp ends; what they find moves the vertices.
"""
import itertools
import json
import sys
from pathlib import Path

import numpy as np

import shapes

"""Of a shape; memory and time of pycpd grow with their product."""
PARTICLES = 1500


def mean_distance(one, other):
    return shapes.tree(other).query(one)[0].mean() + shapes.tree(one).query(other)[0].mean()


def particles(shape, count=PARTICLES):
    """At most `count`; of a cloud its points."""
    return shapes.sample(shape, count)


def apply(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def starts(moving, fixed):
    """As they are; the centres upon each other, as they are turned and with the principal axes upon each other, in a plane without leaving it."""
    yield np.eye(4)
    spreads, axes = zip(*(np.linalg.eigh(np.cov(points.T)) for points in (moving, fixed)))
    is_plane = all(spread[0] < 1e-9 * spread[2] for spread in spreads)
    turns = [axes[1] @ np.diag(signs) @ axes[0].T for signs in itertools.product((1, -1), repeat=3)]
    for turn in [np.eye(3)] + [t for t in turns if np.linalg.det(t) > 0.0 and not (is_plane and t[2, 2] < 0.0)]:
        start = np.eye(4)
        start[:3, :3] = turn
        start[:3, 3] = fixed.mean(0) - turn @ moving.mean(0)
        yield start


def rigid(moving, fixed):
    """-> matrix that moves the particles, by trimesh"""
    import trimesh

    best, least = None, np.inf
    for start in starts(moving, fixed):
        matrix, moved, _ = trimesh.registration.icp(moving, fixed, start, max_iterations=100, reflection=False, scale=False)
        distance = mean_distance(moved, fixed)
        if distance < least:
            best, least = matrix, distance
    return best


def icp(moving, fixed):
    import trimesh

    return apply(rigid(particles(moving), particles(fixed)), moving.points), f"trimesh {trimesh.__version__}"


def to_unit(points):
    """-> centre and root mean square distance from it"""
    return points.mean(0), np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())


def cpd(moving, fixed):
    import importlib.metadata

    import pycpd
    from scipy.spatial.distance import cdist

    source, target = particles(moving), particles(fixed)
    matrix = rigid(source, target)
    centre, scale = to_unit(target)
    flat = np.ptp(np.concatenate([source, target]), 0) > 0.0  # pycpd has no use for a plane in space
    unit = lambda points: (((points - centre) / scale)[:, flat])
    source, target, vertices = unit(apply(matrix, source)), unit(target), unit(apply(matrix, moving.points))
    affine = pycpd.AffineRegistration(X=target, Y=source)
    source, _ = affine.register()
    vertices = affine.transform_point_cloud(vertices)
    deformable = pycpd.DeformableRegistration(X=target, Y=source)
    deformable.register()
    # its own transform_point_cloud() takes no other points than those it was made of
    vertices = vertices + np.exp(-cdist(vertices, source, "sqeuclidean") / (2.0 * deformable.beta**2)) @ deformable.W
    moved = apply(matrix, moving.points)
    moved[:, flat] = vertices * scale + centre[flat]
    return moved, f"pycpd {importlib.metadata.version('pycpd')}"


def itk_point_set(points):
    import itk

    dimension = points.shape[1]
    point_set = itk.PointSet[itk.F, dimension].New()
    for identifier, point in enumerate(points.tolist()):
        point_set.SetPoint(identifier, itk.Point[itk.F, dimension](point))
    return point_set


def descend(metric, transform, rate, iterations):
    import itk

    metric.SetMovingTransform(transform)
    metric.Initialize()
    optimizer = itk.RegularStepGradientDescentOptimizerv4[itk.D].New()
    optimizer.SetMetric(metric)
    scales = itk.OptimizerParameters[itk.D](transform.GetNumberOfParameters())
    scales.Fill(1.0)
    optimizer.SetScales(scales)
    optimizer.SetLearningRate(rate)
    optimizer.SetMinimumStepLength(1e-4 * rate)
    optimizer.SetRelaxationFactor(0.7)
    optimizer.SetNumberOfIterations(iterations)
    optimizer.StartOptimization()


def make_metric(kind, fixed, moving, blur):
    import itk

    name = {"euclidean": "EuclideanDistance", "expectation": "ExpectationBased", "jhct": "JensenHavrdaCharvatTsallis"}[kind]
    metric = getattr(itk, f"{name}PointSetToPointSetMetricv4")[itk.PointSet[itk.F, fixed.shape[1]]].New()
    if kind == "expectation":
        metric.SetPointSetSigma(blur)
        metric.SetEvaluationKNeighborhood(50)
    elif kind == "jhct":
        metric.SetPointSetSigma(blur)
        metric.SetKernelSigma(blur)
        metric.SetUseAnisotropicCovariances(False)
        metric.SetCovarianceKNeighborhood(5)
        metric.SetEvaluationKNeighborhood(50)
        metric.SetAlpha(1.1)
    metric.SetFixedPointSet(itk_point_set(fixed))
    metric.SetMovingPointSet(itk_point_set(moving))
    return metric


def itk_metric(kind):
    """ITK's transforms map fixed to moving points: the moved shape is the "fixed" one here."""

    def register(moving, fixed):
        import itk

        source, target = particles(moving), particles(fixed)
        matrix = rigid(source, target)
        centre, scale = to_unit(target)
        flat = np.ptp(np.concatenate([source, target]), 0) > 0.0
        unit = lambda points: ((points - centre) / scale)[:, flat]
        source, target, vertices = unit(apply(matrix, source)), unit(target), unit(apply(matrix, moving.points))
        dimension = int(flat.sum())
        transform = itk.AffineTransform[itk.D, dimension].New()
        for blur in (0.2, 0.1, 0.05):
            descend(make_metric(kind, source, target, blur), transform, 0.02, 100)
        move = lambda points: np.array([list(transform.TransformPoint(point)) for point in points.tolist()])
        if mean_distance(move(source), target) < mean_distance(source, target):
            vertices = move(vertices)
        moved = apply(matrix, moving.points)
        moved[:, flat] = vertices * scale + centre[flat]
        return moved, f"ITK {itk.Version.GetITKVersion()}"

    return register


PROGRAMS = {"icp": icp, "cpd": cpd, **{f"itk-{kind}": itk_metric(kind) for kind in ("euclidean", "expectation", "jhct")}}

if __name__ == "__main__":
    name, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    vertices, version = PROGRAMS[name](*(shapes.read_vtk(folder / f"{role}.vtk") for role in ("moving", "fixed")))
    np.save(output / "moved.npy", vertices)
    (output / "version.json").write_text(json.dumps({"version": version}))

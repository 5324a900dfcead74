"""itk.sinkhorn_registration_method(), itk.sinkhorn_point_transport() and itk.sinkhorn_point_barycenter() of shapes."""
import json
import os
import shutil
import subprocess
import types

import itk
import numpy as np
import pytest
from sinkhorn_testing import make_blob, make_curve, make_mesh, make_surface, mean_distance, points_of

FAST = {"iterations": 8, "particles": 150}


def curves():
    return make_curve(90, bump=3.0), make_curve(70, turn=0.4, shift=(300.0, -50.0))


def surfaces():
    """Coordinates that are exact in single precision, as meshes have them."""
    shapes = make_surface(bump=0.3), make_surface(7, shift=(30.0, 5.0, -8.0))
    return [(np.asarray(points, np.float32), cells) for points, cells in shapes]


def register(fixed, moving, **options):
    return itk.sinkhorn_registration_method(fixed, moving, settings=FAST, **options)


def test_curves_there_and_back():
    fixed, moving = curves()
    result = itk.sinkhorn_registration_method(fixed, moving, settings={"iterations": 20})
    warped, cells = result.warped
    assert warped.shape == moving[0].shape and cells is moving[1]
    assert mean_distance(warped, fixed[0]) < 0.3  # of points 0.6 apart
    for point, start in zip(warped.tolist(), moving[0]):
        assert np.linalg.norm(np.array(result.transform.TransformPoint(point)) - start) < 0.2
    back = [list(result.inverse_transform.TransformPoint(point)) for point in moving[0].tolist()]
    assert np.array_equal(back, warped)
    report = result.report
    assert report["kept"] == "result" and report["folded_fraction"] == 0 and report["min_jacobian"] > 0
    assert report["divergence_after"] < 0.01 * report["divergence_before"] and report["initialize"] == "similarity"
    assert report["dimension"] == 2 and report["messages"] == []
    assert type(result.displacement) is itk.Image[itk.Vector[itk.D, 2], 2]


def test_clouds_of_points():
    fixed, moving = (curve[0] for curve in curves())
    result = register(fixed, moving)
    assert isinstance(result.warped, np.ndarray)
    assert mean_distance(result.warped, fixed) < 0.5


@pytest.mark.parametrize("pixel", ["F", "D", "UC"])
def test_meshes_of_itk(pixel):
    fixed, moving = surfaces()
    of_arrays = register(fixed, moving)
    given = make_mesh(*moving, pixel)
    of_meshes = register(make_mesh(*fixed, pixel), given)
    assert type(of_meshes.warped) is type(given) and of_meshes.warped.GetNumberOfCells() == len(moving[1])
    assert np.array_equal(points_of(of_meshes.warped), of_arrays.warped[0].astype(np.float32))
    assert np.array_equal(points_of(given), moving[0])
    assert of_meshes.report == of_arrays.report
    assert mean_distance(of_arrays.warped[0], fixed[0]) < 2.5  # of points 5 mm apart


def test_point_sets_of_itk():
    fixed, moving = (make_mesh(points) for points, _ in surfaces())
    result = register(fixed, moving)
    assert type(result.warped) is type(moving)
    assert mean_distance(points_of(result.warped), points_of(fixed)) < 2


class Bundle(list):
    """What is known of nibabel's ArraySequence."""

    is_array_sequence = True

    def __setitem__(self, where, lines):
        super().__setitem__(where, list(lines))


class Poly:
    """What is known of PyVista's PolyData."""

    def __init__(self, points, faces, lines=()):
        self.points, self.faces, self.lines = points, faces, lines

    def copy(self):
        return Poly(self.points.copy(), self.faces, self.lines)


class Triangles:
    """What is known of trimesh's Trimesh."""

    def __init__(self, vertices, faces):
        self.vertices, self.faces = vertices, faces

    def copy(self):
        return Triangles(self.vertices, self.faces)


def as_vtk(cells):
    return np.insert(cells, 0, cells.shape[1], axis=1).ravel()


def make_pyvista(points, cells):
    return pytest.importorskip("pyvista").PolyData(points, as_vtk(cells))


def make_trimesh(points, cells):
    return pytest.importorskip("trimesh").Trimesh(points, cells, process=False)


def make_meshio(points, cells):
    return pytest.importorskip("meshio").Mesh(points, [("triangle", cells)], point_data={"number": np.arange(len(points))})


def make_fake_meshio(points, cells):
    block = types.SimpleNamespace(type="triangle", data=cells)
    tetrahedra = types.SimpleNamespace(type="tetra", data=np.array([[0, 1, 2, 3]]))
    return types.SimpleNamespace(points=points, cells=[tetrahedra, block])


@pytest.mark.parametrize(
    "make, where",
    [
        (lambda points, cells: Poly(points, as_vtk(cells)), "points"),
        (Triangles, "vertices"),
        (make_fake_meshio, "points"),
        (make_pyvista, "points"),
        (make_trimesh, "vertices"),
        (make_meshio, "points"),
    ],
    ids=["fake PolyData", "fake Trimesh", "fake meshio", "PyVista", "trimesh", "meshio"],
)
def test_surfaces_of_other_packages(make, where):
    fixed, moving = surfaces()
    expected = register(fixed, moving).warped[0]
    given = make(*moving)
    warped = register(make(*fixed), given).warped
    assert type(warped) is type(given)
    points = np.asarray(getattr(warped, where))
    assert np.array_equal(points, expected.astype(points.dtype))
    assert np.array_equal(getattr(given, where), moving[0])


def test_polylines_and_polygons_are_those_of_itk():
    rng = np.random.default_rng(5)
    points = rng.normal(scale=10, size=(12, 3))
    lines = Poly(points, np.zeros(0, int), np.array([5, 0, 1, 2, 3, 4, 2, 4, 5, 6, 6, 7, 8, 9, 10, 11]))
    segments = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [6, 7], [7, 8], [8, 9], [9, 10], [10, 11]])
    faces = Poly(points, np.array([4, 0, 1, 2, 3, 3, 4, 5, 6, 5, 7, 8, 9, 10, 11]))
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [7, 8, 9], [7, 9, 10], [7, 10, 11]])
    for shape, cells in ((lines, segments), (faces, triangles)):
        one = itk.sinkhorn_point_transport(shape, points, blur=5.0)
        other = itk.sinkhorn_point_transport((points, cells), points, blur=5.0)
        assert np.array_equal(one.fixed_positions, other.fixed_positions) and len(one.fixed_positions) == len(cells)


def make_bundle(sequence, shift, bend):
    """Streamlines of different lengths along x; one has a single point and one has none."""
    lines = []
    for k, count in enumerate((20, 15, 1, 25, 0, 18)):
        t = np.linspace(-1, 1, count)
        lines.append(np.stack([30 * t, 2.0 * k + bend * t**2, 1.0 * k - bend * t], axis=1) + shift)
    return sequence([line.astype(np.float32) for line in lines])


@pytest.mark.parametrize("form", ["fake", "fake tractogram", "ArraySequence", "Tractogram", "trk"])
def test_streamlines(form, tmp_path):
    sequence = Bundle
    if not form.startswith("fake"):
        streamlines = pytest.importorskip("nibabel").streamlines
        sequence = streamlines.ArraySequence
    fixed, moving = make_bundle(sequence, 0.0, 0.0), make_bundle(sequence, (15.0, -4.0, 2.0), 5.0)
    given = moving
    if form == "fake tractogram":
        given = types.SimpleNamespace(streamlines=moving)
    elif form == "Tractogram":
        given = streamlines.Tractogram(moving, affine_to_rasmm=np.eye(4))
    elif form == "trk":
        for bundle, name in ((fixed, "fixed.trk"), (moving, "moving.trk")):
            streamlines.save(streamlines.Tractogram(bundle, affine_to_rasmm=np.eye(4)), str(tmp_path / name))
        fixed, given = (streamlines.load(str(tmp_path / name)) for name in ("fixed.trk", "moving.trk"))
    warped = register(fixed, given).warped
    assert type(warped) is type(given)
    lines = warped if form in ("fake", "ArraySequence") else warped.streamlines
    assert [len(line) for line in lines] == [len(line) for line in (given if lines is warped else given.streamlines)]
    target = np.concatenate([line for line in make_bundle(Bundle, 0.0, 0.0) if len(line)])
    assert mean_distance(np.concatenate([line for line in lines if len(line)]), target) < 1.5
    if form == "trk":
        streamlines.save(warped, str(tmp_path / "warped.trk"))
        assert len(streamlines.load(str(tmp_path / "warped.trk")).streamlines) == len(lines)
        with pytest.raises(TypeError, match="moving: its streamlines.*lazy_load=False"):
            register(fixed, streamlines.load(str(tmp_path / "moving.trk"), lazy_load=True))


def test_a_plane_in_space():
    flat = [(np.insert(points, 2, 7.0, axis=1), cells) for points, cells in curves()]
    result = register(*flat)
    assert result.report["dimension"] == 2
    assert (result.warped[0][:, 2] == 7.0).all()
    assert np.array_equal(result.warped[0][:, :2], register(*curves()).warped[0])


def test_the_program_finds_the_same(tmp_path):
    program = os.environ.get("SINKHORN_REGISTER") or shutil.which("sinkhorn-register")
    if program is None:
        pytest.skip("SINKHORN_REGISTER is not set, and there is no program sinkhorn-register")
    shapes = dict(zip(("fixed", "moving"), surfaces()))
    for name, (points, triangles) in shapes.items():
        with open(tmp_path / f"{name}.off", "w") as file:
            print(f"OFF\n{len(points)} {len(triangles)} 0", file=file)
            np.savetxt(file, points.astype(float), fmt="%.17g")
            np.savetxt(file, as_vtk(triangles).reshape(-1, 4), fmt="%d")
    command = [program, "--fixed-points", "fixed.off", "--moving-points", "moving.off", "--output", "results", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True)
    report = json.loads((tmp_path / "results" / "report.json").read_text())
    result = itk.sinkhorn_registration_method(shapes["fixed"], shapes["moving"])
    for key in ("divergence_before", "divergence_after", "blur", "reach", "iterations", "kept", "initialize", "min_jacobian"):
        assert result.report[key] == report[key], key


def test_settings():
    fixed, moving = curves()
    rigid = register(fixed, moving, transform="rigid")
    assert rigid.report["initialize"] == "rigid"
    assert rigid.transform.GetNumberOfTransforms() == 1
    result = register(fixed, moving, blur=1.0, reach=0, initialize="centers")
    assert result.report["blur"] == 1.0 and result.report["reach"] == 0
    assert result.report["iterations"] == 8 and result.report["fixed_particles"] <= 150


def test_progress_and_its_end():
    fixed, moving = curves()
    calls = []
    register(fixed, moving, progress=calls.append)
    assert len(calls) > 3 and calls == sorted(calls) and calls[-1] == 1.0
    register(fixed, moving, progress=True)

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises((RuntimeError, KeyboardInterrupt)):
        register(fixed, moving, progress=stop)
    method = itk.SinkhornPointSetRegistrationMethod[2].New()
    for (points, cells), put in ((fixed, method.SetFixedCells), (moving, method.SetMovingCells)):
        put(2, points.ravel().tolist(), [])
    method.AddObserver(itk.IterationEvent(), lambda: method.AbortGenerateDataOn())
    with pytest.raises(RuntimeError, match="(?i)abort"):
        method.Update()


def test_cells_without_area_are_counted():
    fixed, (points, cells) = surfaces()
    moving = points, np.concatenate([cells, [[3, 3, 4], [5, 6, 5]]])
    report = register(fixed, moving).report
    assert report["fixed_dropped_cells"] == 0 and report["moving_dropped_cells"] == 2


@pytest.mark.parametrize(
    "change, options, error, message",
    [
        (lambda points: points[:0], {}, ValueError, "moving: there are no points"),
        (lambda points: points * np.nan, {}, ValueError, r"moving: point 0 is \[nan, nan\]; mend or remove"),
        (lambda points: (points[:, :1], [[0, 1]]), {}, ValueError, r"moving: points of the shape \(70, 1\)"),
        (lambda points: (points, [[0, 70]]), {}, ValueError, "moving: a cell has the point 70, but there are 70"),
        (lambda points: (points, [[0, 1, 2, 3]]), {}, ValueError, r"moving: cells of the shape \(1, 4\)"),
        (lambda points: np.insert(points, 2, 0, axis=1), {}, ValueError, "fixed has points of 2 coordinates, but moving has 3"),
        (lambda points: make_blob(2, [20, 20]), {}, TypeError, "moving: itkImageF2 is no shape; give an itk.Mesh"),
        (None, {"metric": "mattes"}, ValueError, "metric has no meaning with curves"),
        (None, {"transform": "syn"}, ValueError, "transform: 'syn'; with curves and surfaces it is displacement"),
        (None, {"transform": "rigid", "initialize": "none"}, ValueError, "initialize has no meaning with"),
        (None, {"initialize": "best"}, RuntimeError, 'Linear start "best" is none of'),
        (None, {"blur": 0}, ValueError, "blur: 0 mm; it must be more than 0"),
        (None, {"reach": -1}, ValueError, "reach: -1 mm; it must be 0 or more"),
        (None, {"settings": {"radius": 3}}, ValueError, "settings: 'radius' has no meaning"),
        (None, {"settings": {"iterations": 0.5}}, ValueError, "iterations: 0.5; it must be a whole number"),
        (None, {"settings": {"particles": 3}}, RuntimeError, "MaximumNumberOfParticles is 3"),
    ],
)
def test_errors_say_what_and_what_to_do(change, options, error, message):
    fixed, moving = (points for points, _ in curves())
    with pytest.raises(error, match=message):
        itk.sinkhorn_registration_method(fixed, change(moving) if change else moving, **options)


def test_nothing_with_a_mass():
    fixed, _ = curves()
    with pytest.raises(RuntimeError, match="(?i)length"):
        register(fixed, (np.zeros((3, 2)), [[0, 1], [1, 2]]))


def test_transport_of_a_shift():
    points, cells = make_curve()
    shift = np.array([3.0, -2.0])
    result = itk.sinkhorn_point_transport((points, cells), (points + shift, cells), tolerance=1e-6, maximum_number_of_iterations=5000)
    assert np.allclose(result.fixed_springs, shift, atol=0.02) and np.allclose(result.moving_springs, -shift, atol=0.02)
    assert np.allclose(result.fixed_positions, points[cells].mean(axis=1))
    lengths = np.linalg.norm(points[cells[:, 1]] - points[cells[:, 0]], axis=1)
    assert np.allclose(result.fixed_masses, lengths / lengths.sum())
    assert np.allclose(result.fixed_transported_mass, result.fixed_masses, atol=1e-6)
    assert result.divergence == pytest.approx(13 / 2, rel=1e-2) and result.converged
    halfway = result.interpolate(0.5)
    assert np.allclose(halfway, result.fixed_positions + shift / 2, atol=0.02)
    assert np.linalg.norm(result.fixed_targets - result.moving_positions, axis=1).max() < 3 * result.blur


def test_transport_with_masses_and_reach():
    points = np.array([[0.0, 0.0], [10.0, 0.0]])
    others = np.array([[1.0, 0.0], [200.0, 0.0]])
    result = itk.sinkhorn_point_transport(points, others, blur=1.0, reach=5.0, fixed_masses=[3.0, 1.0])
    assert np.allclose(result.fixed_masses, [0.75, 0.25])
    assert result.fixed_transported_mass[0] > 10 * result.moving_transported_mass[1]
    with pytest.raises(ValueError, match=r"fixed_masses: masses of the shape \(3,\) for 2 points"):
        itk.sinkhorn_point_transport(points, others, fixed_masses=[1.0, 2.0, 3.0])
    with pytest.warns(RuntimeWarning, match="sinkhorn_point_transport: not converged after"):
        itk.sinkhorn_point_transport(points, others, maximum_number_of_iterations=1, tolerance=1e-12)


def test_barycenter():
    points, cells = make_curve()
    shift = np.array([8.0, 4.0])
    start = make_mesh(points, cells)
    middle = itk.sinkhorn_point_barycenter(points, points + shift, weights=[3, 1], start=start)
    assert type(middle) is type(start) and middle.GetNumberOfCells() == len(cells)
    assert np.abs(points_of(middle) - points - shift / 4).max() < 0.5
    with pytest.raises(ValueError, match="weights: there are 1 for 2 shapes"):
        itk.sinkhorn_point_barycenter(points, points, weights=[1])
    with pytest.raises(ValueError, match="no shapes"):
        itk.sinkhorn_point_barycenter()

"""sinkhorn-cohort: tables, state, failures, lost workers."""
import csv
import json
import os
import subprocess
import sys
import threading
import time

import itk
import numpy as np
import pytest

distributed = pytest.importorskip("distributed", reason="the extra [cohort] is not installed")

import cohort_testing
import itk_sinkhorn_cohort as cohort
from cohort_testing import read_bits, shift_register, telling_register, write_group, write_table
from itk_sinkhorn_cohort import command, plan, state, transformfile
from sinkhorn_testing import make_field


@pytest.fixture(scope="module")
def client():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as workers:
        with distributed.Client(workers) as client:
            yield client


def run_quickly(*arguments, register=shift_register, keep=("warped", "transform"), **options):
    """Without pages, for which workers would load much of ITK."""
    return cohort.run_cohort(*arguments, register=register, keep=keep, **options)


@pytest.fixture
def group(tmp_path):
    return write_group(tmp_path, 5)


def calls(folder):
    return len(list(folder.iterdir()))


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "text, message",
    [
        ("fixed\na.nii\n", "has no column 'moving'"),
        ("fixed,moving,lables\na.nii,b.nii,c.nii\n", "column 'lables' is unknown"),
        ("fixed,moving\na.nii,\n", "line 2: the cell of 'moving' is empty"),
        ("fixed,moving\na.nii,b.nii\na.nii,b.nii\n", "line 3: id 'a_b' stands there twice"),
        ("fixed,moving,id\na.nii,b.nii,../c\n", "id '../c' can't name a folder"),
        ("fixed,moving\n", "no line below its heading"),
        ("fixed,moving\na,b,c\n", "line 2: has more cells"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, message):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(cohort.TableError, match=message.replace("(", r"\(")):
        cohort.read_pairs(path)
    assert command.cohort([str(path), "--output", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_tables_in_other_dialects(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("\ufefffixed; moving\n\na.nii.gz; sub/b.mha\n", encoding="utf-8")
    (pair,) = cohort.read_pairs(path)
    assert pair.id == "a_b" and pair.moving == str(tmp_path / "sub" / "b.mha") and pair.fixed_mask == ""


def test_results_and_a_second_run(client, group, tmp_path):
    seen = tmp_path / "calls"
    seen.mkdir()
    pairs = cohort.read_pairs(write_table(tmp_path, group, [(0, 1), (1, 0), (2, 3)]))
    options = {"folder": str(seen)}
    output = tmp_path / "out"
    done = run_quickly(pairs, output, client, options=options)
    assert done.registered == 3 and not done.failed and calls(seen) == 3
    rows = read_table(output / "results.csv")
    assert [row["id"] for row in rows] == ["0to1", "1to0", "2to3"]
    assert all(row["status"] == "done" and float(row["dice_after_mean"]) > float(row["dice_before_mean"]) for row in rows)
    scores = read_table(output / "scores.csv")
    assert {(row["id"], row["label"]) for row in scores} == {(pair.id, label) for pair in pairs for label in "12"}
    transform = transformfile.read(output / "0to1" / "transform.h5")
    assert transform.TransformPoint([0.0, 0.0])[0] == pytest.approx(1, abs=0.3)

    bits = read_bits(output)
    assert len(bits) == 3 * 4
    again = run_quickly(pairs, output, client, options=options)
    assert again.registered == 0 and calls(seen) == 3 and read_bits(output) == bits
    assert read_table(output / "results.csv") == rows

    # Other contents, other options and results that are not whole are no longer what was done.
    itk.imwrite(itk.imread(str(group[4][0])), str(group[3][0]))
    (output / "0to1" / "warped.nii.gz").write_bytes(b"")
    assert run_quickly(pairs, output, client, options=options).registered == 2
    assert read_bits(output)["0to1/warped.nii.gz"] == bits["0to1/warped.nii.gz"]
    options["pause"] = 0.01
    assert run_quickly(pairs, output, client, options=options).registered == 3


def test_label_costs_go_along_as_text(client, group, tmp_path):
    """Workers need not see their file, and other costs are other results."""
    pairs = cohort.read_pairs(write_table(tmp_path, group, [(0, 1)]))
    costs = tmp_path / "costs.csv"
    output = tmp_path / "out"
    for registered, text in ((1, "-,1,2\n1,0,4\n2,4,0\n"), (1, "-,1,2\n1,0,5\n2,5,0\n"), (0, "-,1,2\n1,0,5\n2,5,0")):
        costs.write_text(text)
        done = run_quickly(pairs, output, client, register=telling_register, options={"label_costs": str(costs)})
        assert done.registered == registered and not done.failed
        report = json.loads((output / "0to1" / "report.json").read_text())
        assert report["label_costs"] == text.rstrip("\n") + "\n"
    with pytest.raises(cohort.TableError, match="missing.csv"):
        run_quickly(pairs, output, client, options={"label_costs": str(tmp_path / "missing.csv")})


def test_label_costs_of_the_program(group, tmp_path, capsys):
    table = write_table(tmp_path, group, [(0, 1)])
    costs = tmp_path / "costs.csv"
    costs.write_text("-,1,2\n1,0,4\n2,4,0\n")
    arguments = [str(table), "--output", str(tmp_path / "out"), "--dry-run", "--workers", "1", "--label-costs"]
    assert command.cohort([*arguments, str(costs)]) == 0
    assert command.cohort([*arguments, str(tmp_path / "missing.csv")]) == 2
    assert "label costs" in capsys.readouterr().err


def test_what_fails_fails_alone(client, group, tmp_path):
    broken = np.asarray(itk.imread(str(group[1][0]))).copy()
    broken[0, 0] = np.nan
    itk.imwrite(itk.image_from_array(broken), str(group[1][0]))
    group[2][0].write_bytes(group[2][0].read_bytes()[:100])
    group[3][0].unlink()
    pairs = cohort.read_pairs(write_table(tmp_path, group, [(0, 1), (0, 2), (0, 3), (0, 4), (4, 0)]))
    done = run_quickly(pairs, tmp_path / "out", client)
    assert set(done.failed) == {"0to1", "0to2", "0to3"} and done.registered == 2
    assert "image1.nii.gz': voxel [0, 0] is nan; 1 of 1024 are no numbers" in done.failed["0to1"]
    assert "image2.nii.gz" in done.failed["0to2"]
    assert "image3.nii.gz': there is no such file" in done.failed["0to3"] or "No such file" in done.failed["0to3"]
    rows = {row["id"]: row for row in read_table(tmp_path / "out" / "results.csv")}
    assert rows["0to1"]["status"] == "failed" and "nan" in rows["0to1"]["message"] and rows["4to0"]["status"] == "done"


def test_a_pair_that_kills_its_workers_is_given_up(client, group, tmp_path):
    deadly = np.asarray(itk.imread(str(group[1][0]))).copy()
    deadly[0, 0] = 7
    itk.imwrite(itk.image_from_array(deadly), str(group[1][0]))
    pairs = cohort.read_pairs(write_table(tmp_path, group, [(0, 1), (0, 2), (0, 3), (0, 4), (4, 0), (3, 0)]))
    done = run_quickly(pairs, tmp_path / "out", client, register=cohort_testing.killing_register)
    assert set(done.failed) == {"0to1"} and "workers were killed" in done.failed["0to1"]
    assert done.registered == 5
    assert not list((tmp_path / "out").glob(".begun-*"))


def test_a_pair_that_fits_into_no_worker(client, group, tmp_path, monkeypatch):
    pairs = cohort.read_pairs(write_table(tmp_path, group, [(0, 1), (1, 0)]))
    monkeypatch.setattr(plan, "BASE_MEMORY", 1e15)
    done = run_quickly(pairs, tmp_path / "out", client)
    assert len(done.failed) == 2 and "of memory, but the largest worker has" in done.failed["0to1"]


def test_one_run_at_a_time(client, group, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    with state.lock(output), pytest.raises(cohort.FolderInUse, match=f"process {os.getpid()}"):
        run_quickly(cohort.read_pairs(write_table(tmp_path, group, [(0, 1)])), output, client)


def test_staged_results(tmp_path):
    folder = tmp_path / "pair"
    with pytest.raises(KeyError):
        with state.staged_results(folder, "a", {}) as staged:
            (staged / "x").write_text("half")
            raise KeyError
    assert list(tmp_path.iterdir()) == []
    for key, text in (("a", "one"), ("b", "two")):
        with state.staged_results(folder, key, {"figure": 1}) as staged:
            (staged / "x").write_text(text)
        assert state.read_result(folder, key)["figure"] == 1 and (folder / "x").read_text() == text
    assert not state.is_done(folder, "a")
    # Of two workers with the same task one is late: what is there stays.
    before = (folder / "x").stat().st_ino
    with state.staged_results(folder, "b", {}) as staged:
        (staged / "x").write_text("two")
    assert (folder / "x").stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


def test_a_detached_header_changes_with_its_voxels(tmp_path):
    image = itk.image_from_array(np.arange(12, dtype=np.float32).reshape(3, 4))
    path = tmp_path / "image.mhd"
    itk.imwrite(image, str(path))
    assert [part.name for part in state.list_parts(path)] == ["image.mhd", "image.raw"]
    first = state.FileHashes().get(path)
    (tmp_path / "image.raw").write_bytes(b"\1" * 48)
    assert state.FileHashes().get(path) != first


def test_transform_files(tmp_path):
    field = make_field(itk.image_from_array(np.zeros((5, 6), np.float32)))
    itk.array_view_from_image(field)[...] = np.random.default_rng(3).random((5, 6, 2))
    deformation = itk.DisplacementFieldTransform[itk.D, 2].New()
    deformation.SetDisplacementField(field)
    composite = itk.CompositeTransform[itk.D, 2].New()
    shift = itk.TranslationTransform[itk.D, 2].New()
    shift.SetOffset([0.5, -1.0])
    composite.AddTransform(shift)
    composite.AddTransform(deformation)
    for name in ("a.h5", "b.h5"):
        transformfile.write(composite, tmp_path / name)
        time.sleep(1.1)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    again = transformfile.read(tmp_path / "a.h5")
    for point in ([1.0, 2.0], [3.25, 0.5]):
        assert list(again.TransformPoint(point)) == pytest.approx(list(composite.TransformPoint(point)), abs=1e-12)


def test_transform_files_have_the_same_bytes_whoever_looks_on(tmp_path):
    """The profiler of a Dask worker keeps frames, and what their variables refer to, for some milliseconds."""
    field = make_field(itk.image_from_array(np.zeros((26, 25, 24), np.float32)))
    itk.array_view_from_image(field)[5:20] = np.random.default_rng(3).random((15, 25, 24, 3))
    warp = itk.DisplacementFieldTransform[itk.D, 3].New()
    warp.SetDisplacementField(field)
    transform = itk.CompositeTransform[itk.D, 3].New()
    transform.AddTransform(itk.TranslationTransform[itk.D, 3].New())
    transform.AddTransform(warp)
    ended = threading.Event()
    writer = threading.get_ident()

    def look_on():
        while not ended.wait(0.001):
            frame = sys._current_frames().get(writer)
            ended.wait(0.003)
            del frame

    watcher = threading.Thread(target=look_on)
    watcher.start()
    try:
        written = set()
        for _ in range(40):
            transformfile.write(transform, tmp_path / "transform.h5")
            written.add((tmp_path / "transform.h5").read_bytes())
    finally:
        ended.set()
        watcher.join()
    assert len(written) == 1


def test_a_thousand_pairs_are_planned_quickly(group, tmp_path, capsys):
    table = write_table(tmp_path, group, [])
    lines = [f"{group[k % 5][0].name},{group[(k + 1) % 5][0].name},,,p{k}" for k in range(1000)]
    table.write_text(table.read_text() + "\n".join(lines) + "\n")
    start = time.monotonic()
    assert command.cohort([str(table), "--output", str(tmp_path / "out"), "--dry-run", "--workers", "4"]) == 0
    assert time.monotonic() - start < 30
    text = capsys.readouterr().out
    assert "1000 pairs -> 1000 registrations" in text and "0 done, 1000 to do" in text and "memory of one registration" in text
    assert not (tmp_path / "out").exists()


def start_program(table, output, *more):
    """sinkhorn-cohort in a process of its own."""
    code = "import sys; from itk_sinkhorn_cohort.command import cohort; sys.exit(cohort())"
    arguments = [sys.executable, "-c", f"if __name__ == '__main__':\n  {code.replace('; ', chr(10) + '  ')}"]
    return subprocess.Popen([*arguments, str(table), "--output", str(output), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def test_program_with_real_registrations(group, tmp_path):
    table = write_table(tmp_path, group, [(0, 1), (1, 2)])
    with open(table, "a") as file:
        file.write("image0.nii.gz,missing.nii.gz,,,missing\n")
    arguments = (table, tmp_path / "out", "--workers", "1", "--transform", "affine", "--setting", "iterations=20x10")
    run = start_program(*arguments)
    out, err = run.communicate(timeout=300)
    assert run.returncode == 1, err
    assert "2 registered, 0 done before, 1 failed" in out
    assert "missing: moving" in err and "1 of 3 failed" in err
    report = json.loads((tmp_path / "out" / "0to1" / "report.json").read_text())
    assert report["transform"] == "affine" and report["dice_after_mean"] > report["dice_before_mean"]
    again = start_program(*arguments)
    out, _ = again.communicate(timeout=300)
    assert again.returncode == 1 and "0 registered, 2 done before, 1 failed" in out


@pytest.mark.parametrize("config, message", [("[1]", "holds a JSON object"), ('{"blurr": 2}', "there is no option 'blurr'")])
def test_bad_config(group, tmp_path, capsys, config, message):
    (tmp_path / "config.json").write_text(config)
    table = write_table(tmp_path, group, [(0, 1)])
    assert command.cohort([str(table), "--output", str(tmp_path / "out"), "--config", str(tmp_path / "config.json")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()

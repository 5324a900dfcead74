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
"""Cohorts under load and under fire: the ten hippocampi of the comparison, images and labels, both ways, are 40 pairs.

    python3 cohort.py DATA OUTPUT [speed] [kills] [again] [poison] [driver] [template]

DATA has the set msd_hippocampus; sinkhorn-cohort and sinkhorn-template are those on the PATH, from the wheel with its extra
[cohort]. OUTPUT must not exist for `speed` and `kills` to mean something. Without names everything is done, in this order.

speed     one local worker, then two; times want a machine without other work
kills     two workers, of which one gets SIGKILL every ten seconds; the bits are those of `speed`
again     the same command once more
poison    three pairs and one whose image is full of NaN
driver    the driver gets SIGKILL at five moments; what was done then is not done again
template  templates of ten images that start with the mean, the median and the Wasserstein barycentre, and all 90 pairs of them directly
"""
import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from pairs import HIPPOCAMPI

#: Files that follow from images and options alone.
EXACT = ("report.json", "warped.nii.gz", "warped_labels.nii.gz", "transform.h5")
GROUP = (1, 3, 4, 6, 7, 8, 11, 14, 15, 17)
COLUMNS = ("id", "fixed", "moving", "fixed_labels", "moving_labels")


def write_table(path, columns, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def name_file(data, kind, number):
    return str(Path(data).resolve() / "msd_hippocampus" / kind / f"hippocampus_{number:03d}.nii.gz")


def list_pairs(data):
    """Rows of 40 pairs."""
    rows = []
    for pair in HIPPOCAMPI:
        for fixed, moving in (pair, pair[::-1]):
            labels = [name_file(data, "labels", number) for number in (fixed, moving)]
            images = [name_file(data, "images", number) for number in (fixed, moving)]
            rows.append([f"mr_{fixed:03d}_{moving:03d}", *images, *labels])
            rows.append([f"labels_{fixed:03d}_{moving:03d}", *labels, *labels])
    return rows


def begin(table, folder, workers):
    return subprocess.Popen(["sinkhorn-cohort", str(table), "--output", str(folder), "--workers", str(workers)],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def run(table, folder, workers):
    """Seconds, exit status, and what was said."""
    start = time.monotonic()
    process = begin(table, folder, workers)
    said = process.communicate()[0].strip()
    return time.monotonic() - start, process.returncode, said


def read_bits(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).glob("*/*") if path.name in EXACT}


def list_done(folder):
    """Times of results, by pair."""
    return {path.parent.name: path.stat().st_mtime_ns for path in Path(folder).glob("*/result.json")}


def list_workers(driver):
    """Processes of local workers: children of the process that they are forked from."""
    def children(process):
        try:
            text = Path(f"/proc/{process}/task/{process}/children").read_text()
        except OSError:
            return []
        return [int(word) for word in text.split()]

    return [worker for child in children(driver) for worker in children(child)]


def measure_speed(table, output):
    seconds = []
    for workers in (1, 2):
        took, status, said = run(table, output / f"calm{workers}", workers)
        seconds.append(took)
        times = sorted(list_done(output / f"calm{workers}").values())
        print(f"{workers} worker(s): {took:.1f} s, of these {(times[-1] - times[0]) * 1e-9:.1f} s from the first result to the "
              f"last; exit status {status}; {said}")
    print(f"one / two: {seconds[0] / seconds[1]:.2f}")
    same = read_bits(output / "calm1") == read_bits(output / "calm2")
    print(f"the same bits: {same}")


def kill_workers(table, output):
    folder = output / "stormy"
    start = time.monotonic()
    driver = begin(table, folder, 2)
    killed = 0
    last = time.monotonic()
    while driver.poll() is None:
        time.sleep(0.1)
        if time.monotonic() - last < 10:
            continue
        last = time.monotonic()
        workers = list_workers(driver.pid)
        if workers:
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
    said = driver.stdout.read().strip()
    same = read_bits(folder) == read_bits(output / "calm2")
    print(f"{killed} workers killed: {time.monotonic() - start:.1f} s, exit status {driver.returncode}; {said}; the same bits: {same}")


def run_again(table, output):
    before = list_done(output / "calm2")
    took, status, said = run(table, output / "calm2", 2)
    print(f"again: {took:.1f} s, exit status {status}; {said}; untouched: {before == list_done(output / 'calm2')}")


def poison(data, output):
    rows = list_pairs(data)[:4]
    image = sitk.ReadImage(rows[0][2], sitk.sitkFloat32)
    bad = sitk.GetImageFromArray(np.full(sitk.GetArrayViewFromImage(image).shape, np.nan, np.float32))
    bad.CopyInformation(image)
    path = output / "poison.nii.gz"
    sitk.WriteImage(bad, str(path))
    rows[0][2] = str(path)
    took, status, said = run(write_table(output / "poisoned.csv", COLUMNS, rows), output / "poisoned", 2)
    print(f"poisoned: {took:.1f} s, exit status {status}; {said}; done: {sorted(list_done(output / 'poisoned'))}")


def kill_driver(table, output):
    folder = output / "interrupted"
    kept = {}
    for share in (0.0, 0.2, 0.4, 0.6, 0.8):
        driver = begin(table, folder, 2)
        while driver.poll() is None and len(list_done(folder)) < max(share * 40, 1):
            time.sleep(0.05)
        time.sleep(0.7)  # in the midst of the next ones
        driver.kill()
        driver.wait()
        time.sleep(5)  # its workers end
        now = list_done(folder)
        print(f"driver killed with {len(now)} done; earlier ones untouched: {kept.items() <= now.items()}")
        kept = now
    took, status, said = run(table, folder, 2)
    same = read_bits(folder) == read_bits(output / "calm2")
    untouched = kept.items() <= list_done(folder).items()
    print(f"then: {took:.1f} s, exit status {status}; {said}; earlier ones untouched: {untouched}; the same bits: {same}")


def compare_templates(data, output):
    rows = [[f"{number:03d}", name_file(data, "images", number), name_file(data, "labels", number)] for number in GROUP]
    table = write_table(output / "images.csv", ("id", "image", "labels"), rows)
    for kind in ("mean", "median", "barycenter"):
        start = time.monotonic()
        said = subprocess.run(["sinkhorn-template", str(table), "--output", str(output / f"template_{kind}"), "--workers", "2", "--start", kind],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
        print(f"start {kind}: {time.monotonic() - start:.0f} s; {said}")
        print((output / f"template_{kind}" / "convergence.csv").read_text())
    names = {row[0]: row[1:] for row in rows}
    pairs = [[f"{a}_{b}", names[a][0], names[b][0], names[a][1], names[b][1]] for a in names for b in names if a != b]
    took, status, said = run(write_table(output / "direct.csv", COLUMNS, pairs), output / "direct", 2)
    with open(output / "direct" / "results.csv", newline="") as file:
        dice = [float(row["dice_after_mean"]) for row in csv.DictReader(file)]
    print(f"direct: {took:.0f} s, exit status {status}; {said}; mean Dice {np.mean(dice):.4f}")


def main():
    data, output = sys.argv[1], Path(sys.argv[2]).resolve()
    names = sys.argv[3:] or ["speed", "kills", "again", "poison", "driver", "template"]
    if shutil.which("sinkhorn-cohort") is None:
        sys.exit("cohort: there is no program sinkhorn-cohort on the PATH: install the wheel with its extra [cohort]")
    output.mkdir(parents=True, exist_ok=True)
    table = write_table(output / "pairs.csv", COLUMNS, list_pairs(data))
    work = {"speed": lambda: measure_speed(table, output), "kills": lambda: kill_workers(table, output),
            "again": lambda: run_again(table, output), "poison": lambda: poison(data, output),
            "driver": lambda: kill_driver(table, output), "template": lambda: compare_templates(data, output)}
    for name in names:
        work[name]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()

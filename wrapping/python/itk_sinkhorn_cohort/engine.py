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
"""One registration of a cohort: files in, files out."""
import contextlib
import importlib.metadata
import os
import resource
import socket
import sys
import time

import numpy as np

from itk_sinkhorn_cohort import fields, integrity, scores, state, table, transformfile

#: What can be written for a pair, beside report.json: `warped.nii.gz`, `warped_labels.nii.gz` where there are labels,
#: `transform.h5` (fixed to moving points), `inverse.h5`, `displacement.nii.gz` (mm), and the page `report.html`.
KEEP = ("warped", "transform", "page")
EXTRAS = ("inverse", "displacement")


def get_versions():
    """Of the packages that the results follow from."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("itk-sinkhorn", "itk", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def describe(register=None):
    """What results follow from, beside files and options: the function and the versions of what it calls."""
    name = f"{register.__module__}.{register.__qualname__}" if register else "itk.sinkhorn_registration_method"
    versions = get_versions()
    return {"function": name, "versions": {name: versions.get(name, "") for name in ("itk-sinkhorn", "itk")}}


def make_portable(options):
    """Options that say the same wherever they are read: label costs as the text of their table, not as the name of a file.

    Raises
    ------
    TableError
        If the file can't be read.
    """
    options = dict(options or {})
    costs = options.get("label_costs")
    if isinstance(costs, (str, os.PathLike)):
        if "\n" not in os.fspath(costs):
            try:
                with open(costs, encoding="utf-8") as file:
                    options["label_costs"] = file.read().rstrip("\n") + "\n"
            except (OSError, ValueError) as error:
                raise table.TableError(f"label costs '{costs}': can't be read ({error})") from error
    elif costs is not None:
        from itk.sinkhorn_registration_function import _as_label_costs

        options["label_costs"] = _as_label_costs(costs)
    return options


def _set_threads(threads):
    """Not the global maximum, to which ITK cuts down the number of pieces that filters have divided their work into."""
    import itk

    itk.MultiThreaderBase.SetGlobalDefaultNumberOfThreads(threads)


def _reset_peak_memory():
    """From here on the peak of resident memory is counted anew, where the system can."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _get_peak_memory():
    """Largest resident memory of this process, MB."""
    with contextlib.suppress(OSError, StopIteration, ValueError), open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_image(path, role):
    """An image file as an ITK image; the error names it by its role."""
    import itk

    try:
        integrity.check_finite(path, role)
        return itk.imread(path)
    except integrity.BadVoxel:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise RuntimeError(f"{role.replace('_', ' ')} '{path}': can't be read ({reason})") from error


def _call(register, images, options, initial):
    """The registration itself; a start from a file becomes a transform."""
    import itk

    arguments = dict(options)
    for role in ("fixed_mask", "moving_mask"):
        if role in images:
            arguments[role] = images[role]
    if initial:
        arguments["initial_transform"] = transformfile.read(initial)
    method = register or itk.sinkhorn_registration_method
    return method(images["fixed"], images["moving"], **arguments)


def register_pair(task, options, register=None, keep=KEEP, command=""):
    """Registers a pair and writes the results into its folder, unless they are there.

    Parameters
    ----------
    task : plan.Task
    options : dict
        Of itk.sinkhorn_registration_method().
    register : callable
        Takes the place of that function.
    keep : sequence of str
        Which files to write, of KEEP and EXTRAS.
    command : str
        For the report: how this was asked for.

    Returns
    -------
    dict
        The record that stands in result.json.
    """
    folder = task.folder
    record = state.read_result(folder, task.key)
    if record is not None:
        return record
    deaths = state.Deaths(os.path.dirname(folder), task.pair.id)
    deaths.begin()
    # Where this ends with an error, or in an interpreter that goes on, nobody was killed.
    try:
        return _register(task, options, register, keep, command)
    finally:
        deaths.forget()


def _register(task, options, register, keep, command):
    _set_threads(task.threads)
    _reset_peak_memory()
    start = time.monotonic()
    files = task.pair.files()
    images = {role: read_image(path, role) for role, path in files.items() if role != "initial"}
    result = _call(register, images, options, files.get("initial"))
    report, warped_labels = _measure(images, result)
    record = {
        "id": task.pair.id,
        "inputs": files,
        "report": report,
        "options": options,
        "versions": get_versions(),
        "command": command,
        "threads": task.threads,
        "host": socket.gethostname(),
    }
    with state.staged_results(folder=task.folder, key=task.key, record=record) as staged:
        _write(staged, images, result, report, warped_labels, keep)
        record["seconds"] = round(time.monotonic() - start, 3)
        record["peak_memory_mb"] = round(_get_peak_memory(), 1)
        if "page" in keep:
            from itk_sinkhorn_cohort import page

            page.write_pair(staged / "report.html", images, result, record)
    return {**record, "key": task.key}


def _measure(images, result):
    """The report, with the Dice of labels where there are any, and the warped labels."""
    report = dict(result.report)
    if "moving_labels" not in images:
        return report, None
    fixed, moving = images["fixed"], images["moving_labels"]
    warped = scores.warp_labels(moving, fixed, result.transform)
    if "fixed_labels" in images:
        report["dice_before"] = scores.dice(images["fixed_labels"], scores.warp_labels(moving, fixed))
        report["dice_after"] = scores.dice(images["fixed_labels"], warped)
        for moment in ("before", "after"):
            values = list(report[f"dice_{moment}"].values())
            report[f"dice_{moment}_mean"] = float(np.mean(values)) if values else None
    return report, warped


def _write(folder, images, result, report, warped_labels, keep):
    import itk

    state.write_json(folder / "report.json", report)
    if "warped" in keep:
        itk.imwrite(result.warped, str(folder / "warped.nii.gz"), compression=True)
        if warped_labels is not None:
            itk.imwrite(warped_labels, str(folder / "warped_labels.nii.gz"), compression=True)
    if "displacement" in keep:
        field = fields.to_image(fields.to_array(result.displacement), result.warped)
        itk.imwrite(field, str(folder / "displacement.nii.gz"), compression=True)
    for name, transform in (("transform", result.transform), ("inverse", result.inverse_transform)):
        if name in keep:
            transformfile.write(transform, folder / f"{name}.h5")

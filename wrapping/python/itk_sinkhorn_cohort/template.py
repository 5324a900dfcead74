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
"""A template of a group: rounds of registrations to the last template, and the mean of what comes out."""
import functools
import pathlib
import shutil
import typing

import numpy as np

from itk_sinkhorn_cohort import average, engine, plan, run, scores, state, table, transformfile

#: Transforms of the rounds.
LINEAR = ("rigid", "affine")
ROUNDS = ("rigid", "affine", "syn", "syn", "syn")
FIGURES = ("change", "shape_correction", "similarity", "spread")
_KEEP = ("warped", "transform", "inverse", "displacement")


class Template(typing.NamedTuple):
    """What build_template() returns."""

    #: template.nii.gz
    path: str
    #: Figures of each round, see convergence.csv.
    rounds: list
    #: Messages of the subjects that a round could not register, by "round/id".
    failed: dict
    #: Mean Dice of labels carried from subject to subject through the template; None without labels.
    dice: typing.Any


class _Builder:
    """Where the building of a template stands."""

    def __init__(self, subjects, output, client, settings):
        self.subjects = subjects
        self.output = output
        self.client = client
        self.settings = settings
        self.failed = {}
        self.hashes = state.FileHashes(output / ".hashes.json")

    def do(self, name, work, ingredients, facts_of):
        """One step that is no registration, on a worker; what is done stays done. The folder of its results."""
        folder = self.output / name
        key = state.make_key([state.FORMAT, engine.describe(), name, ingredients])
        if not state.is_done(folder, key):
            voxels = [plan.count_voxels(path) for path in facts_of]
            # All images at once, in double precision, and points and fields of one.
            memory = plan.BASE_MEMORY + sum(voxels) * 16 + max(voxels) * 400
            pair = table.Pair(name.replace("/", "-"), "", "")
            task = plan.Task(pair, key, str(folder), self.settings["threads"], int(memory), 0.0)
            records, failed = {}, {}
            run.run_tasks([task], work, self.client, records, failed)
            if failed:
                raise RuntimeError(f"{name}: {failed[pair.id]}")
        return folder

    def hash(self, path):
        return self.hashes.get(path)

    def register(self, name, template, options, start=None):
        """Registers all subjects to a template; ids of those that came out, and the rows."""
        pairs = []
        for subject in self.subjects:
            initial = self.output / start / subject.id / "transform.h5" if start else ""
            if start and not initial.exists():
                continue  # failed in that round, and is reported
            pairs.append(table.Pair(subject.id, str(template), subject.image, moving_mask=subject.mask, moving_labels=subject.labels,
                                    initial=str(initial)))
        folder = self.output / name
        folder.mkdir(exist_ok=True)
        cohort = run.run_pairs(pairs, folder, self.client, options=options, keep=_KEEP, label=name, **self.settings)
        self.failed.update({f"{name}/{key}": message for key, message in cohort.failed.items()})
        done = [row["id"] for row in cohort.rows if row["status"] == "done"]
        if not done:
            raise RuntimeError(f"{name}: no image could be registered: {next(iter(cohort.failed.values()))}")
        return done, cohort.rows


def get_options(transform, options):
    """Of the registration of a round. The linear ones start from transport and refine by mutual information."""
    if transform in LINEAR:
        start = "sinkhorn-rigid" if transform == "rigid" else "sinkhorn"
        return {"stages": [f"{transform},mattes"], "initialize": start}
    return {**options, "transform": transform}


def build_template(subjects, output, client, *, rounds=ROUNDS, start="mean", mean="mean", sharpen=True, options=None, threads=1,
                   register=None, progress=None, ahead=0, command=""):
    """A template of a group of images: their mean in intensities and in shape.

    Every registration is a task of run_cohort(): what is done stays done, whatever ends the run.

    Parameters
    ----------
    subjects : sequence of Subject
        See read_subjects().
    output : str
        Folder: template.nii.gz, convergence.csv and .png, `start`, `round-…` and `template-…` of every round, `final` (the
        registrations to the template that came out: transforms, inverses, warped images) and with labels scores.csv.
    client : distributed.Client
    rounds : sequence of str
        Transforms: rigid, affine, then deformations (syn, bspline-syn, velocity, displacement, greedy).
    start : str
        mean, median or barycenter (Wasserstein) of the images, centre upon centre.
    mean : str
        mean or median of the warped images of a round.
    sharpen : bool
        Sharpen the template after deformable rounds.
    options : dict
        Of itk.sinkhorn_registration_method(), for the deformable rounds.
    threads, register, progress, ahead, command
        As run_cohort() has them.

    Returns
    -------
    Template

    Raises
    ------
    FolderInUse
        If another run works on that folder.
    ValueError
        On unknown rounds and starts.
    RuntimeError
        If no image could be registered in a round.
    """
    check(rounds, start, mean)
    output = pathlib.Path(output).absolute()
    output.mkdir(parents=True, exist_ok=True)
    settings = {"threads": threads, "register": register, "progress": progress, "ahead": ahead, "command": command}
    with state.lock(output):
        state.remove_leftovers(output)
        builder = _Builder(subjects, output, client, settings)
        return _build(builder, rounds, {"start": start, "mean": mean, "sharpen": sharpen}, options or {})


def check(rounds, start, mean):
    deformable = ("syn", "bspline-syn", "velocity", "displacement", "greedy")
    if not rounds:
        raise ValueError("rounds: there is none; give at least one, such as rigid")
    for name in rounds:
        if name not in LINEAR + deformable:
            raise ValueError(f"round '{name}': is unknown; there are {', '.join(LINEAR + deformable)}")
    linear = [name in LINEAR for name in rounds]
    if linear != sorted(linear, reverse=True):
        raise ValueError("rounds: linear ones must come before deformations, which start from them")
    if start not in average.STARTS:
        raise ValueError(f"start '{start}': is unknown; there are {', '.join(average.STARTS)}")
    if mean not in ("mean", "median"):
        raise ValueError(f"mean '{mean}': is unknown; there are mean and median")


def _build(builder, rounds, ways, options):
    template = _start(builder, ways["start"])
    linear = None
    figures = []
    for k, transform in enumerate(rounds, 1):
        name = f"round-{k:02d}"
        done, rows = builder.register(name, template, get_options(transform, options), None if transform in LINEAR else linear)
        if transform in LINEAR:
            linear = name
        template, figure = _update(builder, k, transform, template, done, rows, ways)
        figures.append({"round": k, "transform": transform, "subjects": len(done), **figure})
        builder.hashes.save()
        write_convergence(builder.output, figures)
    done, _ = builder.register("final", template, get_options(rounds[-1], options), None if rounds[-1] in LINEAR else linear)
    staged = builder.output / ".unfinished-template.nii.gz"
    shutil.copyfile(template, staged)
    staged.replace(builder.output / "template.nii.gz")
    dice = _score(builder, done)
    return Template(str(builder.output / "template.nii.gz"), figures, builder.failed, dice)


def _start(builder, kind):
    """The first template. Subjects whose images can't be read are reported and left out of everything that follows."""
    files, hashes, problems = {}, {}, {}
    for subject in builder.subjects:
        try:
            hashes[subject.id] = builder.hash(subject.image)
            files[subject.id] = subject.image
        except OSError as error:
            problems[subject.id] = f"image '{subject.image}': {error.strerror}"
    if not files:
        raise RuntimeError(f"no image can be read: {next(iter(problems.values()))}")
    work = functools.partial(average.make_start, files=files, kind=kind)
    folder = builder.do("start", work, [kind, hashes], list(files.values()))
    problems.update(state.read_json(folder / state.RECORD)["problems"])
    builder.failed.update({f"start/{name}": message for name, message in problems.items()})
    builder.subjects = [subject for subject in builder.subjects if subject.id not in problems]
    return folder / "template.nii.gz"


def _update(builder, k, transform, template, done, rows, ways):
    files = {subject.id: subject.image for subject in builder.subjects}
    folders = [str(builder.output / f"round-{k:02d}" / name) for name in done]
    images = [files[name] for name in done]
    deformable = transform not in LINEAR
    work = functools.partial(average.update, template=str(template), folders=folders, images=images, kind=ways["mean"],
                             deformable=deformable, sharpen=ways["sharpen"])
    keys = [state.read_json(pathlib.Path(folder) / state.RECORD)["key"] for folder in folders]
    ingredients = [ways, deformable, builder.hash(template), keys]
    folder = builder.do(f"template-{k:02d}", work, ingredients, [str(template), *images])
    return folder / "template.nii.gz", state.read_json(folder / state.RECORD)["figures"]


def carry_labels(task, fixed, movings):
    """Dice of the labels of a subject and those of others that were carried to it through the template.

    `fixed` and each of `movings` are (id, image, labels, folder of the registration to the template).
    """
    import itk

    name, path, labels, folder = fixed
    with state.staged_results(task.folder, task.key, record := {"dice": {}}):
        image = engine.read_image(path, "image")
        own = engine.read_image(labels, "labels")
        back = transformfile.read(pathlib.Path(folder) / "inverse.h5")
        for other, _, other_labels, other_folder in movings:
            through = itk.CompositeTransform[itk.D, image.GetImageDimension()].New()
            through.AddTransform(transformfile.read(pathlib.Path(other_folder) / "transform.h5"))
            through.AddTransform(back)  # the last one acts first
            warped = scores.warp_labels(engine.read_image(other_labels, "labels"), image, through)
            record["dice"][other] = scores.dice(own, warped)
    return state.read_result(task.folder, task.key)


def _score(builder, done):
    """Writes scores.csv; the mean Dice over all ordered pairs, or None without labels."""
    facts = [(s.id, s.image, s.labels, str(builder.output / "final" / s.id)) for s in builder.subjects if s.id in done and s.labels]
    if len(facts) < 2:
        return None
    lines = []
    keys = {fact[0]: [state.read_json(pathlib.Path(fact[3]) / state.RECORD)["key"], builder.hash(fact[2])] for fact in facts}
    (builder.output / "through").mkdir(exist_ok=True)
    for fact in facts:
        others = [other for other in facts if other is not fact]
        work = functools.partial(carry_labels, fixed=fact, movings=others)
        folder = builder.do(f"through/{fact[0]}", work, [fact[0], keys], [fact[1]])
        for other, dice in state.read_json(folder / state.RECORD)["dice"].items():
            lines += [{"fixed": fact[0], "moving": other, "label": label, "dice": value} for label, value in dice.items()]
    table.write_rows(builder.output / "scores.csv", ("fixed", "moving", "label", "dice"), lines)
    return float(np.mean([line["dice"] for line in lines]))


def write_convergence(output, figures):
    """convergence.csv and, where matplotlib is installed, convergence.png: figures of each round."""
    table.write_rows(output / "convergence.csv", ("round", "transform", "subjects", *FIGURES), figures)
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    titles = ("relative change of the template", "correction of the shape, mm (rms)", "similarity to the template, nats",
              "spread of the warped images")
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, name, title in zip(figure.subplots(2, 2).flat, FIGURES, titles):
        axes.plot([row["round"] for row in figures], [row[name] for row in figures], "o-")
        axes.set(title=title, xlabel="round", xticks=[row["round"] for row in figures])
        axes.set_xticklabels([f"{row['round']}\n{row['transform']}" for row in figures])
    staged = output / ".unfinished-convergence.png"
    figure.savefig(staged, format="png", dpi=100)
    staged.replace(output / "convergence.png")

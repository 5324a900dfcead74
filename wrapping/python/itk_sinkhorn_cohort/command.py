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
"""The programs sinkhorn-cohort and sinkhorn-template."""
import argparse
import shlex
import sys

from itk_sinkhorn_cohort import engine, plan, state, table

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
#: Options of itk.sinkhorn_registration_method() that are texts or numbers, with their help.
_TEXTS = {
    "transform": "syn, bspline-syn, velocity, displacement, greedy, affine, similarity, rigid or translation",
    "metric": "sinkhorn, kernel, meansquares, cc or mattes",
    "finish": "metric of the last stage: meansquares, cc, mattes, sinkhorn or none",
    "initialize": "linear start: none, centers, sinkhorn, sinkhorn-rigid, sinkhorn-similarity or automatic",
    "density": "how intensities become mass: auto, as-is, shift, clamp, window:LOW:HIGH or around:LEVEL:LIMIT",
    "features": "what is compared: labels, none, intensity:BINS[:MM] or auto",
}
_FILES = {"label_costs": "distances between labels of label maps, mm: a table whose first row and first column are labels"}
_NUMBERS = {"blur": "scale below which mass is not resolved, mm", "reach": "distance beyond which mass is created or destroyed, mm"}


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _gigabytes(text):
    number = float(text) * 1e9
    if not number > 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return number


def _add_running(parser):
    group = parser.add_argument_group("where it runs")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask scheduler (tcp://...), or its scheduler file")
    group.add_argument("--workers", type=_positive, metavar="N", help="local processes [cores divided by --threads]")
    group.add_argument("--threads", type=_positive, default=1, metavar="N", help="of one registration [1]")
    group.add_argument("--memory", type=_gigabytes, metavar="GB", help="of one local process [equal parts of the machine's]")
    group.add_argument("--ahead", type=int, default=0, metavar="N",
                       help="registrations handed over beyond what there is room for: adaptive clusters grow by it [0]")
    group.add_argument("--dry-run", action="store_true", help="print graph, tasks, memory and time, and do nothing")
    group.add_argument("--quiet", action="store_true", help="no progress bar, no summary; only what failed")


def _add_registration(parser):
    group = parser.add_argument_group("registration", "as itk.sinkhorn_registration_method(); lengths in mm")
    for name, text in _TEXTS.items():
        group.add_argument(f"--{name}", metavar="TEXT", help=text)
    for name, text in _FILES.items():
        group.add_argument(f"--{name.replace('_', '-')}", metavar="FILE", help=text)
    for name, text in _NUMBERS.items():
        group.add_argument(f"--{name}", type=float, metavar="MM", help=text)
    group.add_argument("--multi-start", action="store_true", default=None, help="try rotations that align the principal axes, too")
    group.add_argument("--keep-unmatched", action="store_true", default=None, help="compare also what one image alone shows, as a tumour")
    group.add_argument("--stage", action="append", dest="stages", metavar="TRANSFORM,METRIC[,...]", help="repeatable: stages of your own")
    group.add_argument("--setting", action="append", metavar="NAME=VALUE", help="repeatable: iterations=60x40, update-sigma=20+10, ...")
    group.add_argument("--config", metavar="FILE", help="the same as a JSON object; the options here come before it")


def _read_options(arguments):
    """Options of itk.sinkhorn_registration_method() from the command line and a file."""
    options = {}
    if arguments.config:
        options = state.read_json(arguments.config)
        if not isinstance(options, dict):
            raise table.TableError(f"--config '{arguments.config}': is no file that holds a JSON object")
        known = (*_TEXTS, *_FILES, *_NUMBERS, "multi_start", "keep_unmatched", "stages", "settings")
        for name in options:
            if name not in known:
                raise table.TableError(f"--config '{arguments.config}': there is no option '{name}'; there are {', '.join(known)}")
    for name in (*_TEXTS, *_FILES, *_NUMBERS, "multi_start", "keep_unmatched", "stages"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    for text in arguments.setting or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise table.TableError(f"--setting '{text}': must be NAME=VALUE")
        options.setdefault("settings", {})[name] = value
    return options


def _run(program, work):
    """The exit status of a program."""
    try:
        return work()
    except (table.TableError, state.FolderInUse, ValueError, RuntimeError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except OSError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print(f"{program}: interrupted; the same command goes on where this ended", file=sys.stderr)
        return EXIT_INTERRUPTED


def report_failures(program, failed, total):
    for name, message in failed.items():
        print(f"{program}: {name}: {message}", file=sys.stderr)
    if failed:
        print(f"{program}: {len(failed)} of {total} failed", file=sys.stderr)
    return EXIT_FAILED if failed else 0


def make_cohort_parser():
    parser = argparse.ArgumentParser(
        "sinkhorn-cohort",
        description="Registers pairs of images, many at a time, here or on a Dask cluster. What is done is not done again: run the "
                    "same command once more after whatever ended it.",
        epilog="Exit status: 0 all done, 1 some pairs failed, 2 nothing was begun, 130 interrupted.",
    )
    parser.add_argument("pairs", help="table with the columns fixed, moving and, where there are, fixed_labels, moving_labels, "
                                      "fixed_mask, moving_mask, id; paths relative to it")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--keep", default=",".join(engine.KEEP), metavar="LIST",
                        help=f"what is written for a pair: of {', '.join(engine.KEEP + engine.EXTRAS)} [{','.join(engine.KEEP)}]")
    _add_running(parser)
    _add_registration(parser)
    return parser


def _read_keep(text):
    keep = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in keep:
        if name not in engine.KEEP + engine.EXTRAS:
            raise table.TableError(f"--keep '{name}': is unknown; there are {', '.join(engine.KEEP + engine.EXTRAS)}")
    return keep


def cohort(arguments=None):
    """sinkhorn-cohort."""
    given = sys.argv[1:] if arguments is None else arguments
    arguments = make_cohort_parser().parse_args(given)
    return _run("sinkhorn-cohort", lambda: _cohort(arguments, shlex.join(["sinkhorn-cohort", *given])))


def _cohort(arguments, command):
    from itk_sinkhorn_cohort import cluster, run

    pairs = table.read_pairs(arguments.pairs)
    settings = {"options": _read_options(arguments), "threads": arguments.threads, "keep": _read_keep(arguments.keep)}
    if not arguments.dry_run and not arguments.scheduler and plan.is_surely_open(pairs, arguments.output):
        cluster.begin_loading()
    planned = plan.make_plan(pairs, arguments.output, **settings, remember=not arguments.dry_run)
    if arguments.dry_run:
        slots = arguments.workers or max(cluster.count_cores() // arguments.threads, 1)
        print("\n".join(plan.format_plan(planned, slots)))
        return EXIT_FAILED if any(task.problem for task in planned.open) else 0
    with _open(arguments, planned) as client:
        done = run.run_cohort(pairs, arguments.output, client, **settings, progress=False if arguments.quiet else None,
                              ahead=arguments.ahead, command=command)
    if not arguments.quiet:
        print(f"{done.registered} registered, {len(pairs) - done.registered - len(done.failed)} done before, {len(done.failed)} failed; "
              f"results.csv, scores.csv and report.html in {arguments.output}")
    return report_failures("sinkhorn-cohort", done.failed, len(pairs))


def _open(arguments, planned=None):
    """A client; none where there is nothing to do."""
    import contextlib

    from itk_sinkhorn_cohort import cluster

    if planned is not None and not any(not task.problem for task in planned.open):
        return contextlib.nullcontext()
    return cluster.open_client(arguments.scheduler, arguments.workers, arguments.threads, arguments.memory)


def make_template_parser():
    parser = argparse.ArgumentParser(
        "sinkhorn-template",
        description="Makes a template of a group of images: rounds of registrations to the last template, and their mean in "
                    "intensities and shape. What is done is not done again.",
        epilog="Exit status: 0 all images took part, 1 some could not be registered, 2 nothing was made, 130 interrupted.",
    )
    parser.add_argument("images", help="table with the columns image and, where there are, labels, mask, id; paths relative to it")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the results")
    group = parser.add_argument_group("template")
    group.add_argument("--rounds", nargs="+", default=["rigid", "affine", "syn", "syn", "syn"], metavar="TRANSFORM",
                       help="one registration of all images each [rigid affine syn syn syn]")
    group.add_argument("--start", default="mean", metavar="KIND", help="mean, median or barycenter (Wasserstein), centre upon centre [mean]")
    group.add_argument("--mean", default="mean", metavar="KIND", help="of the warped images: mean or median [mean]")
    group.add_argument("--no-sharpening", action="store_true", help="leave the mean of deformable rounds as it is")
    _add_running(parser)
    _add_registration(parser)
    return parser


def template(arguments=None):
    """sinkhorn-template."""
    given = sys.argv[1:] if arguments is None else arguments
    arguments = make_template_parser().parse_args(given)
    return _run("sinkhorn-template", lambda: _template(arguments, shlex.join(["sinkhorn-template", *given])))


def _template(arguments, command):
    from itk_sinkhorn_cohort import template as builder

    subjects = table.read_subjects(arguments.images)
    ways = {"rounds": tuple(arguments.rounds), "start": arguments.start, "mean": arguments.mean}
    builder.check(**ways)
    options = _read_options(arguments)
    if arguments.dry_run:
        return _show_template(arguments, subjects, options)
    with _open(arguments) as client:
        made = builder.build_template(
            subjects, arguments.output, client, **ways, sharpen=not arguments.no_sharpening, options=options, threads=arguments.threads,
            progress=False if arguments.quiet else None, ahead=arguments.ahead, command=command)
    if not arguments.quiet:
        through = "" if made.dice is None else f"; mean Dice from image to image through it {made.dice:.4f}"
        print(f"template of {len(subjects)} images after {len(made.rounds)} rounds: {made.path}{through}")
    return report_failures("sinkhorn-template", made.failed, f"{len(subjects)} images")


def _show_template(arguments, subjects, options):
    """The dry run: one round is a cohort; the rounds follow each other."""
    from itk_sinkhorn_cohort import cluster

    pairs = [table.Pair(subject.id, subject.image, subject.image) for subject in subjects]
    planned = plan.make_plan(pairs, arguments.output, options=options, threads=arguments.threads, remember=False)
    slots = arguments.workers or max(cluster.count_cores() // arguments.threads, 1)
    count = len(arguments.rounds)
    print(f"graph: start -> {' -> '.join(arguments.rounds)} -> final, {len(subjects)} registrations and one mean each")
    print(f"one of the {count + 1} rounds:")
    print("\n".join("  " + line for line in plan.format_plan(planned, slots)[1:]))
    return EXIT_FAILED if any(task.problem for task in planned.open) else 0

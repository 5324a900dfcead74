"""How the wrapped classes behave in a Python process: exceptions, memory, threads, progress."""
import gc
import pathlib
import threading
import time

import itk
import numpy as np
import pytest
from sinkhorn_testing import get_derivative, make_blob, make_metric


def resident_kilobytes():
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    pytest.skip("this system does not tell the resident memory in /proc")


def evaluate(metric, times):
    for _ in range(times):
        metric.Initialize()
        get_derivative(metric)


def test_errors_of_the_metric_are_exceptions_that_name_the_voxel():
    fixed = make_blob(2, [20, 25])
    values = itk.array_from_image(fixed).copy()
    values[7, 5] = -1
    metric = make_metric(fixed, itk.image_from_array(values), itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match=r"\[5, 7\]"):
        metric.Initialize()
    values[7, 5] = np.nan
    metric = make_metric(fixed, itk.image_from_array(values), itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match=r"\[5, 7\]"):
        metric.Initialize()
    empty = itk.image_from_array(np.zeros((48, 48), np.float32))
    metric = make_metric(empty, fixed, itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match="(?i)mass"):
        metric.Initialize()


@pytest.mark.parametrize("setter, value, word", [("Blur", 0.0, "blur"), ("Reach", -1.0, "reach"), ("Tolerance", 0.0, "toler")])
def test_parameters_out_of_range_are_exceptions(setter, value, word):
    metric = make_metric(make_blob(2, [20, 25]), make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
    with pytest.raises(RuntimeError, match=f"(?i){word}"):
        getattr(metric, "Set" + setter)(value)
        metric.Initialize()


def test_an_error_inside_a_registration_arrives_in_python():
    fixed = make_blob(2, [20, 25])
    registration = itk.ImageRegistrationMethodv4[type(fixed), type(fixed)].New()
    transform = itk.TranslationTransform[itk.D, 2].New()
    metric = itk.SinkhornImageToImageMetricv4[type(fixed), type(fixed)].New(blur=2.0)
    registration.SetFixedImage(fixed)
    registration.SetMovingImage(itk.image_from_array(-itk.array_from_image(fixed)))
    registration.SetMetric(metric)
    registration.SetInitialTransform(transform)
    registration.SetOptimizer(itk.RegularStepGradientDescentOptimizerv4.New())
    registration.SetNumberOfLevels(1)
    registration.SetShrinkFactorsPerLevel([1])
    registration.SetSmoothingSigmasPerLevel([0])
    with pytest.raises(RuntimeError, match="(?i)negative"):
        registration.Update()


def test_no_leak_over_a_thousand_evaluations():
    metric = make_metric(make_blob(2, [20, 25]), make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
    metric.SetTolerance(1e-2)
    evaluate(metric, 100)
    before = resident_kilobytes()
    evaluate(metric, 1000)
    # One image of this size kept at each evaluation would be 9 MB.
    assert resident_kilobytes() - before < 5000


def test_no_leak_over_a_hundred_filters():
    fixed, moving = (itk.array_from_image(make_blob(2, [c, 60], size=128)) for c in (50, 60))

    def transport(times):
        for _ in range(times):
            itk.sinkhorn_transport_image_filter(fixed, moving, blur=4, tolerance=1e-2)
        gc.collect()

    transport(10)
    before = resident_kilobytes()
    transport(100)
    # The springs alone are 131 kB each time.
    assert resident_kilobytes() - before < 6000


class Clock:
    """A Python thread that counts as long as it gets the interpreter."""

    def __init__(self):
        self.ticks = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            self.ticks.append(time.perf_counter())
            time.sleep(0.002)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def test_other_threads_run_during_a_transport():
    fixed, moving = (itk.array_from_image(make_blob(3, [c, 24, 24], size=64, sigma=5.0)) for c in (22, 40))
    itk.sinkhorn_transport_image_filter(fixed[:8, 20:28, 20:28] + 1, moving[:8, 20:28, 20:28] + 1)  # loads the module
    with Clock() as clock:
        start = time.perf_counter()
        itk.sinkhorn_transport_image_filter(fixed, moving, blur=1.5, tolerance=1e-5, maximum_number_of_iterations=50)
        seconds = time.perf_counter() - start
    gaps = np.diff([start] + [t for t in clock.ticks if start < t < start + seconds] + [start + seconds])
    assert seconds > 0.1, "the transport must take long enough to tell"
    # A held interpreter would leave one gap as long as the whole transport.
    assert gaps.max() < 0.5 * seconds


def test_two_threads_evaluate_at_the_same_time():
    def make():
        metric = make_metric(make_blob(2, [20, 25]), make_blob(2, [23, 22]), itk.TranslationTransform[itk.D, 2].New())
        metric.SetMaximumNumberOfWorkUnits(1)
        metric.SetUseWarmStart(False)
        metric.Initialize()
        return metric

    expected = make()
    reference = (expected.GetValue(), get_derivative(expected))
    metrics = [make() for _ in range(2)]
    results = [[] for _ in metrics]
    errors = []

    def work(metric, result):
        try:
            for _ in range(20):
                metric.Initialize()
                result.append((metric.GetValue(), get_derivative(metric)))
        except Exception as error:  # a thread's exception would be lost
            errors.append(error)

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in zip(metrics, results)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert results == [[reference] * 20] * 2


def test_results_do_not_depend_on_the_number_of_threads():
    values = []
    for units in (1, 2, 4):
        metric = make_metric(
            make_blob(3, [10, 12, 11], size=32, sigma=2.5),
            make_blob(3, [13, 12, 14], size=32, sigma=2.5),
            itk.AffineTransform[itk.D, 3].New(),
        )
        metric.SetMaximumNumberOfWorkUnits(units)
        metric.Initialize()
        values.append((metric.GetValue(), get_derivative(metric)))
    assert values[0] == values[1] == values[2]


def test_progress_while_computing():
    fixed, moving = (itk.array_from_image(make_blob(2, [c, 60], size=128)) for c in (30, 90))
    fractions = []
    itk.sinkhorn_transport_image_filter(fixed, moving, blur=2, tolerance=1e-5, progress=fractions.append)
    assert len(fractions) > 3
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 1 and fractions[-1] == 1


def test_an_observer_can_abort():
    fixed, moving = (make_blob(2, [c, 60], size=128) for c in (30, 90))
    transport = itk.SinkhornTransportImageFilter[type(fixed), type(fixed)].New(blur=2.0, tolerance=1e-6)
    transport.SetFixedImage(fixed)
    transport.SetMovingImage(moving)
    transport.AddObserver(itk.ProgressEvent(), lambda: transport.AbortGenerateDataOn())
    with pytest.raises(RuntimeError, match="(?i)abort"):
        transport.Update()


def test_time_stamps_are_those_of_the_stock_wheel():
    """Pipelines of filters from both wheels need one clock."""
    image_type = itk.Image[itk.F, 2]
    objects = [
        image_type.New(),
        itk.SinkhornTransportImageFilter[image_type, image_type].New(),
        itk.KernelDistanceImageToImageMetricv4[image_type, image_type].New(),
        itk.MedianImageFilter[image_type, image_type].New(),
    ]
    stamps = []
    for number in range(3):
        for wrapped in objects:
            wrapped.Modified()
            if hasattr(wrapped, "SetReach"):
                wrapped.SetReach(number + 1.0)  # in code of our own
            stamps.append(wrapped.GetMTime())
    assert stamps == sorted(set(stamps))


def test_later_evaluations_are_as_good_as_the_first():
    fixed, moving = make_blob(2, [20, 25]), make_blob(2, [28, 25])
    for name in ("Sinkhorn", "KernelDistance"):
        transform = itk.TranslationTransform[itk.D, 2].New()
        metric = getattr(itk, f"{name}ImageToImageMetricv4")[type(fixed), type(fixed)].New(blur=5.0)
        metric.SetFixedImage(fixed)
        metric.SetMovingImage(moving)
        metric.SetMovingTransform(transform)
        values = []
        for shift in (0.0, 4.0, 0.0, 8.0, 0.0):
            parameters = transform.GetParameters()
            parameters[0] = shift
            transform.SetParameters(parameters)
            metric.Initialize()
            values.append(metric.GetValue())
        assert values[2] == pytest.approx(values[0], rel=1e-3) and values[4] == pytest.approx(values[0], rel=1e-3)
        assert values[0] > values[1] > values[3]

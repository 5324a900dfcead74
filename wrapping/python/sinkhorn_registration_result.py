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
"""What registrations of images and of shapes share: their result and how they show their progress."""
import typing


class SinkhornRegistration(typing.NamedTuple):
    """What itk.sinkhorn_registration_method() returns. Images and shapes are of the kind that was given."""

    #: itk.CompositeTransform: where a point of the fixed image or shape lies in the moving one; and the way back.
    transform: typing.Any
    inverse_transform: typing.Any
    #: The moving image on the grid of the fixed one; of shapes the moving one, carried onto the fixed one.
    warped: typing.Any
    #: Displacement of each voxel of the fixed image in mm, in physical space, x first (the last axis of an array); of shapes
    #: an ITK image of the space around them.
    displacement: typing.Any
    #: How it went: the keys of sinkhorn-register's report.json, "messages", and of images "history": the values of all
    #: iterations, those of trials included of which only the best was kept.
    report: dict


class Progress:
    """Calls a function with the finished fraction, or draws a bar where tqdm is installed."""

    def __init__(self, method, progress):
        import itk

        self._bar = None
        if progress is True:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(unit=" iterations", desc="sinkhorn registration")
            method.AddObserver(itk.IterationEvent(), lambda: self._show(method))
        elif callable(progress):
            method.AddObserver(itk.ProgressEvent(), lambda: progress(method.GetProgress()))

    def _show(self, method):
        self._bar.update(1)
        stage = f"stage {method.GetCurrentStage()}/{method.GetNumberOfStages()}, " if hasattr(method, "GetCurrentStage") else ""
        self._bar.set_postfix_str(
            f"{stage}level {method.GetCurrentLevel()}/{method.GetNumberOfLevels()}, value {method.GetCurrentValue():.5g}"
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()


class History:
    """The value of every iteration, by stage and level."""

    def __init__(self, method):
        import itk

        self.levels = []
        method.AddObserver(itk.IterationEvent(), lambda: self._note(method))

    def _note(self, method):
        place = {"stage": method.GetCurrentStage(), "level": method.GetCurrentLevel()}
        if not self.levels or any(self.levels[-1][name] != number for name, number in place.items()):
            self.levels.append({**place, "values": []})
        self.levels[-1]["values"].append(method.GetCurrentValue())

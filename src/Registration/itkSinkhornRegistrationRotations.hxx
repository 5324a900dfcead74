/*=========================================================================
 *
 *  Copyright NumFOCUS
 *
 *  Licensed under the Apache License, Version 2.0 (the "License");
 *  you may not use this file except in compliance with the License.
 *  You may obtain a copy of the License at
 *
 *         https://www.apache.org/licenses/LICENSE-2.0.txt
 *
 *  Unless required by applicable law or agreed to in writing, software
 *  distributed under the License is distributed on an "AS IS" BASIS,
 *  WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 *  See the License for the specific language governing permissions and
 *  limitations under the License.
 *
 *=========================================================================*/
#ifndef itkSinkhornRegistrationRotations_hxx
#define itkSinkhornRegistrationRotations_hxx

#include "itkSinkhornRegistrationQueue.h"
#include "itkSinkhornRegistrationSampling.h"
#include "itkSinkhornRegistrationSimilarity.h"
#include "itkSinkhornRegistrationStageInputs.hxx"

#include "itkAffineTransform.h"
#include "itkImageMomentsCalculator.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <vector>

namespace itk
{
namespace SinkhornRegistration
{

/** Small, smoothed copies of two images, with voxels about as long as they are wide. */
template <unsigned int VDimension>
ImagePair<VDimension>
MakeSmallPair(const ImagePair<VDimension> & images,
              double                        mostVoxels = VDimension == 2 ? 96.0 * 96.0 : 32.0 * 32.0 * 32.0)
{
  const auto identity = IdentityTransform<double, VDimension>::New();
  const auto sampleMask = [&](const MaskImageType<VDimension> * mask, const ImageType<VDimension> * grid) {
    return mask ? WarpMask<VDimension>(mask, identity, grid) : nullptr;
  };
  ImagePair<VDimension> small = images;
  const auto            fixedGrid = MakeSmallGrid<VDimension>(images.Fixed, mostVoxels);
  const auto            movingGrid = MakeSmallGrid<VDimension>(images.Moving, mostVoxels);
  small.Fixed = SampleSmoothed<VDimension>(images.Fixed, fixedGrid, identity);
  small.Moving = SampleSmoothed<VDimension>(images.Moving, movingGrid, identity);
  small.FixedMask = sampleMask(images.FixedMask, fixedGrid);
  small.MovingMask = sampleMask(images.MovingMask, movingGrid);
  return small;
}

/** The rotations to try: in the plane by each 30 degrees, in space the 24 that bring the axes of a cube upon each
 * other. \param axes of the cube, one a row. The identity comes first. */
template <unsigned int VDimension>
std::vector<Matrix<double, VDimension, VDimension>>
ListRotations(const Matrix<double, VDimension, VDimension> & axes)
{
  using MatrixType = Matrix<double, VDimension, VDimension>;
  std::vector<MatrixType> rotations;
  if constexpr (VDimension == 2)
  {
    constexpr unsigned int count = 12;
    for (unsigned int k = 0; k < count; ++k)
    {
      const double angle = 2.0 * itk::Math::pi * k / count;
      MatrixType   rotation;
      rotation(0, 0) = rotation(1, 1) = std::cos(angle);
      rotation(1, 0) = std::sin(angle);
      rotation(0, 1) = -rotation(1, 0);
      rotations.push_back(rotation);
    }
  }
  else
  {
    std::array<unsigned int, VDimension> order{ { 0, 1, 2 } };
    do
    {
      for (unsigned int signs = 0; signs < (1u << VDimension); ++signs)
      {
        MatrixType permuted;
        for (unsigned int d = 0; d < VDimension; ++d)
        {
          permuted(d, order[d]) = ((signs >> d) & 1u) ? -1.0 : 1.0;
        }
        if (vnl_determinant(permuted.GetVnlMatrix().as_matrix()) > 0.0)
        {
          rotations.push_back(MatrixType(axes.GetTranspose()) * permuted * axes);
        }
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
  return rotations;
}

/** A rotation about the centre of the mass of the fixed image for each of ListRotations() along the principal axes of
 * that mass: images that were aligned by their mass are left with a rotation about these. */
template <unsigned int VDimension>
std::vector<typename AffineTransform<double, VDimension>::Pointer>
MakeRotations(const Plan & plan, const ImagePair<VDimension> & images)
{
  const auto moments = ImageMomentsCalculator<ImageType<VDimension>>::New();
  moments->SetImage(MakeDensity<VDimension>(images.Fixed, images.FixedMask, plan.FixedMass, true, images.FixedName));
  moments->Compute();
  std::vector<typename AffineTransform<double, VDimension>::Pointer> transforms;
  for (const auto & rotation : ListRotations<VDimension>(moments->GetPrincipalAxes()))
  {
    const auto                       transform = AffineTransform<double, VDimension>::New();
    Point<double, VDimension>        center;
    const Vector<double, VDimension> gravity = moments->GetCenterOfGravity();
    center.Fill(0.0);
    transform->SetCenter(center + gravity);
    transform->SetMatrix(rotation);
    transforms.push_back(transform);
  }
  return transforms;
}

/** A start, and how similar it makes the images. */
template <unsigned int VDimension>
struct RatedStart
{
  CompositePointer<VDimension> Queue;
  double                       Similarity{ 0.0 };
};

/** What a start becomes by a rigid registration of small images by mutual information, if that is more similar.
 * \param input of such a stage. */
template <unsigned int VDimension>
RatedStart<VDimension>
RefineStart(const ImagePair<VDimension> & images, StageInput<VDimension> input, const RatedStart<VDimension> & start)
{
  Listener silent;
  input.Initial = start.Queue;
  const auto   refined = CopyQueueWith<VDimension>(start.Queue, RunLinearStage(input, silent).Transform);
  const double similarity = MeasureSimilarityOf<VDimension>(images, refined);
  return similarity > start.Similarity ? RatedStart<VDimension>{ refined, similarity } : start;
}

/** One level of a rigid registration by mutual information, of small images. */
inline Stage
MakeSmallRigidStage()
{
  Stage stage;
  stage.Transform = TransformKind::Rigid;
  stage.Metric = MetricKind::Mattes;
  stage.Iterations = { 50 };
  stage.Shrink = { 1 };
  return stage;
}

/** The most similar start but \a chosen that leads elsewhere and is nearly as similar; nullptr if there is none. */
template <unsigned int VDimension>
CompositePointer<VDimension>
FindRival(const std::vector<RatedStart<VDimension>> & starts,
          const RatedStart<VDimension> &              chosen,
          const ImageType<VDimension> *               grid)
{
  constexpr double nearly = 0.9;
  constexpr double elsewhere = 2.0; // voxels
  const auto getMap = [](const RatedStart<VDimension> & start) { return GetMap<VDimension>(start.Queue.GetPointer()); };
  double     largest = nearly * chosen.Similarity;
  CompositePointer<VDimension> rival;
  for (const auto & start : starts)
  {
    if (start.Similarity > largest &&
        !AreClose<VDimension>(getMap(start).GetPointer(), getMap(chosen).GetPointer(), grid, elsewhere))
    {
      largest = start.Similarity;
      rival = start.Queue;
    }
  }
  return rival;
}

/** Mass tells little of the orientation of what is nearly as long as it is wide, a head for example: where another
 * orientation than that of \a transform makes the images clearly more similar, it takes its place. A few of the most
 * promising rotations are refined before they are compared. \return a start that is nearly as similar; nullptr if there
 * is none. */
template <unsigned int VDimension>
CompositePointer<VDimension>
SearchRotations(const Plan &                             plan,
                const ImagePair<VDimension> &            images,
                CompositeTransform<double, VDimension> * transform,
                Listener &                               listener)
{
  constexpr std::size_t               refined = 5;
  constexpr double                    clearly = 1.05;
  const ImagePair<VDimension>         small = MakeSmallPair<VDimension>(images);
  std::vector<RatedStart<VDimension>> starts;
  for (const auto & rotation : MakeRotations<VDimension>(plan, small))
  {
    const auto queue = CopyQueueWith<VDimension>(transform, rotation);
    starts.push_back({ queue, MeasureSimilarityOf<VDimension>(small, queue) });
  }
  // The first one is the identity.
  std::stable_sort(starts.begin() + 1, starts.end(), [](const auto & one, const auto & other) {
    return one.Similarity > other.Similarity;
  });
  starts.resize(std::min(starts.size(), refined));
  const StageInput<VDimension> input = PrepareStage<VDimension>(plan, MakeSmallRigidStage(), small);
  for (auto & start : starts)
  {
    start = RefineStart<VDimension>(small, input, start);
  }
  const auto best = std::max_element(starts.begin(), starts.end(), [](const auto & one, const auto & other) {
    return one.Similarity < other.Similarity;
  });
  if (!(best->Similarity > clearly * starts.front().Similarity))
  {
    return FindRival<VDimension>(starts, starts.front(), small.Fixed);
  }
  Assign<VDimension>(best->Queue, transform);
  std::ostringstream text;
  text << "the images are more similar in another orientation (mutual information " << starts.front().Similarity
       << " -> " << best->Similarity << "): start rotated";
  listener.Say(text.str());
  return FindRival<VDimension>(starts, *best, small.Fixed);
}

} // namespace SinkhornRegistration
} // namespace itk

#endif

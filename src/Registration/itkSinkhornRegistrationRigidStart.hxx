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
#ifndef itkSinkhornRegistrationRigidStart_hxx
#define itkSinkhornRegistrationRigidStart_hxx

#include "itkSinkhornRegistrationRotations.hxx"

#include <sstream>

namespace itk
{
namespace SinkhornRegistration
{

/** Where frames cut through what they show, the springs of two crops of one scan bend it to fill either frame, which no
 * later stage takes back. Images of one thing need no more than a rigid map: if one that is found from \a given
 * explains most of what the fixed image has to tell (its mutual information with itself), and more than the start from
 * springs does, it takes the place of \a transform. \return whether. */
template <unsigned int VDimension>
bool
PreferRigidStart(const Plan &                                   plan,
                 const ImagePair<VDimension> &                  images,
                 const CompositeTransform<double, VDimension> * given,
                 CompositeTransform<double, VDimension> *       transform,
                 Listener &                                     listener)
{
  constexpr double             most = 0.5;
  constexpr double             clearly = 1.05;
  constexpr double             mostVoxels = VDimension == 2 ? 64.0 * 64.0 : 20.0 * 20.0 * 20.0;
  const ImagePair<VDimension>  small = MakeSmallPair<VDimension>(images, mostVoxels);
  const auto                   stage = MakeSmallRigidStage();
  const RatedStart<VDimension> plain{ CopyQueue<VDimension>(given),
                                      MeasureSimilarityOf<VDimension>(small, GetMap<VDimension>(given)) };
  const auto            found = RefineStart<VDimension>(small, PrepareStage<VDimension>(plan, stage, small), plain);
  ImagePair<VDimension> same = small;
  same.Moving = small.Fixed;
  same.MovingMask = small.FixedMask;
  const double all = MeasureSimilarityOf<VDimension>(same, IdentityTransform<double, VDimension>::New().GetPointer());
  const double ofSprings = MeasureSimilarityOf<VDimension>(small, GetMap<VDimension>(transform));
  if (!(found.Similarity > most * all && found.Similarity > clearly * ofSprings))
  {
    return false;
  }
  Stage refinement = MakeLinearRefinement(TransformKind::Rigid);
  refinement.NumberOfLevels = 2;
  const RatedStart<VDimension> coarse{ found.Queue, MeasureSimilarityOf<VDimension>(images, found.Queue) };
  const auto fine = RefineStart<VDimension>(images, PrepareStage<VDimension>(plan, refinement, images), coarse);
  Assign<VDimension>(fine.Queue, transform);
  std::ostringstream text;
  text << "a rigid map explains most of what the images show (mutual information " << found.Similarity << " of " << all
       << "): it is the start";
  listener.Say(text.str());
  return true;
}

} // namespace SinkhornRegistration
} // namespace itk

#endif

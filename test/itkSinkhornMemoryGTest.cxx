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
// A process that registers all day, as a server or a notebook does, holds no more memory than after its first few.
#include "itkSinkhornPointSetRegistrationMethod.h"
#include "itkSinkhornRegistrationMethod.h"

#include "itkImageRegionIteratorWithIndex.h"
#include "itkMultiThreaderBase.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#include <unistd.h>
#if __GLIBC_PREREQ(2, 33)
#define SINKHORN_HAS_MALLINFO2
#endif
#endif

namespace
{

using ImageType = itk::Image<float, 2>;
using MethodType = itk::SinkhornRegistrationMethod<ImageType>;

/** Two discs, of the values 1 and 2. */
ImageType::Pointer
MakeDiscs(double shift)
{
  const auto image = ImageType::New();
  image->SetRegions(ImageType::SizeType{ { 31, 26 } });
  image->Allocate();
  for (itk::ImageRegionIteratorWithIndex<ImageType> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    const double x = it.GetIndex()[0] - shift;
    const double y = it.GetIndex()[1];
    it.Set(std::hypot(x - 9.0, y - 12.0) < 5.0 ? 1.0F : (std::hypot(x - 20.0, y - 13.0) < 4.0 ? 2.0F : 0.0F));
  }
  return image;
}

itk::Sinkhorn::PointComplex
MakeEllipse(double halfAxis)
{
  itk::Sinkhorn::PointComplex curve;
  curve.Dimension = 2;
  constexpr unsigned int vertices = 40;
  for (unsigned int k = 0; k < vertices; ++k)
  {
    const double angle = 2.0 * itk::Math::pi * k / vertices;
    curve.Points.insert(curve.Points.end(), { halfAxis * std::cos(angle), 6.0 * std::sin(angle) });
    curve.Segments.insert(curve.Segments.end(), { k, (k + 1) % vertices });
  }
  return curve;
}

MethodType::Pointer
MakeMethod(const std::string & features)
{
  const auto method = MethodType::New();
  method->SetFixedImage(MakeDiscs(0.0));
  method->SetMovingImage(MakeDiscs(2.0));
  method->SetFeatures(features);
  method->SetSetting("iterations", "6x3");
  return method;
}

/** Registers, and asks for all that there is to have. */
void
RegisterImages(const std::string & features)
{
  const auto method = MakeMethod(features);
  method->Update();
  EXPECT_NE(method->GetInverseTransform(), nullptr);
  EXPECT_NE(method->MakeWarpedImage(), nullptr);
  EXPECT_NE(method->MakeDisplacementField(), nullptr);
  EXPECT_FALSE(method->GetReportAsJson().empty());
}

void
RegisterPoints()
{
  const auto method = itk::SinkhornPointSetRegistrationMethod<2>::New();
  method->SetFixedShape(MakeEllipse(10.0));
  method->SetMovingShape(MakeEllipse(12.0));
  method->SetNumberOfIterations(6);
  method->Update();
  EXPECT_NE(method->GetInverseTransform(), nullptr);
}

/** The other metrics and transforms. */
void
RegisterInStages()
{
  const auto method = MakeMethod("none");
  method->AddStage("affine,mattes,iterations=4");
  method->AddStage("velocity,kernel,iterations=3");
  method->AddStage("bspline-syn,cc,iterations=3");
  method->AddStage("displacement,meansquares,iterations=3");
  method->Update();
}

/** What an observer ends lets go of everything, too. */
void
EndEarly()
{
  const auto method = MakeMethod("none");
  method->AddObserver(itk::IterationEvent(), [&](const itk::EventObject &) { method->AbortGenerateDataOn(); });
  EXPECT_THROW(method->Update(), itk::ProcessAborted);
}

#ifdef SINKHORN_HAS_MALLINFO2
/** Bytes that are allocated and not freed. What the C library has put aside for this thread's next requests counts as
 * allocated with it: so that is taken out first, and stands in every figure alike. */
double
GetLiveHeap()
{
  std::vector<void *> cached;
  constexpr size_t    largest = 1032;
  constexpr size_t    step = 16;
  constexpr size_t    perSize = 16;
  cached.reserve(perSize * (largest / step + 1));
  for (size_t size = 24; size <= largest; size += step)
  {
    for (size_t k = 0; k < perSize; ++k)
    {
      cached.push_back(std::malloc(size));
    }
  }
  const auto info = mallinfo2();
  for (void * const block : cached)
  {
    std::free(block);
  }
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

/** Bytes of this process that are in memory. */
double
GetResidentMemory()
{
  double total = 0.0;
  double resident = 0.0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/** For the life of this object, all is done by the thread that asks for it. */
class SingleThread
{
public:
  SingleThread() { itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1); }
  ~SingleThread() { itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(m_Before); }

private:
  itk::ThreadIdType m_Before{ itk::MultiThreaderBase::GetGlobalDefaultNumberOfThreads() };
};
#endif

TEST(SinkhornMemory, AHundredRegistrationsHoldNoMoreThanTheFirstOnes)
{
#ifndef SINKHORN_HAS_MALLINFO2
  GTEST_SKIP() << "the C library can't tell what is allocated";
#else
  if (mallinfo2().uordblks == 0)
  {
    GTEST_SKIP() << "a sanitizer has replaced the allocator; its own search for leaks tells more";
  }
  const SingleThread                       singleThread;
  const std::vector<std::function<void()>> kinds{
    [] { RegisterImages("none"); }, [] { RegisterImages("labels"); }, [] { RegisterImages("intensity:3"); },
    [] { RegisterPoints(); },       [] { RegisterInStages(); },       [] { EndEarly(); }
  };
  const auto registerAll = [&](unsigned int rounds) {
    for (unsigned int round = 0; round < rounds; ++round)
    {
      for (const auto & registerPair : kinds)
      {
        registerPair();
      }
    }
  };
  registerAll(3); // factories, tables and formats of numbers are made once
  const double live = GetLiveHeap();
  const double resident = GetResidentMemory();
  registerAll(17);
  // 102 registrations: not a hundred bytes each, which is less than the smallest object of ITK.
  EXPECT_LT(GetLiveHeap() - live, 8192.0);
  // Of this, memory that is free but in pieces is a part.
  EXPECT_LT(GetResidentMemory() - resident, 4.0 * 1024 * 1024);
#endif
}

} // namespace

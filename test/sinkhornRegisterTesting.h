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
#ifndef sinkhornRegisterTesting_h
#define sinkhornRegisterTesting_h

#include "itkImage.h"
#include "itkImageFileReader.h"
#include "itkImageFileWriter.h"
#include "itkImageRegionIteratorWithIndex.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#ifndef _WIN32
#include <sys/wait.h>
#endif

/** Tools of the tests of the program sinkhorn-register: a folder of their own, synthetic images, and running it. */
namespace SinkhornRegisterTesting
{

namespace fs = std::filesystem;

template <typename... TCoordinates>
itk::Point<double, sizeof...(TCoordinates)>
PointAt(TCoordinates... coordinates)
{
  const double array[] = { static_cast<double>(coordinates)... };
  return itk::Point<double, sizeof...(TCoordinates)>(array);
}

template <typename... TCoordinates>
itk::Vector<double, sizeof...(TCoordinates)>
VectorOf(TCoordinates... coordinates)
{
  const double array[] = { static_cast<double>(coordinates)... };
  return itk::Vector<double, sizeof...(TCoordinates)>(array);
}

/** What the program left. */
struct Outcome
{
  int         ExitCode{ -1 };
  std::string Output;
  std::string Errors;
};

inline std::string
ReadText(const fs::path & path)
{
  std::ifstream      file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline nlohmann::json
ReadReport(const fs::path & folder)
{
  return nlohmann::json::parse(ReadText(folder / "report.json"));
}

/** Names in a folder; empty if there is none. */
inline std::set<std::string>
ListFolder(const fs::path & folder)
{
  std::set<std::string> names;
  if (fs::is_directory(folder))
  {
    for (const auto & entry : fs::directory_iterator(folder))
    {
      names.insert(entry.path().filename().string());
    }
  }
  return names;
}

/** A fixture with a temporary folder for each test, removed at its end. */
class ProgramTest : public testing::Test
{
protected:
  void
  SetUp() override
  {
    const auto * info = testing::UnitTest::GetInstance()->current_test_info();
    std::string  name = std::string(info->test_suite_name()) + "." + info->name();
    for (char & letter : name)
    {
      letter = letter == '/' ? '_' : letter;
    }
    m_Folder = fs::temp_directory_path() / ("sinkhorn-register-test-" + name + "-" + std::to_string(::getpid()));
    fs::remove_all(m_Folder);
    fs::create_directories(m_Folder);
  }
  void
  TearDown() override
  {
    fs::remove_all(m_Folder);
  }

  std::string
  Path(const std::string & name) const
  {
    return (m_Folder / name).string();
  }

  /** Runs the program; arguments must not hold quotes. */
  Outcome
  Run(const std::string & arguments) const
  {
    const std::string command = std::string(SINKHORN_REGISTER_PROGRAM) + " " + arguments + " > '" + Path("stdout") +
                                "' 2> '" + Path("stderr") + "'";
    const int status = std::system(command.c_str());
    Outcome   outcome;
#ifdef _WIN32
    outcome.ExitCode = status;
#else
    outcome.ExitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
#endif
    outcome.Output = ReadText(Path("stdout"));
    outcome.Errors = ReadText(Path("stderr"));
    return outcome;
  }

  fs::path m_Folder;
};

/** An image whose voxel at physical point p has the value \a density(p). */
template <typename TPixel, unsigned int VDimension>
typename itk::Image<TPixel, VDimension>::Pointer
MakeImage(const typename itk::Image<TPixel, VDimension>::SizeType &                                       size,
          const std::function<double(const typename itk::Image<TPixel, VDimension>::PointType & point)> & density,
          const std::function<void(itk::ImageBase<VDimension> *)> & geometry = nullptr)
{
  using Image = itk::Image<TPixel, VDimension>;
  const auto image = Image::New();
  image->SetRegions(size);
  if (geometry)
  {
    geometry(image);
  }
  image->Allocate();
  for (itk::ImageRegionIteratorWithIndex<Image> it(image, image->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    typename Image::PointType point;
    image->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    it.Set(static_cast<TPixel>(density(point)));
  }
  return image;
}

/** A geometry for MakeImage(): unequal spacing, an axis that points backwards, the other two rotated. */
inline void
PlaceAskew(itk::ImageBase<3> * image)
{
  const double              spacing[3] = { 1.0, 1.0, 2.0 };
  const double              origin[3] = { 25.0, -5.0, 3.0 };
  itk::Matrix<double, 3, 3> direction;
  direction.SetIdentity();
  direction(0, 0) = -1.0;
  direction(1, 1) = 0.8;
  direction(1, 2) = -0.6;
  direction(2, 1) = 0.6;
  direction(2, 2) = 0.8;
  image->SetSpacing(spacing);
  image->SetOrigin(origin);
  image->SetDirection(direction);
}

template <typename TImage>
void
Write(const TImage * image, const std::string & path)
{
  const auto writer = itk::ImageFileWriter<TImage>::New();
  writer->SetFileName(path);
  writer->SetInput(image);
  writer->Update();
}

template <typename TImage>
typename TImage::Pointer
Read(const std::string & path)
{
  const auto reader = itk::ImageFileReader<TImage>::New();
  reader->SetFileName(path);
  reader->Update();
  return reader->GetOutput();
}

/** \a inside(p) ? \a value : 0 for an ellipsoid around \a center. */
template <unsigned int VDimension>
std::function<double(const itk::Point<double, VDimension> &)>
Ellipsoid(const itk::Point<double, VDimension> & center, const itk::Vector<double, VDimension> & radii, double value)
{
  return [=](const itk::Point<double, VDimension> & point) {
    double sum = 0.0;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      sum += itk::Math::sqr((point[d] - center[d]) / radii[d]);
    }
    return sum < 1.0 ? value : 0.0;
  };
}

} // namespace SinkhornRegisterTesting

#endif

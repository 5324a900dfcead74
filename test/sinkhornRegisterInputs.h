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
#ifndef sinkhornRegisterInputs_h
#define sinkhornRegisterInputs_h

#include "sinkhornRegisterFigures.h"

#include <cstring>

namespace SinkhornRegisterTesting
{

/** A round blob of whole numbers up to 40, 0 outside twice its radius. */
template <unsigned int VDimension>
std::function<double(const itk::Point<double, VDimension> &)>
BlobAt(const itk::Point<double, VDimension> & center, double radius)
{
  return [=](const itk::Point<double, VDimension> & point) {
    const double distance = point.EuclideanDistanceTo(center) / radius;
    return distance < 2.0 ? std::floor(40.0 * std::exp(-distance * distance)) : 0.0;
  };
}

/** Header entries of a NIfTI-1 file that ITK's writer does not give a choice of. */
struct NiftiForms
{
  short QformCode{ 0 };
  short SformCode{ 0 };
  char  Units{ 2 };
  float Spacing{ 1.5F };
  float QformOffset[3]{ -18.0F, -16.5F, -15.0F };
  float Sform[3][4]{ { 1.5F, 0.0F, 0.0F, -18.0F }, { 0.0F, 1.5F, 0.0F, -16.5F }, { 0.0F, 0.0F, 1.5F, -15.0F } };
};

/** Runs the program on files in the test's folder, with few iterations. */
class InputsTest : public ProgramTest
{
protected:
  using Volume = itk::Image<float, 3>;
  using Picture = itk::Image<unsigned char, 2>;

  /** A blob \a shift mm off the middle of 24 × 22 × 20 voxels. */
  static Volume::Pointer
  MakeBlob(double shift)
  {
    return MakeImage<float, 3>({ { 24, 22, 20 } }, BlobAt<3>(PointAt(11.0 + shift, 11.0, 10.0), 4.0));
  }

  static Picture::Pointer
  MakePicture(double shift)
  {
    return MakeImage<unsigned char, 2>({ { 40, 36 } }, BlobAt<2>(PointAt(19.0 + shift, 17.0), 7.0));
  }

  template <typename TImage>
  static void
  WriteFile(const TImage * image, const std::string & path, bool compressed)
  {
    const auto writer = itk::ImageFileWriter<TImage>::New();
    writer->SetFileName(path);
    writer->SetInput(image);
    writer->SetUseCompression(compressed);
    writer->Update();
  }

  void
  WriteText(const std::string & name, const std::string & bytes) const
  {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }

  /** A blob of 24 × 22 × 20 voxels of float in one file. */
  void
  WriteNifti(const std::string & name, const NiftiForms & forms) const
  {
    std::string bytes(352, '\0');
    const auto  put = [&bytes](std::size_t at, const auto & value) { std::memcpy(&bytes[at], &value, sizeof(value)); };
    const short dim[8] = { 3, 24, 22, 20, 1, 1, 1, 1 };
    const float pixdim[8] = { 1.0F, forms.Spacing, forms.Spacing, forms.Spacing, 0.0F, 0.0F, 0.0F, 0.0F };
    put(0, 348);
    put(40, dim);
    put(70, short{ 16 });
    put(72, short{ 32 });
    put(76, pixdim);
    put(108, 352.0F);
    put(112, 1.0F);
    put(123, forms.Units);
    put(252, forms.QformCode);
    put(254, forms.SformCode);
    put(268, forms.QformOffset);
    put(280, forms.Sform);
    std::memcpy(&bytes[344], "n+1", 4);
    const auto volume = MakeBlob(0.0);
    bytes.append(reinterpret_cast<const char *>(volume->GetBufferPointer()),
                 sizeof(float) * volume->GetBufferedRegion().GetNumberOfPixels());
    WriteText(name, bytes);
  }

  std::string
  Pair(const std::string & fixed, const std::string & moving, const std::string & more) const
  {
    return "--fixed '" + Path(fixed) + "' --moving '" + Path(moving) + "' --output '" + Path("out") +
           "' --threads 2 --quiet " + (more.find("--iterations") == std::string::npos ? "--iterations 4x4 " : "") +
           more;
  }

  void
  ExpectRefusal(const std::string &              fixed,
                const std::string &              moving,
                const std::vector<std::string> & words,
                const std::string &              more = "") const
  {
    fs::remove_all(Path("out"));
    const Outcome outcome = Run(Pair(fixed, moving, more));
    EXPECT_GT(outcome.ExitCode, 0) << fixed << " " << moving << " " << more;
    for (const std::string & word : words)
    {
      EXPECT_NE(outcome.Errors.find(word), std::string::npos) << "'" << word << "' is not in: " << outcome.Errors;
    }
    EXPECT_FALSE(fs::exists(Path("out")));
  }

  Outcome
  ExpectRun(const std::string & fixed, const std::string & moving, const std::string & more = "") const
  {
    fs::remove_all(Path("out"));
    const Outcome outcome = Run(Pair(fixed, moving, more));
    EXPECT_EQ(outcome.ExitCode, 0) << fixed << " " << moving << " " << more << ": " << outcome.Errors;
    return outcome;
  }

  /** T(x) − x at the middle of an image. */
  template <unsigned int VDimension>
  itk::Vector<double, VDimension>
  DisplacementAtCenter(const std::string & folder, const std::string & image) const
  {
    using Image = itk::Image<float, VDimension>;
    const auto                               grid = Read<Image>(Path(image));
    itk::ContinuousIndex<double, VDimension> center;
    for (unsigned int d = 0; d < VDimension; ++d)
    {
      center[d] = 0.5 * static_cast<double>(grid->GetBufferedRegion().GetSize()[d] - 1);
    }
    typename Image::PointType point;
    grid->TransformContinuousIndexToPhysicalPoint(center, point);
    return ReadTransform<VDimension>(folder + "/transform.h5")->TransformPoint(point) - point;
  }
};

} // namespace SinkhornRegisterTesting

#endif

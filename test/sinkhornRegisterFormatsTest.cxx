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
// What sinkhorn-register gives back for slices in space, series of slices, colour pictures, labels and all voxel types.
#include "sinkhornRegisterFigures.h"
#include "sinkhornRegisterInputs.h"

#include "itkGDCMImageIO.h"
#include "itkImageIOFactory.h"
#include "itkMetaDataObject.h"
#include "itkRGBPixel.h"
#include "itkVectorImage.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace
{

using namespace SinkhornRegisterTesting;
using Volume = itk::Image<float, 3>;
using DirectionType = Volume::DirectionType;

class SinkhornRegisterFormats : public InputsTest
{
protected:
  /** A slice of \a size, whose axis of one voxel may be any; the blob lies \a shift (along the two other axes of the
   * slice) off the middle of the first one's plane. */
  void
  WriteSlice(const std::string &       name,
             const Volume::SizeType &  size,
             const DirectionType &     direction,
             const Volume::PointType & origin,
             const Volume::PointType & center) const
  {
    const auto place = [&](itk::ImageBase<3> * image) {
      image->SetDirection(direction);
      image->SetOrigin(origin);
      image->SetSpacing(VectorOf(1.5, 1.0, 2.0));
    };
    Write(MakeImage<float, 3>(size, BlobAt<3>(center, 8.0), place).GetPointer(), Path(name));
  }

  void
  ExpectResultsByFiles(const std::string & fixed, const std::string & moving) const
  {
    ExpectWarped(Path("out"), Path(fixed), Path(moving));
    ExpectInverse(Path("out"), Path(fixed), Path(moving));
  }

  itk::ImageIOBase::Pointer
  OpenFile(const std::string & name) const
  {
    const auto io =
      itk::ImageIOFactory::CreateImageIO(Path(name).c_str(), itk::ImageIOFactory::IOFileModeEnum::ReadMode);
    if (!io)
    {
      throw std::runtime_error("no image file: " + name);
    }
    io->SetFileName(Path(name));
    io->ReadImageInformation();
    return io;
  }

  /** A blob whose slices lie the farther to the right the higher they are. */
  static double
  LeaningBlob(const Volume::PointType & point)
  {
    return BlobAt<3>(PointAt(5.0 + 0.4 * point[2], 11.0, 15.0), 6.0)(point);
  }

  /** Slices of a DICOM series along z. */
  void
  WriteSeries(const std::string & folder, const std::string & uid, const std::vector<int> & slices) const
  {
    using Slice = itk::Image<short, 3>;
    fs::create_directories(Path(folder));
    for (const int z : slices)
    {
      const auto slice = MakeImage<short, 3>(
        { { 24, 22, 1 } }, [&](const Slice::PointType & p) { return LeaningBlob(PointAt(p[0], p[1], 3.0 * z)); });
      auto &     entries = slice->GetMetaDataDictionary();
      const auto set = [&entries](const char * key, const std::string & value) {
        itk::EncapsulateMetaData<std::string>(entries, key, value);
      };
      set("0008|0060", "MR");
      set("0020|000d", "1.2.826.0.1.3680043.2.1125.9");
      set("0020|000e", uid);
      set("0008|0018", uid + "." + std::to_string(z + 1));
      set("0020|0013", std::to_string(z + 1));
      set("0020|0032", "0\\0\\" + std::to_string(3 * z));
      set("0020|0037", "1\\0\\0\\0\\1\\0");
      const auto io = itk::GDCMImageIO::New();
      io->KeepOriginalUIDOn();
      const auto writer = itk::ImageFileWriter<Slice>::New();
      writer->SetImageIO(io);
      // Names in another order than positions.
      writer->SetFileName(Path(folder + "/" + std::to_string(90 - z) + uid.back() + ".dcm"));
      writer->SetInput(slice);
      writer->Update();
    }
  }
};

TEST_F(SinkhornRegisterFormats, SlicesInSpace)
{
  DirectionType axial;
  axial.SetIdentity();
  DirectionType turned = axial; // right to left and back to front
  turned(0, 0) = turned(1, 1) = -1.0;
  DirectionType coronal;
  coronal.Fill(0.0);
  coronal(0, 0) = coronal(1, 2) = 1.0;
  coronal(2, 1) = -1.0;
  DirectionType oblique = axial;
  oblique(1, 1) = oblique(2, 2) = 0.8;
  oblique(1, 2) = -0.6;
  oblique(2, 1) = 0.6;

  WriteSlice("fixed.nii.gz", { { 40, 48, 1 } }, turned, PointAt(30.0, 24.0, 5.0), PointAt(0.0, 0.0, 5.0));
  WriteSlice("moving.nii.gz", { { 40, 48, 1 } }, axial, PointAt(-28.0, -25.0, 9.0), PointAt(4.0, -3.0, 9.0));
  for (const std::string more : { "--transform rigid", "--iterations 20x10" })
  {
    SCOPED_TRACE(more);
    ExpectRun("fixed.nii.gz", "moving.nii.gz", more);
    ExpectResultsByFiles("fixed.nii.gz", "moving.nii.gz");
    EXPECT_EQ(ReadReport(Path("out"))["dimension"], 2);
    const auto seen = ReadTransform<3>(Path("out/transform.h5"))->TransformPoint(PointAt(0.0, 0.0, 5.0));
    EXPECT_NEAR((seen - PointAt(4.0, -3.0, 9.0)).GetNorm(), 0.0, 1.0);
  }
  // The axis of one voxel may be any, and planes may be oblique.
  WriteSlice("sagittal.nii.gz", { { 1, 48, 24 } }, oblique, PointAt(7.0, 0.0, 0.0), PointAt(7.0, 4.8, 33.6));
  ExpectRun("sagittal.nii.gz", "sagittal.nii.gz", "--transform rigid");
  ExpectResultsByFiles("sagittal.nii.gz", "sagittal.nii.gz");
  WriteSlice("middle.nrrd", { { 40, 1, 24 } }, axial, PointAt(-28.0, 3.0, -24.0), PointAt(0.0, 3.0, 0.0));
  ExpectRun("middle.nrrd", "middle.nrrd", "--transform affine");
  ExpectResultsByFiles("middle.nrrd", "middle.nrrd");

  WriteSlice("coronal.nii.gz", { { 40, 48, 1 } }, coronal, PointAt(-28.0, 5.0, 24.0), PointAt(0.0, 5.0, 0.0));
  ExpectRefusal("fixed.nii.gz", "coronal.nii.gz", { "moving image", "coronal.nii.gz", "single slice", "orientation" });
  WriteSlice("tilted.nii.gz", { { 40, 48, 1 } }, oblique, PointAt(-28.0, -20.0, -15.0), PointAt(0.0, 0.0, 0.0));
  ExpectRefusal("fixed.nii.gz", "tilted.nii.gz", { "moving image", "orientation" });
}

/** Landmarks of slices in space have three coordinates. */
TEST_F(SinkhornRegisterFormats, LandmarksOfSlicesInSpace)
{
  DirectionType direction;
  direction.Fill(0.0);
  direction(0, 0) = direction(1, 2) = 1.0;
  direction(2, 1) = -1.0;
  WriteSlice("fixed.nii.gz", { { 40, 48, 1 } }, direction, PointAt(-28.0, 5.0, 24.0), PointAt(0.0, 5.0, 0.0));
  WriteSlice("moving.nii.gz", { { 40, 48, 1 } }, direction, PointAt(-28.0, 5.0, 24.0), PointAt(3.0, 5.0, 4.0));
  WriteText("fixed.txt", "0 5 0\n2 5 1\n");
  WriteText("moving.txt", "3 5 4\n5 5 5\n");
  ExpectRun("fixed.nii.gz",
            "moving.nii.gz",
            "--transform translation --iterations 30x20 --landmarks " + Path("fixed.txt") + " " + Path("moving.txt"));
  const auto report = ReadReport(Path("out"));
  EXPECT_NEAR(report["tre_before"].get<double>(), 5.0, 1e-3);
  EXPECT_LT(report["tre_after"].get<double>(), 1.0);
}

TEST_F(SinkhornRegisterFormats, OneVolumeOfASeriesKeepsItsPlace)
{
  using Series = itk::Image<short, 4>;
  const auto write = [this](const std::string & name, double shift) {
    const auto place = [](itk::ImageBase<4> * image) {
      auto direction = image->GetDirection();
      direction(0, 0) = -1.0;
      image->SetDirection(direction);
      image->SetOrigin(PointAt(20.0, -5.0, 3.0, 0.0));
    };
    Write(MakeImage<short, 4>(
            { { 24, 22, 20, 1 } },
            [=](const Series::PointType & p) {
              return BlobAt<3>(PointAt(9.0 + shift, 6.0, 13.0), 4.0)(PointAt(p[0], p[1], p[2]));
            },
            place)
            .GetPointer(),
          Path(name));
  };
  write("fixed.nii.gz", 0.0);
  write("moving.nrrd", 2.0);
  ExpectRun("fixed.nii.gz", "moving.nrrd", "--transform translation --iterations 30x20");
  EXPECT_EQ(OpenFile("out/warped.nii.gz")->GetNumberOfDimensions(), OpenFile("fixed.nii.gz")->GetNumberOfDimensions());
  const auto warped = Read<Series>(Path("out/warped.nii.gz"));
  EXPECT_EQ(warped->GetDirection()(0, 0), -1.0);
  EXPECT_EQ(warped->GetOrigin()[0], 20.0);
  EXPECT_GE(warped->GetPixel({ { 11, 11, 10, 0 } }), 36); // (9, 6, 13), the middle of the blob
  const auto seen = ReadTransform<3>(Path("out/transform.h5"))->TransformPoint(PointAt(9.0, 6.0, 13.0));
  EXPECT_NEAR((seen - PointAt(11.0, 6.0, 13.0)).GetNorm(), 0.0, 0.3);
}

TEST_F(SinkhornRegisterFormats, DicomSeriesAndSlices)
{
  const std::string uid = "1.2.826.0.1.3680043.2.1125.1";
  WriteSeries("series", uid, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 });
  const auto place = [](itk::ImageBase<3> * image) { image->SetSpacing(VectorOf(1.0, 1.0, 3.0)); };
  Write(MakeImage<short, 3>({ { 24, 22, 10 } }, &LeaningBlob, place).GetPointer(), Path("volume.nrrd"));
  ExpectRun("volume.nrrd", "series", "--transform translation");
  const auto warped = Read<itk::Image<short, 3>>(Path("out/warped.nii.gz"));
  const auto volume = Read<itk::Image<short, 3>>(Path("volume.nrrd"));
  for (itk::ImageRegionConstIteratorWithIndex<itk::Image<short, 3>> it(volume, volume->GetBufferedRegion());
       !it.IsAtEnd();
       ++it)
  {
    ASSERT_NEAR(warped->GetPixel(it.GetIndex()), it.Get(), 1.0) << it.GetIndex();
  }
  // One slice each: parallel planes, three millimetres apart.
  ExpectRun("series/861.dcm", "series/851.dcm", "--transform translation");
  EXPECT_EQ(ReadReport(Path("out"))["dimension"], 2);
  EXPECT_NEAR(DisplacementAtCenter<3>(Path("out"), "series/861.dcm")[2], 3.0, 1e-3);

  WriteSeries("several", uid, { 0, 1, 2, 3, 4 });
  WriteSeries("several", "1.2.826.0.1.3680043.2.1125.2", { 0, 1, 2, 3, 4 });
  ExpectRefusal("several", "volume.nrrd", { "fixed image", "several", "2 DICOM series", uid, "5 files" });
  WriteSeries("gap", uid, { 0, 1, 2, 4, 5 });
  ExpectRefusal("volume.nrrd", "gap", { "moving image", "gap", "evenly spaced", "881.dcm", "861.dcm" });
  fs::create_directories(Path("empty"));
  ExpectRefusal("volume.nrrd", "empty", { "moving image", "folder without DICOM" });
  const std::string whole = ReadText(Path("series/861.dcm"));
  WriteText("cut.dcm", whole.substr(0, whole.size() - 600));
  ExpectRefusal("series/861.dcm", "cut.dcm", { "moving image", "cut.dcm" });
}

/** A slide: coloured tissue on white. Its colours come back, and its corners stay white. */
TEST_F(SinkhornRegisterFormats, ColourStaysColour)
{
  using Color = itk::RGBPixel<unsigned char>;
  using Slide = itk::Image<Color, 2>;
  const auto make = [](double x) {
    const auto slide = Slide::New();
    slide->SetRegions(Slide::SizeType{ { 40, 36 } });
    slide->Allocate();
    for (itk::ImageRegionIteratorWithIndex<Slide> it(slide, slide->GetBufferedRegion()); !it.IsAtEnd(); ++it)
    {
      const double distance = std::hypot(it.GetIndex()[0] - x, it.GetIndex()[1] - 17.0);
      Color        color;
      color[0] = distance < 9.0 ? 160 : 250;
      color[1] = distance < 9.0 ? 40 : 250;
      color[2] = distance < 9.0 ? 90 : 250;
      it.Set(color);
    }
    return slide;
  };
  Write(make(16.0).GetPointer(), Path("fixed.png"));
  for (const std::string name : { "moving.png", "moving.bmp", "moving.tif" })
  {
    SCOPED_TRACE(name);
    Write(make(21.0).GetPointer(), Path(name));
    ExpectRun("fixed.png", name, "--transform translation --iterations 40x40 --metric meansquares");
    ASSERT_EQ(OpenFile("out/warped.png")->GetNumberOfComponents(), 3U);
    const auto  warped = Read<Slide>(Path("out/warped.png"));
    const Color tissue = warped->GetPixel({ { 16, 17 } });
    EXPECT_EQ(tissue[0], 160);
    EXPECT_EQ(tissue[1], 40);
    EXPECT_EQ(tissue[2], 90);
    // Fetched from beyond the moving picture.
    for (unsigned int channel = 0; channel < 3; ++channel)
    {
      EXPECT_EQ(warped->GetPixel({ { 39, 1 } })[channel], 250);
      EXPECT_EQ(warped->GetPixel({ { 39, 35 } })[channel], 250);
    }
  }
}

TEST_F(SinkhornRegisterFormats, GreyWithAlpha)
{
  using Pair = itk::VectorImage<unsigned char, 2>;
  const auto grey = MakePicture(0.0);
  const auto alpha = Pair::New();
  alpha->SetRegions(grey->GetBufferedRegion());
  alpha->SetNumberOfComponentsPerPixel(2);
  alpha->Allocate();
  for (itk::ImageRegionConstIteratorWithIndex<Picture> it(grey, grey->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    itk::VariableLengthVector<unsigned char> pixel(2);
    pixel[0] = it.Get();
    pixel[1] = 255;
    alpha->SetPixel(it.GetIndex(), pixel);
  }
  Write(grey.GetPointer(), Path("grey.png"));
  Write(alpha.GetPointer(), Path("alpha.png"));
  ExpectRun("grey.png", "alpha.png", "--transform translation");
  EXPECT_EQ(OpenFile("out/warped.png")->GetNumberOfComponents(), 1U);
  const auto warped = Read<Picture>(Path("out/warped.png"));
  for (itk::ImageRegionConstIteratorWithIndex<Picture> it(grey, grey->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    ASSERT_NEAR(warped->GetPixel(it.GetIndex()), it.Get(), 1);
  }
  ExpectRefusal("grey.png", "grey.png", { "moving labels", "alpha channel" }, "--moving-labels " + Path("alpha.png"));
}

/** A BMP file of 8 bits whose colours stand in a palette. */
TEST_F(SinkhornRegisterFormats, PaletteAsLabels)
{
  std::string bytes(54 + 1024, '\0');
  const auto  put = [&bytes](std::size_t at, const auto & value) { std::memcpy(&bytes[at], &value, sizeof(value)); };
  bytes[0] = 'B', bytes[1] = 'M';
  put(2, static_cast<std::uint32_t>(bytes.size() + 40 * 36));
  put(10, std::uint32_t{ 54 + 1024 });
  put(14, std::uint32_t{ 40 });
  put(18, std::int32_t{ 40 });
  put(22, std::int32_t{ 36 });
  put(26, std::uint16_t{ 1 });
  put(28, std::uint16_t{ 8 });
  put(34, std::uint32_t{ 40 * 36 });
  put(46, std::uint32_t{ 256 });
  for (int i = 0; i < 256; ++i)
  {
    bytes[54 + 4 * i] = static_cast<char>(37 * i);
    bytes[55 + 4 * i] = static_cast<char>(91 * i);
    bytes[56 + 4 * i] = static_cast<char>(151 * i);
  }
  for (int i = 0; i < 40 * 36; ++i)
  {
    const int x = i % 40;
    bytes += static_cast<char>(x > 12 && x < 20 ? 3 : (x < 27 && x >= 20 ? 200 : 0));
  }
  WriteText("labels.bmp", bytes);
  Write(MakePicture(0.0).GetPointer(), Path("picture.png"));
  ExpectRun("picture.png",
            "picture.png",
            "--transform translation --fixed-labels " + Path("labels.bmp") + " --moving-labels " + Path("labels.bmp"));
  const auto dice = ReadReport(Path("out"))["dice_after"];
  ASSERT_EQ(dice.size(), 2U);
  EXPECT_EQ(dice["3"], 1.0);
  EXPECT_EQ(dice["200"], 1.0);
  EXPECT_EQ(OpenFile("out/warped_labels.png")->GetComponentType(), itk::IOComponentEnum::UCHAR);
}

/** Structure numbers above 2²⁴, neighbours among them, and the largest there is. */
TEST_F(SinkhornRegisterFormats, LabelsAreExactToThirtyTwoBits)
{
  using LabelImage = itk::Image<unsigned int, 3>;
  Write(MakeBlob(0.0).GetPointer(), Path("fixed.mha"));
  Write(MakeBlob(1.0).GetPointer(), Path("moving.mha"));
  const auto value = [](const LabelImage::PointType & p) {
    const double ids[] = { 0.0, 614454277.0, 614454278.0, 4294967295.0, 16777217.0 };
    return p[2] > 4.0 && p[2] < 16.0 ? ids[1 + static_cast<int>(p[0] / 6.1)] : 0.0;
  };
  const auto labels = MakeImage<unsigned int, 3>({ { 24, 22, 20 } }, value);
  Write(labels.GetPointer(), Path("labels.nii.gz"));
  const std::string both = "--fixed-labels " + Path("labels.nii.gz") + " --moving-labels ";
  ExpectRun("fixed.mha", "moving.mha", "--transform translation " + both + Path("labels.nii.gz"));
  const auto dice = ReadReport(Path("out"))["dice_before"];
  EXPECT_EQ(dice.size(), 4U);
  for (const char * id : { "614454277", "614454278", "4294967295", "16777217" })
  {
    ASSERT_TRUE(dice.contains(id)) << dice.dump();
    EXPECT_EQ(dice[id], 1.0);
  }
  EXPECT_EQ(OpenFile("out/warped_labels.nii.gz")->GetComponentType(), itk::IOComponentEnum::UINT);
  const auto             warped = Read<LabelImage>(Path("out/warped_labels.nii.gz"));
  const auto             map = ReadTransform<3>(Path("out/transform.h5"));
  std::set<unsigned int> ids;
  for (itk::ImageRegionConstIteratorWithIndex<LabelImage> it(warped, warped->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    LabelImage::PointType point;
    warped->TransformIndexToPhysicalPoint(it.GetIndex(), point);
    const auto index = labels->TransformPhysicalPointToIndex(map->TransformPoint(point));
    ASSERT_EQ(it.Get(), labels->GetBufferedRegion().IsInside(index) ? labels->GetPixel(index) : 0U);
    ids.insert(it.Get());
  }
  EXPECT_EQ(ids.count(614454277U), 1U);
  EXPECT_EQ(ids.count(4294967295U), 1U);

  // Moving labels alone are warped, in their own type.
  Write(MakeImage<short, 3>({ { 24, 22, 20 } }, [](const Volume::PointType & p) { return p[0] > 9.0 ? 1200.0 : 0.0; })
          .GetPointer(),
        Path("short.nrrd"));
  ExpectRun("fixed.mha", "moving.mha", "--transform translation --moving-labels " + Path("short.nrrd"));
  EXPECT_EQ(OpenFile("out/warped_labels.nii.gz")->GetComponentType(), itk::IOComponentEnum::SHORT);
  EXPECT_FALSE(ReadReport(Path("out")).contains("dice_after"));

  // Single precision may have merged such numbers already; double precision has not.
  Write(MakeImage<float, 3>({ { 24, 22, 20 } }, value).GetPointer(), Path("single.mha"));
  ExpectRefusal("fixed.mha", "moving.mha", { "moving labels", "single.mha", "integers" }, both + Path("single.mha"));
  Write(MakeImage<double, 3>({ { 24, 22, 20 } }, value).GetPointer(), Path("double.mha"));
  ExpectRun("fixed.mha", "moving.mha", "--transform translation " + both + Path("double.mha"));
  EXPECT_EQ(ReadReport(Path("out"))["dice_before"]["614454278"], 1.0);
  const auto below = MakeImage<short, 3>({ { 24, 22, 20 } }, [](const Volume::PointType &) { return -1.0; });
  Write(below.GetPointer(), Path("below.mha"));
  ExpectRefusal("fixed.mha", "moving.mha", { "moving labels", "below.mha", "-1" }, both + Path("below.mha"));
}

template <typename TPixel>
class SinkhornRegisterVoxelTypes : public InputsTest
{};
using VoxelTypes =
  testing::Types<signed char, unsigned char, short, unsigned short, int, unsigned int, long, float, double>;
TYPED_TEST_SUITE(SinkhornRegisterVoxelTypes, VoxelTypes);

/** The warped image has the voxel type of the moving one, its values among those of the moving one, the smallest where
 * it is fetched from outside. */
TYPED_TEST(SinkhornRegisterVoxelTypes, Survive)
{
  using Image = itk::Image<TypeParam, 3>;
  const double lowest = std::numeric_limits<TypeParam>::is_signed ? -100.0 : 3.0;
  SinkhornRegisterTesting::Write(TestFixture::MakeBlob(0.0).GetPointer(), this->Path("fixed.mha"));
  const auto blob = BlobAt<3>(PointAt(14.0, 11.0, 10.0), 4.0);
  SinkhornRegisterTesting::Write(
    MakeImage<TypeParam, 3>({ { 24, 22, 20 } }, [&](const itk::Point<double, 3> & p) { return lowest + 3.0 * blob(p); })
      .GetPointer(),
    this->Path("moving.nii.gz"));
  this->ExpectRun("fixed.mha", "moving.nii.gz", "--density shift --transform translation --iterations 20x20");
  const auto io = itk::ImageIOFactory::CreateImageIO(this->Path("out/warped.nii.gz").c_str(),
                                                     itk::ImageIOFactory::IOFileModeEnum::ReadMode);
  io->SetFileName(this->Path("out/warped.nii.gz"));
  io->ReadImageInformation();
  EXPECT_EQ(io->GetComponentType(), itk::ImageIOBase::MapPixelType<TypeParam>::CType);
  const auto warped = Read<Image>(this->Path("out/warped.nii.gz"));
  double     least = 1e300;
  double     most = -1e300;
  for (itk::ImageRegionConstIteratorWithIndex<Image> it(warped, warped->GetBufferedRegion()); !it.IsAtEnd(); ++it)
  {
    least = std::min(least, static_cast<double>(it.Get()));
    most = std::max(most, static_cast<double>(it.Get()));
  }
  EXPECT_EQ(least, lowest);
  EXPECT_GT(most, lowest + 100.0);
  EXPECT_LE(most, lowest + 120.0);
  EXPECT_EQ(static_cast<double>(warped->GetPixel({ { 23, 0, 0 } })), lowest);
}

} // namespace

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
// Files as they reach sinkhorn-register: cut, damaged, with lying headers, with voxels that are no numbers. What can't
// be read right is refused before anything is computed, by name and with a remedy.
#include "sinkhornRegisterInputs.h"

#include "itk_zlib.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace
{

using namespace SinkhornRegisterTesting;

class SinkhornRegisterInputs : public InputsTest
{
protected:
  void
  SetUp() override
  {
    InputsTest::SetUp();
    Write(MakeBlob(0.0).GetPointer(), Path("fixed.mha"));
    Write(MakePicture(0.0).GetPointer(), Path("fixed.png"));
  }
};

/** Two thirds of each format, and a byte turned over in those with check sums. */
TEST_F(SinkhornRegisterInputs, CutAndDamagedFilesAreRefused)
{
  const auto volume = MakeBlob(1.0);
  for (const std::string name : { "a.nii", "b.nii.gz", "c.mha", "d.nrrd" })
  {
    WriteFile(volume.GetPointer(), Path(name), false);
  }
  for (const std::string name : { "e.mha", "f.nrrd" })
  {
    WriteFile(volume.GetPointer(), Path(name), true);
  }
  for (const std::string name : { "a.nii", "b.nii.gz", "c.mha", "d.nrrd", "e.mha", "f.nrrd" })
  {
    const std::string whole = ReadText(Path(name));
    ExpectRun("fixed.mha", name);
    WriteText("cut-" + name, whole.substr(0, 2 * whole.size() / 3));
    ExpectRefusal("fixed.mha", "cut-" + name, { "moving image", "cut-" + name, "damaged or incomplete" });
    ExpectRefusal("cut-" + name, "fixed.mha", { "fixed image", "damaged or incomplete" });
  }
  for (const std::string name : { "b.nii.gz", "e.mha", "f.nrrd" })
  {
    std::string bytes = ReadText(Path(name));
    bytes[2 * bytes.size() / 3] = static_cast<char>(bytes[2 * bytes.size() / 3] ^ 0x55);
    WriteText("turned-" + name, bytes);
    ExpectRefusal("fixed.mha", "turned-" + name, { "moving image", "turned-" + name, "damaged or incomplete" });
  }
  // The check sum itself, behind data that can be unpacked whole.
  std::string bytes = ReadText(Path("b.nii.gz"));
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 0x55);
  WriteText("sum.nii.gz", bytes);
  ExpectRefusal("fixed.mha", "sum.nii.gz", { "sum.nii.gz", "damaged or incomplete", "check" });
}

TEST_F(SinkhornRegisterInputs, CutPicturesAreRefused)
{
  for (const std::string name : { "a.png", "b.jpg", "c.tif", "d.bmp" })
  {
    Write(MakePicture(1.0).GetPointer(), Path(name));
    ExpectRun("fixed.png", name);
    const std::string whole = ReadText(Path(name));
    WriteText("cut-" + name, whole.substr(0, whole.size() / 2));
    ExpectRefusal("fixed.png", "cut-" + name, { "moving image", "cut-" + name });
  }
}

TEST_F(SinkhornRegisterInputs, HeadersThatLieAreRefused)
{
  Write(MakeBlob(1.0).GetPointer(), Path("good.nii"));
  const std::string good = ReadText(Path("good.nii"));
  const auto        withSize = [&](const std::string & name, short x, short y, short z) {
    std::string bytes = good;
    const short size[3] = { x, y, z };
    std::memcpy(&bytes[42], size, sizeof(size));
    WriteText(name, bytes);
  };
  withSize("more.nii", 24, 22, 25);
  ExpectRefusal("fixed.mha", "more.nii", { "moving image", "more.nii", "24 x 22 x 25", "end too early" });
  withSize("less.nii", 24, 22, 12);
  ExpectRefusal("fixed.mha", "less.nii", { "moving image", "less.nii", "does not fit", "24 x 22 x 12" });
  withSize("huge.nii", 32000, 32000, 32000);
  ExpectRefusal("fixed.mha", "huge.nii", { "moving image", "huge.nii", "32000 x 32000 x 32000" });
  withSize("negative.nii", 24, -22, 20);
  ExpectRefusal("fixed.mha", "negative.nii", { "negative.nii", "size along axis 2 is -22" });

  Write(MakeBlob(1.0).GetPointer(), Path("good.mha"));
  std::string       bytes = ReadText(Path("good.mha"));
  const std::size_t at = bytes.find("DimSize = 24 22 20");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 18, "DimSize = 24 22 10");
  WriteText("less.mha", bytes);
  ExpectRefusal("fixed.mha", "less.mha", { "less.mha", "does not fit" });

  // A picture of 500000 × 500000 pixels in a few bytes: its size is never asked for. Without the right check sum,
  // libpng would end the program.
  std::string png = ReadText(Path("fixed.png"));
  for (const std::size_t at : { 16, 20 })
  {
    png.replace(at, 4, std::string("\x00\x07\xa1\x20", 4));
  }
  WriteText("wrong.png", png);
  ExpectRefusal("fixed.png", "wrong.png", { "moving image", "wrong.png", "check sum", "IHDR" });
  const auto sum = crc32(0, reinterpret_cast<const Bytef *>(png.data() + 12), 17);
  for (int i = 0; i < 4; ++i)
  {
    png[29 + i] = static_cast<char>(sum >> (24 - 8 * i));
  }
  WriteText("huge.png", png);
  ExpectRefusal("fixed.png", "huge.png", { "moving image", "huge.png", "GiB" });
}

/** The same image with the same gaps, in formats whose readers keep NaN and in one whose reader makes it 0. */
TEST_F(SinkhornRegisterInputs, VoxelsThatAreNoNumbersCountAsNoMass)
{
  const auto volume = MakeBlob(3.0);
  volume->SetPixel({ { 3, 4, 5 } }, std::numeric_limits<float>::quiet_NaN());
  volume->SetPixel({ { 13, 11, 10 } }, std::numeric_limits<float>::quiet_NaN());
  volume->SetPixel({ { 12, 11, 10 } }, std::numeric_limits<float>::infinity());
  std::vector<double> values;
  for (const std::string name : { "gaps.nii", "gaps.nii.gz", "gaps.nrrd", "gaps.mha" })
  {
    Write(volume.GetPointer(), Path(name));
    const Outcome outcome = ExpectRun("fixed.mha", name);
    EXPECT_NE(outcome.Errors.find(name + "': 3 of 10560 voxels are NaN or infinite"), std::string::npos)
      << outcome.Errors;
    values.push_back(ReadReport(Path("out"))["value_before"].get<double>());
    EXPECT_TRUE(std::isfinite(values.back()));
    EXPECT_NEAR(values.back(), values.front(), 1e-6 * std::abs(values.front())) << name;
  }
  ExpectRun("gaps.nii.gz", "fixed.mha", "--metric meansquares");
  for (const std::string name : { "gaps.nii.gz", "gaps.nrrd" })
  {
    ExpectRefusal("fixed.mha", "fixed.mha", { "moving mask", name }, "--moving-mask " + Path(name));
    ExpectRefusal("fixed.mha", "fixed.mha", { "moving labels", name }, "--moving-labels " + Path(name));
  }
  volume->FillBuffer(std::numeric_limits<float>::quiet_NaN());
  for (const std::string name : { "none.nii.gz", "none.mha" })
  {
    Write(volume.GetPointer(), Path(name));
    ExpectRefusal("fixed.mha", name, { "moving image", name, "no voxel is finite" });
  }
}

TEST_F(SinkhornRegisterInputs, ConstantImagesAreRefused)
{
  const auto constant = MakeBlob(0.0);
  constant->FillBuffer(7.0F);
  Write(constant.GetPointer(), Path("seven.nii.gz"));
  ExpectRefusal("fixed.mha", "seven.nii.gz", { "moving image", "seven.nii.gz", "constant", "7" });
  ExpectRefusal("seven.nii.gz", "fixed.mha", { "fixed image", "constant" }, "--metric meansquares");
  constant->SetPixel({ { 3, 3, 3 } }, std::nextafter(7.0F, 8.0F));
  Write(constant.GetPointer(), Path("nearly.mha"));
  ExpectRefusal("fixed.mha", "nearly.mha", { "moving image", "constant", "rounding" });
  ExpectRefusal("fixed.mha", "fixed.mha", { "fixed image", "constant", "window:-9:-8" }, "--density window:-9:-8");
}

TEST_F(SinkhornRegisterInputs, ShearIsRefused)
{
  const auto sheared = MakeBlob(0.0);
  auto       direction = sheared->GetDirection();
  direction(1, 2) = -0.34;
  direction(2, 2) = 0.94;
  sheared->SetDirection(direction);
  for (const std::string name : { "sheared.mha", "sheared.nrrd" })
  {
    Write(sheared.GetPointer(), Path(name));
    ExpectRefusal("fixed.mha", name, { "moving image", name, "direction matrix", "-0.34", "resample" });
    ExpectRefusal(name, "fixed.mha", { "fixed image", name, "direction matrix" });
  }
  NiftiForms forms;
  forms.Sform[1][2] = 0.4F;
  forms.SformCode = 1;
  // Read by the qform in silence if there is one.
  for (const short qformCode : { 0, 1 })
  {
    forms.QformCode = qformCode;
    WriteNifti("sheared.nii", forms);
    ExpectRefusal("fixed.mha", "sheared.nii", { "sheared.nii", "sform", "0.4", "orthonormal" });
  }
}

TEST_F(SinkhornRegisterInputs, NiftiFormsThatDisagree)
{
  NiftiForms forms;
  forms.SformCode = 2;
  forms.QformCode = 1;
  WriteNifti("agree.nii", forms);
  EXPECT_EQ(ExpectRun("agree.nii", "agree.nii", "--transform translation").Errors, "");
  forms.QformOffset[0] += 5.0F;
  WriteNifti("disagree.nii", forms);
  const Outcome outcome = ExpectRun("agree.nii", "disagree.nii", "--transform translation");
  for (const char * word :
       { "moving image", "disagree.nii", "qform (code 1)", "sform (code 2)", "5 mm", "sform is used" })
  {
    EXPECT_NE(outcome.Errors.find(word), std::string::npos) << word << ": " << outcome.Errors;
  }
  EXPECT_NEAR(DisplacementAtCenter<3>(Path("out"), "agree.nii").GetNorm(), 0.0, 0.1);
}

/** The same image in metres and micrometres lies where it does in millimetres. */
TEST_F(SinkhornRegisterInputs, NiftiUnits)
{
  NiftiForms forms;
  forms.QformCode = 1;
  forms.SformCode = 1;
  WriteNifti("mm.nii", forms);
  for (const char units : { 1, 3 })
  {
    NiftiForms  other = forms;
    const float scale = units == 1 ? 1e-3F : 1e3F;
    other.Units = units;
    for (int r = 0; r < 3; ++r)
    {
      other.Spacing *= r == 0 ? scale : 1.0F;
      other.QformOffset[r] *= scale;
      for (float & entry : other.Sform[r])
      {
        entry *= scale;
      }
    }
    WriteNifti("other.nii", other);
    const Outcome outcome = ExpectRun("mm.nii", "other.nii", "--transform translation");
    EXPECT_NE(outcome.Errors.find("metres"), std::string::npos) << outcome.Errors;
    EXPECT_NEAR(DisplacementAtCenter<3>(Path("out"), "mm.nii").GetNorm(), 0.0, 0.1);
  }
}

TEST_F(SinkhornRegisterInputs, SpacingsThatDifferFourfold)
{
  const auto fine = MakeImage<float, 2>({ { 64, 64 } },
                                        BlobAt<2>(PointAt(20.0, 20.0), 5.0),
                                        [](itk::ImageBase<2> * image) { image->SetSpacing(VectorOf(0.5, 0.5)); });
  const auto coarse = MakeImage<float, 2>({ { 16, 16 } },
                                          BlobAt<2>(PointAt(20.0, 20.0), 5.0),
                                          [](itk::ImageBase<2> * image) { image->SetSpacing(VectorOf(2.0, 2.0)); });
  Write(fine.GetPointer(), Path("fine.mha"));
  Write(coarse.GetPointer(), Path("coarse.mha"));
  EXPECT_NE(ExpectRun("fine.mha", "coarse.mha").Errors.find("differ fourfold"), std::string::npos);
  coarse->SetSpacing(VectorOf(0.1, 0.1));
  Write(coarse.GetPointer(), Path("tiny.mha"));
  ExpectRefusal("fine.mha", "tiny.mha", { "spacing", "0.1", "--initialize sinkhorn-similarity" });
}

/** Boxes that do not touch, brought together by their centres: a rigid transform and a deformation. */
TEST_F(SinkhornRegisterInputs, CentersBringTogether)
{
  const auto far = MakeBlob(0.0);
  far->SetOrigin(far->GetOrigin() + VectorOf(700.0, -300.0, 90.0));
  Write(far.GetPointer(), Path("far.mha"));
  ExpectRefusal("fixed.mha", "far.mha", { "do not overlap", "--initialize centers" });
  for (const std::string more : { "--transform rigid", "--transform rigid --metric meansquares", "" })
  {
    SCOPED_TRACE(more);
    ExpectRun("fixed.mha",
              "far.mha",
              "--initialize centers --fixed-labels " + Path("fixed.mha") + " --moving-labels " + Path("far.mha") + " " +
                more);
    const auto report = ReadReport(Path("out"));
    EXPECT_EQ(report["initialize"], "centers");
    EXPECT_EQ(report["dice_before_mean"], 0.0);
    EXPECT_GT(report["dice_after_mean"].get<double>(), 0.85);
    const auto displacement = DisplacementAtCenter<3>(Path("out"), "fixed.mha");
    EXPECT_NEAR((displacement - VectorOf(700.0, -300.0, 90.0)).GetNorm(), 0.0, 1.0);
  }
}

} // namespace

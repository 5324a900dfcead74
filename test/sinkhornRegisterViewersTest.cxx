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
// What 3D Slicer and ITK-SNAP expect of the files that they open, by their conventions: the geometry of NIfTI files in
// both forms, displacements as vectors, and transforms of the classes that Slicer's vtkITKTransformConverter knows.
#include "sinkhornRegisterTesting.h"

#include "itkCompositeTransform.h"
#include "itkMetaDataObject.h"
#include "itkNiftiImageIO.h"
#include "itkTransformFactory.h"
#include "itkTransformFileReader.h"

#include <sstream>

namespace
{

using namespace SinkhornRegisterTesting;
using Volume = itk::Image<float, 3>;
using Field = itk::Image<itk::Vector<float, 3>, 3>;
using Composite = itk::CompositeTransform<double, 3>;

class SinkhornRegisterViewers : public ProgramTest
{
protected:
  /** Two balls; the grid of the fixed one lies askew. */
  void
  WriteBalls()
  {
    const auto first = Ellipsoid<3>(PointAt(12.0, 2.0, 14.0), VectorOf(6.0, 6.0, 6.0), 1.0);
    const auto second = Ellipsoid<3>(PointAt(9.0, 4.0, 15.0), VectorOf(5.0, 7.0, 6.0), 1.0);
    Write(MakeImage<unsigned char, 3>({ { 30, 28, 20 } }, first, PlaceAskew).GetPointer(), Path("fixed.nii.gz"));
    Write(MakeImage<unsigned char, 3>({ { 30, 28, 20 } }, second, PlaceAskew).GetPointer(), Path("moving.nii.gz"));
  }

  void
  RunWith(const std::string & transform)
  {
    const Outcome outcome =
      Run("--fixed " + Path("fixed.nii.gz") + " --moving " + Path("moving.nii.gz") + " --fixed-labels " +
          Path("fixed.nii.gz") + " --moving-labels " + Path("moving.nii.gz") + " --output " + Path(transform) +
          " --iterations 5 --quiet --threads 2 --transform " + transform);
    ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  }
};

/** Of a NIfTI header, as text. */
std::string
Find(const itk::ImageIOBase * file, const std::string & key)
{
  std::string text;
  itk::ExposeMetaData<std::string>(file->GetMetaDataDictionary(), key, text);
  return text;
}

} // namespace

/** Both forms of the geometry are there and say the same, in RAS: programs differ in which they read. */
TEST_F(SinkhornRegisterViewers, GeometryOfNifti)
{
  WriteBalls();
  RunWith("syn");
  const auto fixed = Read<Volume>(Path("fixed.nii.gz"));
  for (const char * name : { "warped", "warped_labels", "displacement" })
  {
    const auto file = itk::NiftiImageIO::New();
    file->SetFileName(Path("syn") + "/" + name + ".nii.gz");
    file->ReadImageInformation();
    EXPECT_GE(std::stoi("0" + Find(file, "qform_code")), 1) << name;
    EXPECT_GE(std::stoi("0" + Find(file, "sform_code")), 1) << name;
    const char * rows[] = { "srow_x", "srow_y", "srow_z" };
    for (unsigned int d = 0; d < 3; ++d)
    {
      std::istringstream row(Find(file, rows[d]));
      const double       sign = d < 2 ? -1.0 : 1.0; // LPS to RAS
      for (unsigned int k = 0; k < 4; ++k)
      {
        double value = 0.0;
        ASSERT_TRUE(row >> value) << name;
        const double expected = k < 3 ? fixed->GetDirection()(d, k) * fixed->GetSpacing()[k] : fixed->GetOrigin()[d];
        EXPECT_NEAR(value, sign * expected, 1e-5) << name << " " << rows[d];
      }
    }
  }
}

/** A five-dimensional file whose intent is a vector, in mm and LPS as ITK, ANTs and Slicer take it. */
TEST_F(SinkhornRegisterViewers, DisplacementsAreVectors)
{
  WriteBalls();
  RunWith("syn");
  const auto file = itk::NiftiImageIO::New();
  file->SetFileName(Path("syn/displacement.nii.gz"));
  file->ReadImageInformation();
  EXPECT_EQ(Find(file, "intent_code"), "1007");
  EXPECT_EQ(Find(file, "dim[0]"), "5");
  EXPECT_EQ(Find(file, "dim[4]"), "1");
  EXPECT_EQ(Find(file, "dim[5]"), "3");
}

class SinkhornRegisterViewersTransforms
  : public SinkhornRegisterViewers
  , public testing::WithParamInterface<const char *>
{};

/** One composite in double precision, of classes that Slicer knows, from fixed to moving points in LPS, as the
 * displacements say. */
TEST_P(SinkhornRegisterViewersTransforms, AreKnown)
{
  const std::set<std::string> known{ "AffineTransform",       "TranslationTransform", "IdentityTransform",
                                     "Euler3DTransform",      "VersorTransform",      "VersorRigid3DTransform",
                                     "Similarity3DTransform", "ScaleTransform",       "DisplacementFieldTransform" };
  WriteBalls();
  RunWith(GetParam());
  const auto reader = itk::TransformFileReaderTemplate<double>::New();
  reader->SetFileName(Path(GetParam()) + "/transform.h5");
  reader->Update();
  ASSERT_EQ(reader->GetTransformList()->size(), 1U);
  const auto * composite = dynamic_cast<const Composite *>(reader->GetTransformList()->front().GetPointer());
  ASSERT_NE(composite, nullptr);
  for (itk::SizeValueType i = 0; i < composite->GetNumberOfTransforms(); ++i)
  {
    EXPECT_EQ(known.count(composite->GetNthTransform(i)->GetNameOfClass()), 1U)
      << composite->GetNthTransform(i)->GetNameOfClass();
  }
  const auto field = Read<Field>(Path(GetParam()) + "/displacement.nii.gz");
  for (const Field::IndexType & index : { Field::IndexType{ { 5, 6, 7 } }, Field::IndexType{ { 20, 15, 9 } } })
  {
    Field::PointType point;
    field->TransformIndexToPhysicalPoint(index, point);
    const auto way = composite->TransformPoint(point) - point;
    for (unsigned int d = 0; d < 3; ++d)
    {
      EXPECT_NEAR(way[d], field->GetPixel(index)[d], 1e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Transforms,
                         SinkhornRegisterViewersTransforms,
                         testing::Values("translation", "rigid", "similarity", "affine", "syn", "velocity"));

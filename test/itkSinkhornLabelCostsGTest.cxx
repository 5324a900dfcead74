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
// Finite costs between labels: their table, the force that has them, and registrations that need them.
#include "itkEuler2DTransform.h"
#include "itkLabelMassRegistrationForce.h"
#include "itkSinkhornFieldAlgebra.h"
#include "itkSinkhornLabelCosts.h"
#include "itkSinkhornLabelDistances.h"
#include "itkSinkhornRegistrationImages.h"
#include "itkSinkhornRegistrationMethod.h"
#include "itkSinkhornTransformInitializer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace
{

using itk::SinkhornRegistration::ParseLabelDistances;
using itk::SinkhornRegistration::ReadLabelDistances;
using Image2 = itk::Image<float, 2>;
using Method = itk::SinkhornRegistrationMethod<Image2>;
using Force = itk::LabelMassRegistrationForce<Image2>;

constexpr double infinity = std::numeric_limits<double>::infinity();

/** The message of what is thrown; empty if nothing is. */
std::string
CatchMessage(const std::function<void()> & call)
{
  try
  {
    call();
  }
  catch (const itk::ExceptionObject & error)
  {
    return error.GetDescription();
  }
  return "";
}

void
ExpectRefusal(const std::string & table, const std::vector<std::string> & words)
{
  const std::string message = CatchMessage([&table]() { ParseLabelDistances("--label-costs", "costs.csv", table); });
  EXPECT_EQ(message.find("--label-costs 'costs.csv': "), 0U) << message;
  for (const std::string & word : words)
  {
    EXPECT_NE(message.find(word), std::string::npos) << table << "\nsays: " << message;
  }
}

TEST(SinkhornLabelCosts, TablesOfBothForms)
{
  const std::vector<double> values{ 0.0, 10.5, infinity, 10.5, 0.0, 0.25, infinity, 0.25, 0.0 };
  for (const char * table : { "label,2,5,4294967295\n2,0,10.5,inf\n5,10.5,0,0.25\n4294967295,inf,0.25,0\n",
                              "\xEF\xBB\xBF\"x\";\"2\";\"5\";\"4294967295\"\r\n2;0;10.5;INF\r\n5;10.5;0;0.25\r\n"
                              "4294967295;inf;0.25;0",
                              "# distances\n\n- 2 5 4294967295\n5\t10.5 0 0.25\n2 0 10.5 inf\n4294967295 inf 0.25 0\n",
                              "    2 5 4294967295\n2 0 10.5 inf\n5 10.5 0 .25\n4294967295 inf .25 0\n" })
  {
    const auto distances = ParseLabelDistances("--label-costs", "costs.csv", table);
    EXPECT_EQ(distances.Labels, (std::vector<std::uint32_t>{ 2, 5, 4294967295U })) << table;
    EXPECT_EQ(distances.Values, values) << table;
    EXPECT_EQ(distances.Name, "costs.csv");
  }
}

TEST(SinkhornLabelCosts, RefusesWhatIsNoTable)
{
  ExpectRefusal("", { "no table", "inf" });
  ExpectRefusal("x,2,5\n", { "no table" });
  ExpectRefusal("x,2,5\n2,0,1\n", { "1 rows for 2 columns", "give each label one row and one column" });
  ExpectRefusal("x,2,5\n2,0,1\n7,1,0\n", { "row 2", "label 7", "no column" });
  ExpectRefusal("x,2,5\n2,0,1\n2,0,1\n", { "row 2", "second one of label 2" });
  ExpectRefusal("x,2,2\n2,0,0\n2,0,0\n", { "column 2", "second one of label 2" });
  ExpectRefusal("x,2,5\n2,0\n5,1,0\n", { "row 1", "label 2", "1 distances for 2 columns", "inf" });
  ExpectRefusal("x,2,5\n2,0,3\n5,4,0\n", { "row of label 5, column of label 2", "4", "3", "both ways" });
  ExpectRefusal("x,2,5\n2,0,inf\n5,4,0\n", { "row of label 5, column of label 2", "4", "inf", "both ways" });
  ExpectRefusal("x,2,5\n2,0,-3\n5,-3,0\n", { "row of label 2, column of label 5", "'-3'", "negative" });
  ExpectRefusal("x,2,5\n2,1,3\n5,3,0\n", { "row of label 2, column of label 2", "'1'", "diagonal" });
  ExpectRefusal("x,2,5\n2,0,3mm\n5,3,0\n", { "column of label 5", "'3mm'", "not a number" });
  ExpectRefusal("x,2,5\n2,0,nan\n5,nan,0\n", { "'nan'", "not a number" });
  ExpectRefusal("x,2,5\n2,0,\n5,3,0\n", { "''", "not a number", "inf" });
  ExpectRefusal("x,0,5\n0,0,3\n5,3,0\n", { "column 1", "'0'", "background" });
  ExpectRefusal("x,2,five\n2,0,3\nfive,3,0\n", { "column 2", "'five'", "whole numbers" });
  ExpectRefusal("x,2,4294967296\n2,0,3\n4294967296,3,0\n", { "column 2", "4294967296" });
}

TEST(SinkhornLabelCosts, Files)
{
  const std::string path = testing::TempDir() + "sinkhornLabelCosts.csv";
  std::ofstream(path) << "x,2,5\n2,0,3\n5,3,0\n";
  EXPECT_EQ(ReadLabelDistances("--label-costs", path).Values, (std::vector<double>{ 0.0, 3.0, 3.0, 0.0 }));
  std::remove(path.c_str());
  for (const std::string & missing : { path, testing::TempDir() })
  {
    const std::string message = CatchMessage([&]() { ReadLabelDistances("--label-costs", missing); });
    EXPECT_NE(message.find(missing + "': cannot be read"), std::string::npos) << message;
  }
}

/** Infinite costs give way to the shortest way over others, those given stay. */
TEST(SinkhornLabelCosts, ShortestWays)
{
  const auto                      cost = [](double way) { return 0.5 * way * way; };
  const itk::Sinkhorn::LabelCosts costs({ 0.0,
                                          cost(3.0),
                                          infinity,
                                          infinity, //
                                          cost(3.0),
                                          0.0,
                                          cost(4.0),
                                          infinity, //
                                          infinity,
                                          cost(4.0),
                                          0.0,
                                          infinity, //
                                          infinity,
                                          infinity,
                                          infinity,
                                          0.0 });
  EXPECT_DOUBLE_EQ(costs.Get(1, 3), cost(7.0));
  EXPECT_DOUBLE_EQ(costs.Get(3, 1), cost(7.0));
  EXPECT_EQ(costs.Get(1, 2), cost(3.0));
  EXPECT_EQ(costs.Get(1, 4), infinity);
  EXPECT_EQ(costs.Get(9, 9), 0.0);
  EXPECT_EQ(costs.Get(1, 9), infinity);
  EXPECT_EQ(costs.FindGroups(), (std::vector<std::uint32_t>{ 0, 1, 1, 1, 4 }));
  EXPECT_NE(CatchMessage([]() {
              itk::Sinkhorn::LabelCosts({ 0.0, 1.0, 2.0, 0.0 });
            }).find("symmetric"),
            std::string::npos);
  EXPECT_NE(CatchMessage([]() { itk::Sinkhorn::LabelCosts({ 0.0, 1.0, 2.0 }); }).find("square"), std::string::npos);
}

struct Disc
{
  double X;
  double Y;
  double Radius;
  float  Label;
};

/** Later discs lie upon earlier ones. */
Image2::Pointer
MakeMap(const std::vector<Disc> & discs, unsigned int size = 96)
{
  const auto map = Image2::New();
  map->SetRegions(itk::Size<2>{ { size, size } });
  map->Allocate(true);
  for (itk::SizeValueType i = 0; i < map->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const double x = static_cast<double>(i % size);
    const double y = static_cast<double>(i / size);
    for (const Disc & disc : discs)
    {
      if (std::hypot(x - disc.X, y - disc.Y) < disc.Radius)
      {
        map->GetBufferPointer()[i] = disc.Label;
      }
    }
  }
  return map;
}

using Mixtures = itk::Sinkhorn::LabelMixtureImage<2>;

itk::Sinkhorn::LabelImage<2>::Pointer
ToLabels(const Image2 * map)
{
  const auto labels = itk::Sinkhorn::MakeImageOn<itk::Sinkhorn::LabelImage<2>>(map);
  std::transform(map->GetBufferPointer(),
                 map->GetBufferPointer() + map->GetBufferedRegion().GetNumberOfPixels(),
                 labels->GetBufferPointer(),
                 [](float value) { return static_cast<std::uint32_t>(value); });
  return labels;
}

Mixtures::Pointer
Mix(const Image2 * map)
{
  return itk::Sinkhorn::MixLabels<2>(ToLabels(map), itk::FixedArray<unsigned int, 2>(1u));
}

struct Outcome
{
  bool                                          Found;
  double                                        Value{ 0.0 };
  Force::ForceFieldType::Pointer                Forces;
  itk::RegistrationForce<Image2>::WeightPointer Weight;
};

Outcome
Compute(const Force * force, const Mixtures * fixed, const Mixtures * moving)
{
  Outcome outcome;
  outcome.Forces = itk::Sinkhorn::MakeImageOn<Force::ForceFieldType>(fixed);
  outcome.Found =
    force->ComputeLabelForces(fixed, moving, nullptr, nullptr, outcome.Forces, outcome.Weight, outcome.Value);
  return outcome;
}

/** A part that is moved and has another label costs |t|²/2 + c, and is pulled along t; the divergence of an image and
 * its translate is that of their ways. Without a finite cost it takes part in nothing. */
TEST(SinkhornLabelCosts, ForceOnARenamedPart)
{
  const double cost = 18.0;
  const auto   fixed = Mix(MakeMap({ { 20.0, 22.0, 8.0, 1.0F } }, 48));
  const auto   moving = Mix(MakeMap({ { 25.0, 24.0, 8.0, 2.0F } }, 48));
  const auto   force = Force::New();
  force->SetBlur(3.0);
  EXPECT_FALSE(Compute(force, fixed, moving).Found);
  force->SetLabelCosts({ 0.0, cost, cost, 0.0 });
  const Outcome there = Compute(force, fixed, moving);
  ASSERT_TRUE(there.Found);
  EXPECT_TRUE(force->GetConverged());
  EXPECT_NEAR(there.Value, 0.5 * (25.0 + 4.0) + cost, 0.01 * there.Value);
  double pull[2] = { 0.0, 0.0 };
  double mass = 0.0;
  for (itk::SizeValueType i = 0; i < fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    mass += there.Weight->GetBufferPointer()[i];
    pull[0] += there.Forces->GetBufferPointer()[i][0];
    pull[1] += there.Forces->GetBufferPointer()[i][1];
  }
  EXPECT_NEAR(mass, 1.0, 1e-4);
  EXPECT_NEAR(pull[0], 5.0, 0.1);
  EXPECT_NEAR(pull[1], 2.0, 0.1);
  EXPECT_NEAR(Compute(force, moving, fixed).Value, there.Value, 1e-6 * there.Value);
}

/** Two parts that have changed places: they stay where that is the shorter way, cost of the label included. */
TEST(SinkhornLabelCosts, ForceWeighsPlacesAndLabels)
{
  const auto fixed = Mix(MakeMap({ { 14.0, 24.0, 6.0, 1.0F }, { 34.0, 24.0, 6.0, 2.0F } }, 48));
  const auto moving = Mix(MakeMap({ { 14.0, 24.0, 6.0, 2.0F }, { 34.0, 24.0, 6.0, 1.0F } }, 48));
  const auto force = Force::New();
  force->SetBlur(2.0);
  EXPECT_NEAR(Compute(force, fixed, moving).Value, 200.0, 2.0);
  force->SetLabelCosts({ 0.0, 50.0, 50.0, 0.0 });
  EXPECT_NEAR(Compute(force, fixed, moving).Value, 50.0, 0.5);
  force->SetLabelCosts({ 0.0, 800.0, 800.0, 0.0 });
  EXPECT_NEAR(Compute(force, fixed, moving).Value, 200.0, 2.0);
}

Method::Pointer
Register(const Image2 * fixed, const Image2 * moving, const std::string & costs, const std::string & finish = "")
{
  const auto method = Method::New();
  method->SetFixedImage(fixed);
  method->SetMovingImage(moving);
  method->SetFeatures("labels");
  method->SetLabelCosts(costs);
  method->SetFinish(finish);
  method->Update();
  EXPECT_EQ(method->GetReport().Folds.Fraction, 0.0);
  return method;
}

/** Dice of a label of the fixed image and one of the warped image. */
double
ComputeDice(const Image2 * fixed, const Method * method, float label, float warpedLabel)
{
  const auto warped = method->MakeWarpedImage();
  double     either = 0.0;
  double     both = 0.0;
  for (itk::SizeValueType i = 0; i < fixed->GetBufferedRegion().GetNumberOfPixels(); ++i)
  {
    const bool a = fixed->GetBufferPointer()[i] == label;
    const bool b = warped->GetBufferPointer()[i] == warpedLabel;
    either += static_cast<double>(a) + static_cast<double>(b);
    both += a && b ? 2.0 : 0.0;
  }
  return both / either;
}

std::string
MakeTable(int one, int other, const std::string & distance)
{
  const std::string a = std::to_string(one);
  const std::string b = std::to_string(other);
  return "x," + a + "," + b + "\n" + a + ",0," + distance + "\n" + b + "," + distance + ",0\n";
}

/** What turns a disc is the part beside it, which has another label in the other image. */
TEST(SinkhornLabelCosts, RegisterARenamedPart)
{
  const auto fixed = MakeMap({ { 48.0, 48.0, 16.0, 1.0F }, { 74.0, 48.0, 8.0, 2.0F } });
  const auto moving = MakeMap({ { 46.0, 49.0, 16.0, 1.0F }, { 64.0, 67.0, 8.0, 5.0F } });
  const auto without = Register(fixed, moving, "");
  EXPECT_EQ(without->GetPlan().Labels.FixedOnly, std::vector<std::uint32_t>{ 2 });
  EXPECT_LT(ComputeDice(fixed, without, 2, 5), 0.3);
  for (const char * distance : { "5", "0" })
  {
    const auto with = Register(fixed, moving, MakeTable(2, 5, distance));
    EXPECT_EQ(with->GetReport().Kept, "result");
    EXPECT_GT(ComputeDice(fixed, with, 2, 5), 0.93) << distance;
    EXPECT_GT(ComputeDice(fixed, with, 1, 1), 0.93) << distance;
    EXPECT_EQ(with->GetPlan().Labels.Linked, (std::vector<std::vector<std::uint32_t>>{ { 2, 5 } }));
    EXPECT_TRUE(with->GetPlan().Labels.FixedOnly.empty());
    EXPECT_NE(with->GetReportAsJson().find("\"labels_linked\""), std::string::npos);
  }
}

/** Two discs whose names were changed by mistake: without a finite cost the image is turned. */
TEST(SinkhornLabelCosts, RegisterSwappedNames)
{
  const auto fixed = MakeMap({ { 30.0, 46.0, 12.0, 4.0F }, { 66.0, 50.0, 12.0, 5.0F } });
  const auto moving = MakeMap({ { 33.0, 44.0, 12.0, 5.0F }, { 68.0, 53.0, 12.0, 4.0F } });
  EXPECT_LT(ComputeDice(fixed, Register(fixed, moving, ""), 4, 5), 0.2);
  EXPECT_GT(ComputeDice(fixed, Register(fixed, moving, MakeTable(4, 5, "0")), 4, 5), 0.95);
}

/** Springs turn swapped names where the cost of the label is more than that of the way. */
TEST(SinkhornLabelCosts, StartWeighsPlacesAndLabels)
{
  using Transform = itk::Euler2DTransform<double>;
  const auto fit = [](const Image2 * fixed, const Image2 * moving, double cost) {
    const auto initializer = itk::SinkhornTransformInitializer<Transform, Image2>::New();
    const auto transform = Transform::New();
    initializer->SetTransform(transform);
    initializer->SetFixedLabels(ToLabels(fixed));
    initializer->SetMovingLabels(ToLabels(moving));
    initializer->SetLabelCosts({ 0.0, cost, cost, 0.0 });
    initializer->InitializeTransform();
    return transform;
  };
  const auto fixed = MakeMap({ { 30.0, 46.0, 12.0, 1.0F }, { 66.0, 46.0, 12.0, 2.0F } });
  const auto moving = MakeMap({ { 33.0, 44.0, 12.0, 2.0F }, { 69.0, 44.0, 12.0, 1.0F } });
  for (const double cost : { infinity, 5000.0 })
  {
    EXPECT_NEAR(std::cos(fit(fixed, moving, cost)->GetAngle()), -1.0, 1e-3) << cost;
  }
  const auto stays = fit(fixed, moving, 18.0);
  EXPECT_NEAR(stays->GetAngle(), 0.0, 0.01);
  const double centre[2] = { 30.0, 46.0 };
  const auto   where = stays->TransformPoint(itk::Point<double, 2>(centre));
  EXPECT_NEAR(where[0], 33.0, 0.1);
  EXPECT_NEAR(where[1], 44.0, 0.1);
}

/** No label in common, and labels of two pairs. */
TEST(SinkhornLabelCosts, RegisterOtherNamesThroughout)
{
  const auto        fixed = MakeMap({ { 40.0, 48.0, 16.0, 1.0F }, { 64.0, 48.0, 8.0, 2.0F } });
  const auto        moving = MakeMap({ { 46.0, 49.0, 16.0, 11.0F }, { 66.0, 60.0, 8.0, 12.0F } });
  const std::string table = "x 1 2 11 12\n1 0 inf 3 inf\n2 inf 0 inf 3\n11 3 inf 0 inf\n12 inf 3 inf 0\n";
  EXPECT_NE(CatchMessage([&]() { Register(fixed, moving, ""); }).find("no label in common"), std::string::npos);
  const auto method = Register(fixed, moving, table);
  EXPECT_GT(ComputeDice(fixed, method, 1, 11), 0.93);
  EXPECT_GT(ComputeDice(fixed, method, 2, 12), 0.93);
  EXPECT_EQ(method->GetPlan().Labels.Linked.size(), 2U);
}

TEST(SinkhornLabelCosts, RefusedWhereTheyMeanNothing)
{
  const auto map = MakeMap({ { 48.0, 48.0, 16.0, 1.0F }, { 74.0, 48.0, 8.0, 2.0F } });
  const auto says = [&](const std::string & name, const std::string & value, const std::string & costs) {
    const auto method = Method::New();
    method->SetFixedImage(map);
    method->SetMovingImage(map);
    method->SetSetting("label-costs", costs);
    if (name == "stage")
    {
      method->AddStage(value);
    }
    else
    {
      method->SetSetting(name, value);
    }
    return CatchMessage([&]() { method->Update(); });
  };
  const std::string good = MakeTable(1, 2, "3");
  EXPECT_NE(says("features", "none", good).find("label-costs: has no meaning"), std::string::npos);
  EXPECT_NE(says("features", "intensity:4", good).find("label-costs: has no meaning"), std::string::npos);
  EXPECT_NE(says("stage", "affine,mattes", good).find("label-costs: has no meaning"), std::string::npos);
  EXPECT_NE(says("features", "labels", MakeTable(1, 2, "1e9")).find("row of label 1, column of label 2: 1e+09 mm"),
            std::string::npos);
  EXPECT_NE(says("features", "labels", MakeTable(1, 2, "x")).find("'x' is not a number"), std::string::npos);
  const auto grey = MakeMap({ { 48.0, 48.0, 16.0, 1.5F } });
  const auto method = Method::New();
  method->SetFixedImage(grey);
  method->SetMovingImage(map);
  method->SetLabelCosts(good);
  const std::string message = CatchMessage([&]() { method->Update(); });
  EXPECT_NE(message.find("do not look like label maps"), std::string::npos) << message;
}

} // namespace

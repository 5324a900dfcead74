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
// What sinkhorn-register does with generated broken files of all formats, with random options, and without memory: it
// ends by itself with a message and leaves nothing, or whole results.
#include "itkSinkhornPropertyUtilities.h"
#include "sinkhornRegisterTesting.h"

#ifndef _WIN32

namespace
{

using namespace SinkhornRegisterTesting;
using itk::Sinkhorn::Testing::GetFromEnvironment;
using itk::Sinkhorn::Testing::Random;

class SinkhornRegisterBroken : public ProgramTest
{
protected:
  /** Runs within 60 s of the processor and \a kilobytes of address space. */
  int
  RunWithin(const std::string & arguments, unsigned int kilobytes) const
  {
    std::ofstream(Path("run.sh")) << "ulimit -c 0; ulimit -t 60; ulimit -v " << kilobytes << "; exec "
                                  << SINKHORN_REGISTER_PROGRAM << " " << arguments << " --output " << Path("out")
                                  << " --quiet --threads 1 > " << Path("stdout") << " 2> " << Path("stderr") << "\n";
    const int status = std::system(("bash " + Path("run.sh")).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /** What is wrong with how a run ended; empty if nothing. */
  std::string
  FindFault(int exitCode) const
  {
    const std::string errors = ReadText(Path("stderr"));
    if (exitCode != 0 && exitCode != 1 && exitCode != 3 && !(exitCode > 100 && exitCode < 124))
    {
      // 3: the start was better; 101 to 123: the command line, by CLI11
      return "exit status " + std::to_string(exitCode) + ": " + errors;
    }
    const bool isDone = exitCode == 0 || exitCode == 3;
    if (!isDone && errors.empty())
    {
      return "fails without a message";
    }
    const auto left = ListFolder(Path("out"));
    if (isDone ? left.count("report.json") == 0 : fs::exists(Path("out")))
    {
      return isDone ? "no report" : "something is left after a failure";
    }
    for (const std::string & name : left)
    {
      if (name.front() == '.')
      {
        return "leaves " + name;
      }
    }
    return isDone && !nlohmann::json::accept(ReadText(Path("out/report.json"))) ? "the report is no JSON" : "";
  }

  void
  WriteImages() const
  {
    for (const std::string ending : { "mha", "nii", "nii.gz", "nrrd", "png", "tif", "bmp", "jpg" })
    {
      const auto disc = [](double x) { return Ellipsoid<2>(PointAt(x, 10.0), VectorOf(4.0, 5.0), 200.0); };
      Write(MakeImage<unsigned char, 2>({ { 22, 20 } }, disc(9.0)).GetPointer(), Path("fixed." + ending));
      Write(MakeImage<unsigned char, 2>({ { 22, 20 } }, disc(12.0)).GetPointer(), Path("moving." + ending));
    }
  }

  /** A square in the plane z = 0, as the formats of shapes write it. */
  void
  WriteShapes() const
  {
    for (const std::string which : { "fixed", "moving" })
    {
      const std::string wide = which == "fixed" ? "1" : "1.25";
      const std::string points[4] = { "0 0 0", wide + " 0 0.1", wide + " 1 0", "0 1 0.2" };
      std::ofstream     vtk(Path(which + ".vtk"));
      vtk << "# vtk DataFile Version 3.0\nsquare\nASCII\nDATASET POLYDATA\nPOINTS 4 float\n";
      std::ofstream ply(Path(which + ".ply"));
      ply << "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
          << "element face 2\nproperty list uchar int vertex_indices\nend_header\n";
      std::ofstream obj(Path(which + ".obj"));
      std::ofstream off(Path(which + ".off"));
      off << "OFF\n4 2 0\n";
      for (const std::string & point : points)
      {
        vtk << point << '\n';
        ply << point << '\n';
        obj << "v " << point << '\n';
        off << point << '\n';
      }
      vtk << "POLYGONS 2 8\n3 0 1 2\n3 0 2 3\n";
      ply << "3 0 1 2\n3 0 2 3\n";
      obj << "f 1 2 3\nf 1 3 4\n";
      off << "3 0 1 2\n3 0 2 3\n";
    }
  }

  /** Bytes that are cut, flipped, repeated, or whose digits are others. */
  static std::string
  Break(std::string bytes, Random & random)
  {
    const auto place = [&random](size_t length) {
      const auto whole = static_cast<unsigned int>(length);
      return static_cast<size_t>(random.Chance(0.7) ? random.Index(std::min(whole, 360U)) : random.Index(whole));
    };
    switch (random.Index(4))
    {
      case 0: return bytes.substr(0, place(bytes.size()));
      case 1: return bytes.insert(place(bytes.size()), bytes.substr(0, place(bytes.size())));
      case 2:
        for (unsigned int flips = 1 + random.Index(4); flips > 0; --flips)
        {
          char & byte = bytes[place(bytes.size())];
          byte = static_cast<char>(byte ^ (1 << random.Index(8)));
        }
        return bytes;
      default:
        for (size_t i = place(bytes.size()), changed = 0; i < bytes.size() && changed < 3; ++i)
        {
          if (bytes[i] >= '0' && bytes[i] <= '9')
          {
            bytes[i] = "0123456789-e"[random.Index(12)];
            ++changed;
          }
        }
        return bytes;
    }
  }
};

/** One of the two files is broken. A lying header may ask for any memory; there are 4 GB. */
TEST_F(SinkhornRegisterBroken, Files)
{
  WriteImages();
  WriteShapes();
  const std::vector<std::string> endings{ "mha", "nii", "nii.gz", "nrrd", "png", "tif",
                                          "bmp", "jpg", "vtk",    "ply",  "obj", "off" };
  const unsigned int             cases = GetFromEnvironment("SINKHORN_BROKEN_CASES", 48);
  const unsigned int             seed = GetFromEnvironment("SINKHORN_PROPERTY_SEED", 1);
  unsigned int                   refused = 0;
  for (unsigned int i = 0; i < cases; ++i)
  {
    Random            random(seed + i);
    const std::string ending = endings[(seed + i) % endings.size()];
    const bool        isShape = (seed + i) % endings.size() >= 8;
    std::ofstream(Path("broken." + ending), std::ios::binary) << Break(ReadText(Path("fixed." + ending)), random);
    const bool        isFixed = random.Chance(0.5);
    const std::string suffix = isShape ? "-points " : " ";
    const std::string options = isShape ? " --transform rigid" : " --metric meansquares --iterations 2x2";
    const int exitCode = RunWithin("--fixed" + suffix + Path((isFixed ? "broken." : "fixed.") + ending) + " --moving" +
                                     suffix + Path((isFixed ? "moving." : "broken.") + ending) + options,
                                   4000000);
    const std::string fault = FindFault(exitCode);
    EXPECT_EQ(fault, "") << "seed " << seed + i << ", " << ending;
    if (!fault.empty())
    {
      fs::copy_file(Path("broken." + ending),
                    fs::temp_directory_path() / ("sinkhorn-broken-" + std::to_string(seed + i) + "." + ending),
                    fs::copy_options::overwrite_existing);
    }
    refused += exitCode == 1 ? 1 : 0;
    fs::remove_all(Path("out"));
  }
  std::cout << cases << " broken files from seed " << seed << ", " << refused << " refused" << std::endl;
  EXPECT_GE(refused, cases / 8);
}

TEST_F(SinkhornRegisterBroken, Options)
{
  WriteImages();
  const std::vector<std::string> names{ "--blur",        "--reach",         "--shrink",    "--update-sigma",
                                        "--total-sigma", "--learning-rate", "--radius",    "--standardize",
                                        "--density",     "--metric",        "--transform", "--initialize",
                                        "--finish",      "--mass-model",    "--features",  "--stage",
                                        "--fixed-mask",  "--moving-mask",   "--landmarks", "--threads",
                                        "--colour",      "--multi-start" };
  const std::vector<std::string> values{
    "0",          "1",      "2",      "-1",      "nan",    "inf",       "1e30",
    "1e-30",      "x",      "''",     "2x1",     "4x2x1",  "1e400",     "2+1",
    "x2",         "2x",     "affine", "cc",      "mattes", "sinkhorn",  "kernel",
    "syn,cc",     "labels", "none",   "greedy",  "rigid",  "conserved", "syn,sinkhorn,blur=2",
    "window:1:2", "'1 2'",  "..",     "velocity"
  };
  const unsigned int cases = GetFromEnvironment("SINKHORN_BROKEN_CASES", 48);
  const unsigned int seed = GetFromEnvironment("SINKHORN_PROPERTY_SEED", 1);
  for (unsigned int i = 0; i < cases; ++i)
  {
    Random      random(seed + i);
    std::string options = " --iterations 2x2";
    for (unsigned int count = 1 + random.Index(3); count > 0; --count)
    {
      options += " " + names[random.Index(static_cast<unsigned int>(names.size()))] + " " +
                 values[random.Index(static_cast<unsigned int>(values.size()))];
    }
    const int exitCode =
      RunWithin("--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + options, 4000000);
    EXPECT_EQ(FindFault(exitCode), "") << "seed " << seed + i << options;
    fs::remove_all(Path("out"));
  }
  std::cout << cases << " command lines from seed " << seed << std::endl;
}

/** With ever less memory: a message and nothing left, wherever the memory ends. */
TEST_F(SinkhornRegisterBroken, Memory)
{
  const auto disc = [](double x) { return Ellipsoid<2>(PointAt(x, 240.0), VectorOf(90.0, 120.0), 200.0); };
  Write(MakeImage<float, 2>({ { 500, 480 } }, disc(200.0)).GetPointer(), Path("fixed.mha"));
  Write(MakeImage<float, 2>({ { 500, 480 } }, disc(260.0)).GetPointer(), Path("moving.mha"));
  const std::string images = "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha");
  // What the program and its libraries take by themselves.
  unsigned int kilobytes = 20000;
  while (RunWithin("--version", kilobytes) != 0)
  {
    kilobytes += 10000;
    ASSERT_LT(kilobytes, 4000000U);
  }
  unsigned int failures = 0;
  for (int i = 0; i < 8; ++i, kilobytes += 3000)
  {
    const int exitCode = RunWithin(images + " --metric meansquares --iterations 1 --shrink 4", kilobytes);
    EXPECT_EQ(FindFault(exitCode), "") << kilobytes;
    failures += exitCode == 1 ? 1 : 0;
    fs::remove_all(Path("out"));
  }
  EXPECT_GE(failures, 2U);
}

} // namespace

#endif

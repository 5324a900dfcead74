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
// Files of landmarks as people keep them: read right, or refused with file and line. The error before registration is
// known, so that a point that was misread, passed over or paired wrongly shows.
#include "sinkhornRegisterTesting.h"

#include <cmath>

namespace
{

using namespace SinkhornRegisterTesting;

class SinkhornRegisterLandmarks : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    const auto ball = Ellipsoid<3>(PointAt(2.0, 3.0, 1.0), VectorOf(12.0, 12.0, 12.0), 1.0);
    // From -20 mm to 20 mm along each axis, so that RAS and LPS both lie inside.
    const auto place = [](itk::ImageBase<3> * image) {
      image->SetSpacing(VectorOf(2.0, 2.0, 2.0));
      image->SetOrigin(PointAt(-19.0, -19.0, -19.0));
    };
    Write(MakeImage<float, 3>({ { 20, 20, 20 } }, ball, place).GetPointer(), Path("volume.mha"));
    const auto disc = Ellipsoid<2>(PointAt(12.0, 12.0), VectorOf(6.0, 6.0), 1.0);
    Write(MakeImage<float, 2>({ { 24, 24 } }, disc).GetPointer(), Path("picture.mha"));
  }

  Outcome
  RunOn(const std::string & image, const std::string & fixed, const std::string & moving, const std::string & extra)
  {
    std::ofstream(Path("fixed.txt"), std::ios::binary) << fixed;
    std::ofstream(Path("moving.txt"), std::ios::binary) << moving;
    return Run("--fixed " + Path(image) + " --moving " + Path(image) + " --output " + Path("out") +
               " --transform translation --metric meansquares --iterations 1 --threads 1 --landmarks " +
               Path("fixed.txt") + " " + Path("moving.txt") + " " + extra);
  }

  /** Expects that the points are read such that their mean distance is \a error and their number \a pairs. */
  void
  ExpectError(const std::string & image,
              const std::string & fixed,
              const std::string & moving,
              double              error,
              int                 pairs,
              const std::string & extra = "")
  {
    const Outcome outcome = RunOn(image, fixed, moving, extra);
    ASSERT_EQ(outcome.ExitCode, 0) << fixed << "\n" << moving << "\n" << outcome.Errors;
    const auto report = ReadReport(Path("out"));
    EXPECT_NEAR(report["tre_before"].get<double>(), error, 1e-5) << fixed << "\n" << moving;
    EXPECT_EQ(report["landmark_pairs"], pairs) << fixed << "\n" << moving;
    fs::remove_all(Path("out"));
  }

  void
  ExpectRefusal(const std::string &              image,
                const std::string &              fixed,
                const std::string &              moving,
                const std::vector<std::string> & words,
                const std::string &              extra = "")
  {
    const Outcome outcome = RunOn(image, fixed, moving, extra);
    EXPECT_GT(outcome.ExitCode, 0) << fixed << "\n" << moving;
    for (const std::string & word : words)
    {
      EXPECT_NE(outcome.Errors.find(word), std::string::npos) << fixed << "\n" << moving << "\n" << outcome.Errors;
    }
    EXPECT_FALSE(fs::exists(Path("out"))) << fixed;
  }
};

/** Three points, and the same moved by (3, 0, 4) mm. */
const std::string plain = "1 2 3\n-4 5 6\n7 -8 9\n";
const std::string moved = "4 2 7\n-1 5 10\n10 -8 13\n";

TEST_F(SinkhornRegisterLandmarks, TablesWithoutHeading)
{
  ExpectError("volume.mha", plain, moved, 5.0, 3);
  for (const std::string table : { "1,2,3\n-4,5,6\n7,-8,9\n",
                                   "1\t2\t3\r\n-4\t5\t6\r\n7\t-8\t9\r\n",
                                   "1;2;3\n-4;5;6\n7;-8;9",
                                   "\xEF\xBB\xBF# a comment\n1 2 3 # nose\n-4 5 6\n\n# another\n\n7 -8 9\n\n\n",
                                   "  1.0   2e0 3\n -4, 5, 6\n" })
  {
    if (table.find("2e0") != std::string::npos)
    {
      ExpectRefusal("volume.mha", table, moved, { "fixed.txt', line 2", "'-4," });
    }
    else if (table.find("another") != std::string::npos)
    {
      ExpectRefusal("volume.mha", table, moved, { "fixed.txt', line 7", "empty line" });
    }
    else
    {
      ExpectError("volume.mha", table, moved, 5.0, 3);
    }
  }
  ExpectError("volume.mha", "nose 1 2 3\near -4 5 6\neye 7 -8 9\n", "4 2 7\n-1 5 10\n10 -8 13\n", 5.0, 3);
  ExpectError("volume.mha", "nose 1 2 3\near -4 5 6\n", "-1,5,10,ear\n4,2,7,nose\n", 5.0, 2);
  ExpectError("volume.mha", plain, "4 2 7\nnan nan nan\n10 -8 13\n", 5.0, 2);
}

TEST_F(SinkhornRegisterLandmarks, BrokenTablesWithoutHeading)
{
  for (const std::string broken : { "1 2 3\n-4 5\n7 -8 9\n", // too few
                                    "1 2 3\n-4 5 6 8\n7 -8 9\n",
                                    "1 2 3\n-4 five 6\n7 -8 9\n",
                                    "1 2 3\n-4 5 0x6\n7 -8 9\n",
                                    "1 2 3\n-4 5 inf\n7 -8 9\n",
                                    "1 2 3\n-4 1e999 6\n7 -8 9\n",
                                    "1 2 3\nend of the list\n7 -8 9\n",
                                    "1,2,3\n-4 5 6\n7,-8,9\n" })
  {
    ExpectRefusal("volume.mha", broken, moved, { "fixed landmarks", "fixed.txt', line 2" });
    ExpectRefusal("volume.mha", moved, broken, { "moving landmarks", "moving.txt', line 2" });
  }
  // A number too many may be an identity before or a value behind the coordinates.
  ExpectRefusal("volume.mha", "1 1 2 3\n2 4 5 6\n", moved, { "line 1", "4 cells", "id,x,y,z" });
  ExpectRefusal("picture.mha", "1 2 0\n3 4 0\n", "1 2\n3 4\n", { "fixed.txt', line 1", "id,x,y" });
  ExpectRefusal("volume.mha", "1,5;2,5;3,5\n", moved, { "line 1", "decimal points" });
  ExpectRefusal("picture.mha", "1,5 2,5\n", "1 2\n", { "fixed.txt', line 1" });
  ExpectRefusal("volume.mha", "nose 1 2 3\n-4 5 6\n", moved, { "line 2", "name" });
  ExpectRefusal("volume.mha", plain, "1 2 3\n4 5 6\n", { "3 points", "2 points" });
  ExpectRefusal("volume.mha", "points\n1 2 3\n", moved, { "line 1", "'points'", "heading" });
  ExpectRefusal("volume.mha", std::string("1 2 3\0", 6), moved, { "fixed.txt", "UTF-8" });
  ExpectRefusal("volume.mha", "", moved, { "fixed landmarks", "fixed.txt" });
  ExpectRefusal("volume.mha", "nan nan nan\n", moved, { "fixed.txt", "no point" });
}

TEST_F(SinkhornRegisterLandmarks, NamedColumns)
{
  ExpectError("volume.mha", "x,y,z\n1,2,3\n-4,5,6\n7,-8,9\n", moved, 5.0, 3);
  ExpectError("volume.mha", "Z;name;X;Y\n3;a;1;2\n6;b;-4;5\n9;c;7;-8\n", moved, 5.0, 3);
  ExpectError("volume.mha", "\"X (mm)\"\t\"Y (mm)\"\t\"Z (mm)\"\n1\t2\t3\n-4\t5\t6\n7\t-8\t9\n", moved, 5.0, 3);
  ExpectError("volume.mha", "name x y z\na 1 2 3\nb -4 5 6\nc 7 -8 9\n", moved, 5.0, 3);
  ExpectError("picture.mha", ",X,Y\n0,1.00,2.00\n1,3.00,4.00\n", "X,Y\n4,6\n6,8\n", 5.0, 2);
  // ANTs: z, t and a label that is the same for all.
  ExpectError("picture.mha", "x,y,z,t,label\n1,2,0,0,1\n3,4,0,0,1\n", "x,y,z,t,label\n4,6,0,0,2\n6,8,0,0,2\n", 5.0, 2);
  ExpectError("volume.mha", "x,y,z,t,label,comment\n1,2,3,0,1,\"a, b\"\n", "x,y,z,t,label\n4,2,7,0,1\n", 5.0, 1);
  ExpectError("volume.mha", "id,x,y,z,\n1,1,2,3,\n2,-4,5,6,\n3,7,-8,9,\n,,,,\n", moved, 5.0, 3);
  // numpy comments its heading out; other columns may number the points.
  ExpectError("volume.mha", "# z y x\n3 2 1\n6 5 -4\n", "4 2 7\n-1 5 10\n", 5.0, 2);
  ExpectError("volume.mha",
              "Landmark No.,x,y,z,size\n1,1,2,3,8\n2,-4,5,6,9\n",
              "Landmark No.,x,y,z,size\n2,-1,5,10,7\n1,4,2,7,6\n",
              5.0,
              2);
  // Gaps leave out their pair, wherever they are.
  ExpectError("volume.mha", "x,y,z\n1,2,3\n,,\n7,-8,9\n", moved, 5.0, 2);
  ExpectError("volume.mha", "x,y,z\n1,2,3\n-4,,6\n7,-8,9\n", "x,y,z\n4,2,7\n-1,5,10\nNA,undefined,\n", 5.0, 1);
  // Voxel indices that say so; 2 mm a voxel.
  ExpectError("volume.mha", "i,j,k\n1,2,3\n4,5,6\n", "i,j,k\n4,2,7\n7,5,10\n", 10.0, 2);
  ExpectError("volume.mha", "x_px,y_px,z_px\n1,2,3\n", "i,j,k\n4,2,7\n", 10.0, 1, "--landmark-indices");
  ExpectError("volume.mha", "R,A,S\n1,2,3\n", "L,P,S\n2,-2,7\n", 5.0, 1);

  ExpectRefusal("volume.mha", "x,y\n1,2\n", moved, { "line 1", "no z" });
  ExpectRefusal("volume.mha", "x,y,z,x,y,z\n1,2,3,4,5,6\n", moved, { "line 1", "two columns", "'x'" });
  ExpectRefusal("volume.mha", "x,y,z\n1,2,3\n4,5\n", moved, { "line 3", "2 cells" });
  ExpectRefusal("volume.mha", "x,y,z\n1,2,3\n1,5,2,5,3,5\n", moved, { "line 3", "6 cells" });
  ExpectRefusal("volume.mha", "x,y,z\n1,2,3\nx,y,z\n4,5,6\n", moved, { "line 3", "'x'" });
  ExpectRefusal("volume.mha", "x (um),y (um),z (um)\n1,2,3\n", moved, { "line 1", "um", "mm" });
  ExpectRefusal("volume.mha", "x (mm),y (px),z (mm)\n1,2,3\n", moved, { "line 1", "voxel indices" });
  ExpectRefusal(
    "volume.mha", "x (mm),y (mm),z (mm)\n1,2,3\n", moved, { "in mm", "--landmark-indices" }, "--landmark-indices");
  ExpectRefusal("picture.mha", "x,y,z\n1,2,3\n", "x,y,z\n1,2,0\n", { "line 2", "2-D" });
}

TEST_F(SinkhornRegisterLandmarks, PairsByName)
{
  ExpectError(
    "volume.mha", "id,x,y,z\na,1,2,3\nb,-4,5,6\nc,7,-8,9\n", "id,x,y,z\nc,10,-8,13\na,4,2,7\nb,-1,5,10\n", 5.0, 3);
  ExpectError("volume.mha", ",x,y,z\n2,1,2,3\n0,-4,5,6\n", ",x,y,z\n0,-1,5,10\n2,4,2,7\n", 5.0, 2);
  ExpectError(
    "volume.mha", "id,x,y,z\na,1,2,3\nb,nan,nan,nan\nc,7,-8,9\n", "id,x,y,z\nb,-1,5,10\nc,10,-8,13\na,4,2,7\n", 5.0, 2);
  ExpectRefusal(
    "volume.mha", "id,x,y,z\na,1,2,3\nb,-4,5,6\n", "id,x,y,z\na,4,2,7\nc,-1,5,10\n", { "fixed.txt', line 3", "'b'" });
  ExpectRefusal(
    "volume.mha", "id,x,y,z\na,1,2,3\n", "id,x,y,z\na,4,2,7\nc,-1,5,10\n", { "moving.txt', line 3", "'c'" });
  ExpectRefusal("volume.mha", "id,x,y,z\na,1,2,3\na,-4,5,6\n", "id,x,y,z\na,4,2,7\nb,-1,5,10\n", { "'id'", "twice" });
  ExpectRefusal("volume.mha",
                "name,x,y,z\na,1,2,3\nb,-4,5,6\n",
                "name,x,y,z\nc,4,2,7\nd,-1,5,10\n",
                { "no point has the same name" });
}

TEST_F(SinkhornRegisterLandmarks, Elastix)
{
  ExpectError("volume.mha", "point\n3\n" + plain, "point\r\n3\r\n" + moved, 5.0, 3);
  ExpectError("volume.mha", "index\n2\n1 2 3\n4 5 6\n", "index\n2\n4 2 7\n7 5 10\n", 10.0, 2);
  // (1, 2, 3) is the point (-17, -15, -13).
  ExpectError("volume.mha", "index\n1\n1 2 3\n", "point\n1\n-14 -15 -9\n", 5.0, 1);
  ExpectError("volume.mha", "index\n1\n1 2 3\n", "4 2 7\n", 10.0, 1, "--landmark-indices");
  ExpectRefusal("volume.mha", "point\n3\n" + plain, moved, { "in mm", "--landmark-indices" }, "--landmark-indices");
  ExpectRefusal("volume.mha", "point\n4\n" + plain, moved, { "line 2", "4 points", "3 lines" });
  ExpectRefusal("volume.mha", "point\n" + plain, moved, { "line 2", "number of points" });
  ExpectRefusal("volume.mha", "point\n3\n1 2 3\n-4 5 6 7\n7 -8 9\n", moved, { "line 4" });
  ExpectRefusal("volume.mha", "3\n" + plain, moved, { "line 1", "'point'", "'index'" });
}

TEST_F(SinkhornRegisterLandmarks, Slicer)
{
  const std::string columns = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n";
  const std::string version = "# Markups fiducial file version = 4.11\n";
  const auto        row = [](const std::string & id, const std::string & position, const std::string & label) {
    return id + "," + position + ",0,0,0,1,1,1,0," + label + ",,";
  };
  const std::string lps = version + "# CoordinateSystem = LPS\n" + columns;
  const std::string ras = version + "# CoordinateSystem = 0\n" + columns;
  ExpectError("volume.mha", lps + row("1", "1,2,3", "F-1") + "\n", lps + row("1", "4,2,7", "F-1") + "\n", 5.0, 1);
  ExpectError("volume.mha", lps + row("1", "1,2,3", "F-1") + "\n", ras + row("1", "-4,-2,7", "F-1") + ",2,0\n", 5.0, 1);
  ExpectError("volume.mha",
              plain,
              version + "# CoordinateSystem = RAS\n" + columns + row("1", "-4,-2,7", "F-1") + "\n" +
                row("2", "1,-5,10", "F-2") + "\n" + row("3", "-10,8,13", "F-3") + "\n",
              5.0,
              3);
  // Other labels, the same numbers; then in another order; a point that was not placed.
  ExpectError("volume.mha", lps + row("1", "1,2,3", "F-1") + "\n", lps + row("1", "4,2,7", "M-1") + "\n", 5.0, 1);
  ExpectError("volume.mha",
              lps + row("1", "1,2,3", "nose") + "\n" + row("2", "-4,5,6", "\"ear, left\"") + "\n",
              lps + row("1", "-1,5,10", "\"ear, left\"") + "\n" + row("2", "4,2,7", "nose") + "\n",
              5.0,
              2);
  ExpectError("volume.mha",
              lps + row("1", "1,2,3", "a") + ",2,0\n" + row("2", "0,0,0", "b") + ",0,0\n",
              lps + row("1", "4,2,7", "a") + ",2,0\n" + row("2", "-1,5,10", "b") + ",2,0\n",
              5.0,
              1);
  ExpectRefusal("volume.mha", version + columns + row("1", "1,2,3", "F-1") + "\n", moved, { "CoordinateSystem" });
  ExpectRefusal("volume.mha",
                version + "# CoordinateSystem = ABC\n" + columns + row("1", "1,2,3", "F-1") + "\n",
                moved,
                { "'ABC'", "LPS", "RAS" });

  const auto markups = [](const std::string & system, const std::string & points) {
    return "{\"markups\": [{\"type\": \"Fiducial\", \"coordinateSystem\": \"" + system + "\", \"controlPoints\": [" +
           points + "]}]}";
  };
  ExpectError(
    "volume.mha",
    markups("LPS", "{\"id\": \"1\", \"label\": \"a\", \"position\": [1, 2, 3]}"),
    markups("RAS", "{\"id\": \"1\", \"label\": \"a\", \"position\": [-4, -2, 7], \"positionStatus\": \"defined\"}"),
    5.0,
    1);
  ExpectError(
    "volume.mha",
    markups("LPS",
            "{\"label\": \"b\", \"position\": [0, 0, 0], \"positionStatus\": \"undefined\"}, {\"label\": \"a\", "
            "\"position\": [1, 2, 3]}"),
    markups("LPS", "{\"label\": \"a\", \"position\": [4, 2, 7]}, {\"label\": \"b\", \"position\": [1, 1, 1]}"),
    5.0,
    1);
  ExpectRefusal("volume.mha", markups("LPS", "{\"label\": \"a\", \"position\": [1, 2]}"), moved, { "2 numbers" });
  ExpectRefusal("volume.mha", "{\"points\": [[1, 2, 3]]}", moved, { "fixed.txt", "markups" });
}

/** Points that can't be meant in the units in which they are read. */
TEST_F(SinkhornRegisterLandmarks, Units)
{
  ExpectRefusal("volume.mha", "1 2 3\n4 5 600\n", "1 2 3\n4 5 6\n", { "fixed.txt', line 2", "outside" });
  ExpectRefusal(
    "volume.mha", "-15 -15 -15\n", "0 0 0\n", { "line 1", "mm", "leave --landmark-indices out" }, "--landmark-indices");
  ExpectRefusal("volume.mha", "1e300 2 3\n", "0 0 0\n", { "line 1", "outside" });
  const Outcome outcome = RunOn("volume.mha", "1 2 3\n4 5 21\n3 3 3\n", "1 2 3\n4 5 6\n3 3 3\n", "");
  EXPECT_EQ(outcome.ExitCode, 0);
  EXPECT_NE(outcome.Errors.find("fixed.txt', line 2"), std::string::npos) << outcome.Errors;
}

} // namespace

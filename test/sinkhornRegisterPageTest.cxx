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
// The page of --report: that it is there, whole and needs nothing else, what it tells, and how a browser shows it.
#include "sinkhornRegisterShapeFiles.h"
#include "sinkhornRegisterTesting.h"

#include "itkRGBPixel.h"
#include "itksys/Base64.h"

#include <regex>

namespace
{

using namespace SinkhornRegisterTesting;
using nlohmann::json;
using Point2 = itk::Point<double, 2>;

class SinkhornRegisterPage : public ProgramTest
{
protected:
  /** A disc of two halves, 1 and 2, in a 48 × 40 image of anisotropic spacing. */
  void
  WriteDisc(const std::string & name, double x, double y) const
  {
    const auto disc = Ellipsoid<2>(PointAt(x, y), VectorOf(9.0, 8.0), 1.0);
    const auto narrow = [](itk::ImageBase<2> * image) {
      const double spacing[2] = { 1.0, 1.25 };
      image->SetSpacing(spacing);
    };
    Write(MakeImage<float, 2>(
            { { 48, 40 } }, [&](const Point2 & p) { return disc(p) * (p[0] < x ? 1.0 : 2.0); }, narrow)
            .GetPointer(),
          Path(name));
  }

  void
  WriteBall(const std::string & name, double x) const
  {
    const auto ball = Ellipsoid<3>(PointAt(x, 12.0, 14.0), VectorOf(6.0, 7.0, 6.0), 100.0);
    Write(MakeImage<short, 3>({ { 30, 26, 28 } }, ball).GetPointer(), Path(name));
  }

  std::string
  Files(const std::string & fixed, const std::string & moving, const std::string & output) const
  {
    return "--fixed '" + Path(fixed) + "' --moving '" + Path(moving) + "' --output '" + Path(output) +
           "' --threads 1 --quiet --preset fast ";
  }

  /** What a page shows, as it stands in its script element. */
  json
  ReadPage(const std::string & output) const
  {
    const std::string page = ReadText(Path(output + "/report.html"));
    const std::string opening = "id=\"data\">";
    const std::size_t begin = page.find(opening) + opening.size();
    return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  }

  /** The page as it stands after its script has run; empty where there is no browser. */
  std::string
  Browse(const std::string & output) const
  {
    for (const std::string browser : { "chromium", "chromium-browser", "google-chrome" })
    {
      if (std::system(("command -v " + browser + " > /dev/null").c_str()) == 0)
      {
        const std::string command =
          browser + " --headless --no-sandbox --disable-gpu --virtual-time-budget=3000 --user-data-dir='" +
          Path("browser") + "' --dump-dom 'file://" + Path(output) + "/report.html' > '" + Path("dom") + "' 2> '" +
          Path("browser-errors") + "'";
        EXPECT_EQ(std::system(command.c_str()), 0) << ReadText(Path("browser-errors"));
        return ReadText(Path("dom"));
      }
    }
    return "";
  }

  static void
  ExpectPng(const json & layer)
  {
    EXPECT_EQ(layer.get<std::string>().rfind("iVBORw0KGgo", 0), 0u);
  }

  static std::size_t
  Count(const std::string & text, const std::string & piece)
  {
    std::size_t count = 0;
    for (std::size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1))
    {
      ++count;
    }
    return count;
  }
};

TEST_F(SinkhornRegisterPage, HoldsEverythingAndNeedsNothing)
{
  const std::string odd = "<&\"b>.mha";
  WriteDisc("fixed.mha", 18.0, 22.0);
  WriteDisc(odd, 28.0, 26.0);
  const std::string arguments =
    Files("fixed.mha", odd, "out") + "--fixed-labels " + Path("fixed.mha") + " --moving-labels '" + Path(odd) + "' ";
  const Outcome outcome = Run(arguments + "--report");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const std::string page = ReadText(Path("out/report.html"));
  EXPECT_FALSE(std::regex_search(page, std::regex("(src|href)\\s*=\\s*[\"']?[a-z]+:|url\\(|@import|<link|<iframe")));
  EXPECT_EQ(Count(page, "</script"), 2u);
  EXPECT_EQ(page.find("@DATA@"), std::string::npos);

  const json data = ReadPage("out");
  json       report = data["report"];
  EXPECT_FALSE(report["messages"].empty());
  EXPECT_GE(report["history"].size(), 2u);
  EXPECT_EQ(report["history"][0]["stage"], 1);
  EXPECT_GE(report["history"][0]["values"].size(), 1u);
  report.erase("messages");
  report.erase("history");
  EXPECT_EQ(report, ReadReport(Path("out")));
  EXPECT_EQ(data["kind"], "pair");
  EXPECT_EQ(data["id"].get<std::string>().rfind(odd, 0), 0u);
  EXPECT_EQ(data["inputs"]["moving image"], Path(odd));
  EXPECT_EQ(data["geometry"]["fixed image"]["size"], (json{ 48, 40 }));
  EXPECT_EQ(data["geometry"]["fixed image"]["spacing"], (json{ 1.0, 1.25 }));
  EXPECT_EQ(data["options"]["moving"], Path(odd));
  EXPECT_EQ(data["options"]["report"], true);
  EXPECT_EQ(data["threads"], 1);
  EXPECT_TRUE(data["versions"].contains("sinkhorn-register") && data["versions"].contains("ITK") &&
              data["versions"].contains("FFTW"));
  EXPECT_NE(data["command"].get<std::string>().find("--moving '" + Path(odd) + "' --output"), std::string::npos);
  EXPECT_EQ(data["matrix"].size(), 3u);
  EXPECT_EQ(data["matrix"][2], (json{ 0.0, 0.0, 1.0 }));
  EXPECT_GT(data["longest"], 8.0);
  ASSERT_EQ(data["views"].size(), 1u);
  for (const char * layer : { "fixed", "before", "after", "jacobian", "displacement" })
  {
    ExpectPng(data["views"][0]["layers"][layer]);
  }

  // A run without it leaves none to find that of an earlier one.
  ASSERT_EQ(Run(arguments).ExitCode, 0);
  EXPECT_FALSE(fs::exists(Path("out/report.html")));
}

TEST_F(SinkhornRegisterPage, ShowsVolumesInThreePlanes)
{
  WriteBall("fixed.nii.gz", 12.0);
  WriteBall("moving.nii.gz", 16.0);
  const Outcome outcome = Run(Files("fixed.nii.gz", "moving.nii.gz", "out") + "--transform rigid --report");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json data = ReadPage("out");
  ASSERT_EQ(data["views"].size(), 3u);
  EXPECT_EQ(data["views"][0]["name"], "axial");
  EXPECT_EQ(data["views"][1]["name"], "coronal");
  EXPECT_EQ(data["views"][2]["width"], 26);
  EXPECT_EQ(data["views"][2]["height"], 28);
  // A rigid map is its matrix: 4 mm along the first axis.
  EXPECT_EQ(data["matrix"].size(), 4u);
  const auto at = [&data](unsigned int row) {
    double       sum = data["matrix"][row][3].get<double>();
    const double center[3] = { 12.0, 12.0, 14.0 };
    for (unsigned int column = 0; column < 3; ++column)
    {
      sum += data["matrix"][row][column].get<double>() * center[column];
    }
    return sum;
  };
  EXPECT_NEAR(at(0), 16.0, 0.1);
  EXPECT_NEAR(at(1), 12.0, 0.1);
  EXPECT_NEAR(at(2), 14.0, 0.1);
}

TEST_F(SinkhornRegisterPage, KeepsColours)
{
  using Pixel = itk::RGBPixel<unsigned char>;
  const auto write = [this](const std::string & name, double x) {
    const auto image = itk::Image<Pixel, 2>::New();
    image->SetRegions(itk::Size<2>{ { 48, 48 } });
    image->Allocate();
    const auto disc = Ellipsoid<2>(PointAt(x, 24.0), VectorOf(10.0, 8.0), 1.0);
    for (itk::ImageRegionIteratorWithIndex<itk::Image<Pixel, 2>> it(image, image->GetBufferedRegion()); !it.IsAtEnd();
         ++it)
    {
      const bool    inside = disc(PointAt(it.GetIndex()[0], it.GetIndex()[1])) > 0.0;
      unsigned char color[3] = { static_cast<unsigned char>(inside ? 200 : 0),
                                 static_cast<unsigned char>(inside ? 40 : 0),
                                 0 };
      it.Set(Pixel(color));
    }
    Write(image.GetPointer(), Path(name));
  };
  write("fixed.png", 20.0);
  write("moving.png", 26.0);
  const Outcome outcome = Run(Files("fixed.png", "moving.png", "out") + "--report");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json        data = ReadPage("out");
  const std::string layer = data["views"][0]["layers"]["after"];
  std::string       bytes(layer.size(), '\0');
  bytes.resize(itksysBase64_Decode(reinterpret_cast<const unsigned char *>(layer.data()),
                                   0,
                                   reinterpret_cast<unsigned char *>(&bytes[0]),
                                   layer.size()));
  std::ofstream(Path("after.png"), std::ios::binary) << bytes;
  const auto after = Read<itk::Image<Pixel, 2>>(Path("after.png"));
  const auto center = after->GetPixel({ { 20, 24 } });
  EXPECT_EQ(center[0], 200);
  EXPECT_EQ(center[1], 40);
  EXPECT_EQ(center[2], 0);
}

TEST_F(SinkhornRegisterPage, ShowsShapesBeforeAndAfter)
{
  std::ofstream(Path("fixed.vtk"), std::ios::binary) << ToVtk(MakeSurface(0.0F), false);
  std::ofstream(Path("moving.vtk"), std::ios::binary) << ToVtk(MakeSurface(15.0F), false);
  const Outcome outcome = Run("--fixed-points " + Path("fixed.vtk") + " --moving-points " + Path("moving.vtk") +
                              " --output " + Path("out") + " --transform rigid --threads 1 --quiet --report");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const json data = ReadPage("out");
  ASSERT_EQ(data["views"].size(), 3u);
  for (const json & view : data["views"])
  {
    ExpectPng(view["layers"]["before"]);
    ExpectPng(view["layers"]["after"]);
    EXPECT_NE(view["layers"]["before"], view["layers"]["after"]);
  }
  EXPECT_GT(data["geometry"]["moving points"]["triangles"], 0);
  EXPECT_EQ(data["matrix"].size(), 4u);
  EXPECT_LT(data["report"]["mean_distance_after"], 0.1);
}

TEST_F(SinkhornRegisterPage, IsDrawnByABrowser)
{
  WriteBall("fixed.nii.gz", 12.0);
  WriteBall("moving.nii.gz", 16.0);
  const Outcome outcome = Run(Files("fixed.nii.gz", "moving.nii.gz", "out") + "--iterations 10x5 --report");
  ASSERT_EQ(outcome.ExitCode, 0) << outcome.Errors;
  const std::string shown = Browse("out");
  if (shown.empty())
  {
    GTEST_SKIP() << "no Chromium is installed: the page is not looked at";
  }
  const std::size_t body = shown.find("<body");
  const std::string state = shown.substr(body, shown.find('>', body) - body);
  EXPECT_NE(state.find("data-ready=\"yes\""), std::string::npos) << state;
  EXPECT_EQ(state.find("data-error"), std::string::npos) << state;
  EXPECT_EQ(Count(shown, "data-painted=\"yes\""), 15u);
  EXPECT_GE(Count(shown, "<polyline"), 2u);
  for (const std::string piece : { "least det J, strict", "What was said", ": value of the metric", "moving.nii.gz" })
  {
    EXPECT_NE(shown.find(piece), std::string::npos) << piece;
  }
}

TEST_F(SinkhornRegisterPage, IsAnnounced)
{
  WriteDisc("fixed.mha", 18.0, 22.0);
  EXPECT_NE(Run("--help").Output.find("--report"), std::string::npos);
  const std::string files = Files("fixed.mha", "fixed.mha", "out");
  EXPECT_NE(Run(files + "--report --dry-run").Output.find("report.html"), std::string::npos);
  EXPECT_EQ(Run(files + "--dry-run").Output.find("report.html"), std::string::npos);
  EXPECT_FALSE(fs::exists(Path("out")));
}

} // namespace

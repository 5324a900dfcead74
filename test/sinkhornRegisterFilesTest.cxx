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
// What sinkhorn-register does to files and processes around it: whole results or none, nothing of others touched,
// whether it fails, is stopped, runs out of space or shares its folder.
#include "sinkhornRegisterTesting.h"

#ifndef _WIN32

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <thread>

namespace
{

using namespace SinkhornRegisterTesting;

class SinkhornRegisterFiles : public ProgramTest
{
protected:
  void
  SetUp() override
  {
    ProgramTest::SetUp();
    WriteDisc(24, 30, "fixed.mha");
    WriteDisc(36, 34, "moving.mha");
  }

  void
  WriteDisc(double x, double y, const std::string & name)
  {
    const auto disc = Ellipsoid<2>(PointAt(x, y), VectorOf(11.0, 9.0), 200.0);
    Write(MakeImage<unsigned char, 2>({ { 64, 60 } }, disc).GetPointer(), Path(name));
  }

  std::string
  Pair(const std::string & output, const std::string & extra = "--iterations 5x3") const
  {
    return "--fixed " + Path("fixed.mha") + " --moving " + Path("moving.mha") + " --output " + Path(output) +
           " --quiet --threads 1 " + extra;
  }

  /** Starts the program. */
  pid_t
  Start(const std::string & arguments) const
  {
    std::vector<std::string> words{ SINKHORN_REGISTER_PROGRAM };
    std::istringstream       stream(arguments);
    for (std::string word; stream >> word;)
    {
      words.push_back(word);
    }
    std::vector<char *> pointers;
    for (std::string & word : words)
    {
      pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0)
    {
      std::signal(SIGINT, SIG_DFL);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    return child;
  }

  static int
  WaitFor(pid_t child)
  {
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  static bool
  Appears(const std::string & path)
  {
    for (int i = 0; i < 1000 && !fs::exists(path); ++i)
    {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return fs::exists(path);
  }

  static std::map<std::string, std::string>
  ReadFolder(const std::string & folder)
  {
    std::map<std::string, std::string> files;
    for (const std::string & name : ListFolder(folder))
    {
      files[name] = ReadText(fs::path(folder) / name);
    }
    return files;
  }
};

/** Whoever stops the program sees the status of a signal, finds nothing of the run, and all that others have put into
 * the folders that it made. */
TEST_F(SinkhornRegisterFiles, Signals)
{
  for (const int signal : { SIGINT, SIGTERM, SIGHUP })
  {
    const pid_t child =
      Start(Pair("deep/below/out", "--iterations 90000x90000x90000 --shrink 4x2x1 --metric cc --transform velocity"));
    ASSERT_TRUE(Appears(Path("deep/below/out")));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(ListFolder(Path("deep/below/out")).size(), 1U); // hidden
    std::ofstream(Path("deep/neighbour")) << "mine";
    kill(child, signal);
    const int status = WaitFor(child);
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_EQ(ListFolder(Path("deep")), std::set<std::string>{ "neighbour" });
    fs::remove_all(Path("deep"));
  }
}

/** A folder in the way of a result makes the run fail at its end; another one has put its results beside it. */
TEST_F(SinkhornRegisterFiles, FailureLeavesNeighbours)
{
  const pid_t child = Start(Pair("deep/out", "--iterations 300 --shrink 1 --metric cc --update-sigma 4"));
  ASSERT_TRUE(Appears(Path("deep/out")));
  fs::create_directories(Path("deep/out/overview.png"));
  fs::create_directories(Path("deep/other"));
  std::ofstream(Path("deep/other/report.json")) << "mine";
  const int status = WaitFor(child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
  EXPECT_EQ(ReadText(Path("deep/other/report.json")), "mine");
  EXPECT_EQ(ListFolder(Path("deep/out")), std::set<std::string>{ "overview.png" });
}

/** Wherever the disk is full, first in the largest file and then in each smaller one: a message, and nothing left. */
TEST_F(SinkhornRegisterFiles, FullDisk)
{
  const auto disc = Ellipsoid<2>(PointAt(24, 30), VectorOf(11.0, 9.0), 200.0);
  Write(MakeImage<unsigned char, 2>({ { 64, 60 } }, disc).GetPointer(), Path("fixed.png"));
  for (const std::string image : { "fixed.mha", "fixed.png" })
  {
    int failures = 0;
    for (int blocks = 1; blocks < 4000; blocks = blocks < 8 ? blocks + 1 : blocks + blocks / 4)
    {
      const std::string limited = "ulimit -f " + std::to_string(blocks) + "; " + SINKHORN_REGISTER_PROGRAM + " " +
                                  "--fixed " + Path(image) + " --moving " + Path(image) + " --output " + Path("out") +
                                  " --quiet --threads 1 --iterations 1 --metric meansquares 2>&1 | cat > " +
                                  Path("said") + "; exit ${PIPESTATUS[0]}";
      std::ofstream(Path("limited.sh")) << limited;
      const int status = std::system(("bash " + Path("limited.sh")).c_str());
      ASSERT_TRUE(WIFEXITED(status)) << blocks;
      if (WEXITSTATUS(status) == 0)
      {
        break;
      }
      ++failures;
      EXPECT_EQ(WEXITSTATUS(status), 1) << blocks << ": " << ReadText(Path("said"));
      EXPECT_NE(ReadText(Path("said")).find("can't be written whole"), std::string::npos)
        << blocks << ": " << ReadText(Path("said"));
      EXPECT_FALSE(fs::exists(Path("out"))) << blocks;
    }
    EXPECT_GE(failures, 3) << image;
    EXPECT_GE(ListFolder(Path("out")).size(), 5U);
    fs::remove_all(Path("out"));
  }
}

TEST_F(SinkhornRegisterFiles, OutputIsNeverInput)
{
  const auto expectRefusal = [this](const std::string & arguments, const std::string & name) {
    const std::string before = ReadText(Path("moving.mha"));
    const Outcome     outcome = Run(arguments + " --iterations 1 --quiet");
    EXPECT_EQ(outcome.ExitCode, 1) << arguments;
    EXPECT_NE(outcome.Errors.find(name), std::string::npos) << outcome.Errors;
    EXPECT_NE(outcome.Errors.find("moving image"), std::string::npos) << outcome.Errors;
    EXPECT_EQ(ReadText(Path("moving.mha")), before);
  };
  const std::string fixed = "--fixed " + Path("fixed.mha");
  fs::create_directories(Path("out"));
  fs::create_hard_link(Path("moving.mha"), Path("out/warped.nii.gz"));
  expectRefusal(fixed + " --moving " + Path("moving.mha") + " --output " + Path("out/../out/."), "warped.nii.gz");
  fs::remove(Path("out/warped.nii.gz"));
  fs::create_symlink(Path("moving.mha"), Path("out/overview.png"));
  expectRefusal(fixed + " --moving " + Path("moving.mha") + " --output " + Path("out"), "overview.png");
  fs::remove(Path("out/overview.png"));
  // The input lies there under the name of a result, and is called by a link from elsewhere.
  fs::copy_file(Path("moving.mha"), Path("out/warped.mha"));
  fs::create_symlink(Path("out/warped.mha"), Path("link.mha"));
  expectRefusal(fixed + " --moving " + Path("link.mha") + " --output " + Path("out"), "warped.mha");
  EXPECT_EQ(ListFolder(Path("out")), std::set<std::string>{ "warped.mha" });
  // In the folder, under a name of its own: fine.
  EXPECT_EQ(Run(fixed + " --moving " + Path("moving.mha") + " --output " + m_Folder.string() +
                " --iterations 1 --metric meansquares --quiet")
              .ExitCode,
            0);
}

/** Equal runs at different times leave equal files, but for the seconds and the memory. */
TEST_F(SinkhornRegisterFiles, EqualRuns)
{
  ASSERT_EQ(Run(Pair("one")).ExitCode, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  ASSERT_EQ(Run(Pair("two")).ExitCode, 0);
  auto one = ReadFolder(Path("one"));
  auto two = ReadFolder(Path("two"));
  ASSERT_EQ(one.count("transform.h5"), 1U);
  for (auto * files : { &one, &two })
  {
    auto report = nlohmann::json::parse((*files)["report.json"]);
    report.erase("seconds");
    report.erase("peak_memory_mb");
    (*files)["report.json"] = report.dump();
    files->erase("overview.png"); // its caption has the seconds
  }
  EXPECT_EQ(one, two);
}

/** Two runs that end in the same folder at about the same time: it holds the results of one of them. */
TEST_F(SinkhornRegisterFiles, RunsAtTheSameTime)
{
  WriteDisc(29, 25, "other.mha");
  const std::string other = "--fixed " + Path("fixed.mha") + " --moving " + Path("other.mha") +
                            " --quiet --threads 1 --iterations 5x3 --output ";
  ASSERT_EQ(Run(Pair("one")).ExitCode, 0);
  ASSERT_EQ(Run(other + Path("two")).ExitCode, 0);
  const std::vector<std::string> names{ "warped.png", "warped.nii.gz", "transform.h5", "displacement.nii.gz" };
  for (int i = 0; i < 5; ++i)
  {
    const pid_t first = Start(Pair("shared"));
    const pid_t second = Start(other + Path("shared"));
    EXPECT_EQ(WaitFor(first), 0);
    EXPECT_EQ(WaitFor(second), 0);
    const auto shared = ReadFolder(Path("shared"));
    auto       one = ReadFolder(Path("one"));
    auto       two = ReadFolder(Path("two"));
    EXPECT_EQ(ListFolder(Path("shared")), ListFolder(Path("one")));
    const bool isOne = shared.at("transform.h5") == one["transform.h5"];
    for (const std::string & name : names)
    {
      if (shared.count(name) > 0)
      {
        EXPECT_EQ(shared.at(name), isOne ? one[name] : two[name]) << name;
      }
    }
    EXPECT_EQ(nlohmann::json::parse(shared.at("report.json"))["value_before"],
              nlohmann::json::parse((isOne ? one : two)["report.json"])["value_before"]);
    fs::remove_all(Path("shared"));
  }
}

/** A reader of the progress that goes away does not take the results with it; quiet means quiet. */
TEST_F(SinkhornRegisterFiles, Streams)
{
  std::ofstream(Path("piped.sh")) << SINKHORN_REGISTER_PROGRAM << " --fixed " << Path("fixed.mha") << " --moving "
                                  << Path("moving.mha") << " --iterations 5x3 --output " << Path("piped")
                                  << " | head -c 1 > /dev/null; exit ${PIPESTATUS[0]}";
  EXPECT_EQ(std::system(("bash " + Path("piped.sh")).c_str()), 0);
  EXPECT_EQ(ListFolder(Path("piped")).count("report.json"), 1U);
  for (const std::string extra : { "", "--metric mattes", "--transform affine --metric cc --iterations 5" })
  {
    const Outcome outcome = Run(Pair("quiet", extra.empty() ? "--iterations 5x3" : extra));
    EXPECT_EQ(outcome.Output, "") << extra;
    EXPECT_EQ(outcome.ExitCode == 0 ? outcome.Errors : "", "") << extra;
  }
}

} // namespace

#endif

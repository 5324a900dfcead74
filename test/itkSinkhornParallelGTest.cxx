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
#include "itkSinkhornParallel.h"

#include "itkThreadPool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace
{
using itk::SizeValueType;
using namespace itk::Sinkhorn;

/** Runs tasks that count their calls; whether each was called exactly once. */
bool
EachOnce(SizeValueType tasks, itk::ThreadIdType threads)
{
  std::vector<std::atomic<int>> calls(tasks);
  RunTasks(tasks, threads, [&](SizeValueType task) { ++calls[task]; });
  return std::all_of(calls.begin(), calls.end(), [](const std::atomic<int> & count) { return count == 1; });
}

/** Waits, but not for ever. */
bool
WaitFor(const std::atomic<int> & counter, int value)
{
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (counter < value && std::chrono::steady_clock::now() < end)
  {
    std::this_thread::yield();
  }
  return counter >= value;
}

} // namespace

TEST(SinkhornParallel, EveryTaskRunsOnce)
{
  for (const SizeValueType tasks : { 1, 2, 3, 17, 1000 })
  {
    for (const itk::ThreadIdType threads : { 0, 1, 2, 3, 50 })
    {
      EXPECT_TRUE(EachOnce(tasks, threads)) << tasks << " tasks, " << threads << " threads";
    }
  }
}

TEST(SinkhornParallel, ShortRunsAndLongPausesAlternate)
{
  for (int run = 0; run < 2000; ++run)
  {
    ASSERT_TRUE(EachOnce(3, 2)) << run;
    if (run % 200 == 0)
    {
      // Longer than a helper's patience.
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

TEST(SinkhornParallel, TwoTasksRunAtTheSameTime)
{
  std::atomic<int>          arrived{ 0 };
  std::atomic<int>          met{ 0 };
  std::set<std::thread::id> threads;
  std::mutex                mutex;
  RunTasks(2, 2, [&](SizeValueType) {
    ++arrived;
    met += WaitFor(arrived, 2) ? 1 : 0;
    const std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(met, 2);
  EXPECT_EQ(threads.size(), 2u);
}

TEST(SinkhornParallel, NoMoreThreadsThanAskedFor)
{
  itk::ThreadPool::GetInstance()->AddThreads(3);
  for (const int threads : { 2, 3 })
  {
    std::atomic<int> atWork{ 0 };
    std::atomic<int> most{ 0 };
    RunTasks(60, threads, [&](SizeValueType) {
      const int now = ++atWork;
      int       seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now))
      {}
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      --atWork;
    });
    EXPECT_LE(most, threads);
  }
}

TEST(SinkhornParallel, TasksMayHaveTasks)
{
  std::atomic<int> calls{ 0 };
  RunTasks(8, 3, [&](SizeValueType) { RunTasks(50, 3, [&](SizeValueType) { ++calls; }); });
  EXPECT_EQ(calls, 400);
}

TEST(SinkhornParallel, SeveralThreadsAtOnce)
{
  std::vector<std::future<bool>> results;
  for (int k = 0; k < 4; ++k)
  {
    results.push_back(std::async(std::launch::async, [] {
      bool all = true;
      for (int run = 0; run < 300; ++run)
      {
        all = EachOnce(20, 3) && all;
      }
      return all;
    }));
  }
  for (auto & result : results)
  {
    EXPECT_TRUE(result.get());
  }
}

TEST(SinkhornParallel, ABusyPoolIsNotWaitedFor)
{
  const auto                     pool = itk::ThreadPool::GetInstance();
  std::atomic<int>               begun{ 0 };
  std::promise<void>             release;
  const auto                     released = release.get_future().share();
  std::vector<std::future<void>> blocked;
  const int                      threads = static_cast<int>(pool->GetMaximumNumberOfThreads());
  for (int k = 0; k < threads; ++k)
  {
    blocked.push_back(pool->AddWork([&begun, released] {
      ++begun;
      released.wait();
    }));
  }
  EXPECT_TRUE(WaitFor(begun, threads));
  EXPECT_TRUE(EachOnce(100, 2));
  release.set_value();
  for (auto & work : blocked)
  {
    work.get();
  }
  // The helpers that had been asked for come late, and do no harm.
  EXPECT_TRUE(EachOnce(100, 2));
}

TEST(SinkhornParallel, ThePoolIsFreeAgainAfterAMoment)
{
  EXPECT_TRUE(EachOnce(100, 2));
  const auto                     pool = itk::ThreadPool::GetInstance();
  std::atomic<int>               begun{ 0 };
  std::vector<std::future<void>> works;
  const int                      threads = static_cast<int>(pool->GetMaximumNumberOfThreads());
  for (int k = 0; k < threads; ++k)
  {
    // Each needs a thread of its own.
    works.push_back(pool->AddWork([&begun, threads] {
      ++begun;
      EXPECT_TRUE(WaitFor(begun, threads));
    }));
  }
  for (auto & work : works)
  {
    work.get();
  }
  EXPECT_EQ(begun, threads);
}

TEST(SinkhornParallel, AnExceptionReachesTheCaller)
{
  for (const itk::ThreadIdType threads : { 1, 2, 4 })
  {
    std::atomic<int> calls{ 0 };
    const auto       run = [&] {
      ForEachTask(1000, threads, false, [&](SizeValueType task) {
        ++calls;
        if (task == 7)
        {
          throw std::runtime_error("task 7");
        }
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      });
    };
    EXPECT_THROW(run(), std::runtime_error);
    EXPECT_LT(calls, 1000);
    EXPECT_TRUE(EachOnce(50, threads));
  }
}

TEST(SinkhornParallel, SumsDoNotDependOnTheThreads)
{
  const SizeValueType length = 300000;
  const auto          sum = [=](itk::ThreadIdType threads) {
    return SumOverChunks<double>(length, threads, [](SizeValueType begin, SizeValueType end) {
      double part = 0.0;
      for (SizeValueType i = begin; i < end; ++i)
      {
        part += 1.0 / (1.0 + static_cast<double>(i));
      }
      return part;
    });
  };
  const double expected = sum(1);
  for (const itk::ThreadIdType threads : { 0, 2, 3, 8 })
  {
    EXPECT_EQ(sum(threads), expected);
  }
}

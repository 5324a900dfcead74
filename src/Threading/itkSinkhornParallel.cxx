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

#include "itkMultiThreaderBase.h"
#include "itkThreadPool.h"

#include <hwy/cache_control.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

namespace itk
{
namespace Sinkhorn
{

namespace
{

/** How long a helper looks out for more work before it leaves its thread to the pool: a few times what it takes to wake
 * a sleeping thread, and little enough not to be missed by others. */
constexpr std::chrono::microseconds Patience(200);

/** Looks between two glances at the clock. */
constexpr unsigned int LooksPerGlance = 64;

/** Tasks that are being worked on. It lives on the stack of the thread that has them. */
struct Job
{
  const std::function<void(SizeValueType)> & Function;
  const SizeValueType                        NumberOfTasks;
  unsigned int                               Vacancies;            ///< helpers that may still join
  std::exception_ptr                         Exception;            ///< the first one
  std::atomic<SizeValueType>                 NextTask{ 0 };        ///< not begun yet
  std::atomic<unsigned int>                  NumberOfHelpers{ 0 }; ///< at work now
};

/** \class Crew
 * \brief The helpers, threads of ITK's pool, of all jobs of the process.
 *
 * Nobody ever waits for a thread that has not begun: the thread that has a job works on it until no task is left, and
 * then waits for those helpers only that are at a task. So there is no deadlock, whatever else the pool is busy with.
 */
class Crew
{
public:
  static Crew &
  GetInstance()
  {
    // Never destroyed: helpers may be awake while the process ends.
    static Crew & crew = *new Crew;
    return crew;
  }

  void
  Run(Job & job)
  {
    for (unsigned int helper = this->Recruit(job.Vacancies); helper > 0; --helper)
    {
      ThreadPool::GetInstance()->AddWork([this] { this->Help(); });
    }
    this->Open(job);
    this->Work(job);
    this->Close(job);
    for (unsigned int looks = 1; job.NumberOfHelpers.load(std::memory_order_acquire) > 0; ++looks)
    {
      Wait(looks);
    }
    if (job.Exception)
    {
      std::rethrow_exception(job.Exception);
    }
  }

private:
  /** Returns how many helpers the pool is to send so that there are \a wanted ones. */
  unsigned int
  Recruit(unsigned int wanted)
  {
    const std::lock_guard<std::mutex> lock(m_Mutex);
    const unsigned int                missing = wanted - std::min(wanted, m_NumberOfIdle);
    m_NumberOfIdle += missing;
    return missing;
  }

  void
  Open(Job & job)
  {
    const std::lock_guard<std::mutex> lock(m_Mutex);
    m_Jobs.push_back(&job);
    m_NumberOfJobsOpened.fetch_add(1, std::memory_order_release);
  }

  void
  Close(Job & job)
  {
    const std::lock_guard<std::mutex> lock(m_Mutex);
    m_Jobs.erase(std::find(m_Jobs.begin(), m_Jobs.end(), &job));
  }

  void
  Work(Job & job)
  {
    for (;;)
    {
      const SizeValueType task = job.NextTask.fetch_add(1, std::memory_order_relaxed);
      if (task >= job.NumberOfTasks)
      {
        return;
      }
      try
      {
        job.Function(task);
      }
      catch (...)
      {
        job.NextTask.store(job.NumberOfTasks, std::memory_order_relaxed);
        const std::lock_guard<std::mutex> lock(m_Mutex);
        if (!job.Exception)
        {
          job.Exception = std::current_exception();
        }
      }
    }
  }

  /** What a helper does until nothing has come for a while. */
  void
  Help()
  {
    for (;;)
    {
      uint64_t seen = 0;
      if (Job * const job = this->Join(seen))
      {
        this->Work(*job);
        const std::lock_guard<std::mutex> lock(m_Mutex);
        ++m_NumberOfIdle;
        // From here on the job may be gone.
        job->NumberOfHelpers.fetch_sub(1, std::memory_order_release);
      }
      else if (!this->LookOut(seen) && this->Leave(seen))
      {
        return;
      }
    }
  }

  /** A job that has room for a helper, or null; \a seen becomes the number of jobs opened so far. */
  Job *
  Join(uint64_t & seen)
  {
    const std::lock_guard<std::mutex> lock(m_Mutex);
    seen = m_NumberOfJobsOpened.load(std::memory_order_relaxed);
    for (Job * const job : m_Jobs)
    {
      if (job->Vacancies > 0 && job->NextTask.load(std::memory_order_relaxed) < job->NumberOfTasks)
      {
        --job->Vacancies;
        job->NumberOfHelpers.fetch_add(1, std::memory_order_relaxed);
        --m_NumberOfIdle;
        return job;
      }
    }
    return nullptr;
  }

  /** Waits for another job; false if there was none. */
  bool
  LookOut(uint64_t seen) const
  {
    const auto end = std::chrono::steady_clock::now() + Patience;
    do
    {
      for (unsigned int looks = 1; looks <= LooksPerGlance; ++looks)
      {
        if (m_NumberOfJobsOpened.load(std::memory_order_acquire) != seen)
        {
          return true;
        }
        Wait(looks);
      }
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  /** False if a job has just been opened, which counts on this helper. */
  bool
  Leave(uint64_t seen)
  {
    const std::lock_guard<std::mutex> lock(m_Mutex);
    if (m_NumberOfJobsOpened.load(std::memory_order_relaxed) != seen)
    {
      return false;
    }
    --m_NumberOfIdle;
    return true;
  }

  /** One beat of a busy wait, which now and then offers the processor to others. */
  static void
  Wait(unsigned int looks)
  {
    if (looks % LooksPerGlance == 0)
    {
      std::this_thread::yield();
    }
    else
    {
      hwy::Pause();
    }
  }

  std::mutex            m_Mutex;
  std::vector<Job *>    m_Jobs;
  unsigned int          m_NumberOfIdle{ 0 }; ///< helpers that look out for a job or are on their way
  std::atomic<uint64_t> m_NumberOfJobsOpened{ 0 };
};

} // namespace

void
RunTasks(SizeValueType                              numberOfTasks,
         ThreadIdType                               numberOfWorkUnits,
         const std::function<void(SizeValueType)> & function)
{
  const SizeValueType threads =
    numberOfWorkUnits > 0 ? numberOfWorkUnits : MultiThreaderBase::GetGlobalDefaultNumberOfThreads();
  const SizeValueType helpers = std::min<SizeValueType>(std::min(threads, numberOfTasks) - 1,
                                                        ThreadPool::GetInstance()->GetMaximumNumberOfThreads());
  Job                 job{ function, numberOfTasks, static_cast<unsigned int>(helpers), nullptr };
  Crew::GetInstance().Run(job);
}

} // namespace Sinkhorn
} // namespace itk

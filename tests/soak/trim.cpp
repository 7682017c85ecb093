// SPDX-License-Identifier: MIT
//
// Preloaded into a server that is measured: at SIGUSR1 its allocator gives back to the system what
// it keeps of freed memory, so that what is left is in use. glibc only; without it the signal does
// nothing.
#include <csignal>
#include <thread>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace {

// In a thread of its own: a handler might interrupt the allocator.
const bool started = [] {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  if (pthread_sigmask(SIG_BLOCK, &wanted, nullptr) != 0) return false;
  std::thread([wanted] {
    for (int number = 0;;) {
      if (sigwait(&wanted, &number) != 0) continue;
#if defined(__GLIBC__)
      malloc_trim(0);
#endif
    }
  }).detach();
  return true;
}();

}  // namespace

// SPDX-License-Identifier: MIT
//
// The load of the soak tests; run.py starts it.
//
//   soak_load upstream              prints "upstream on PORT" and answers until it is ended
//   soak_load CASE PORT NAME=N...   herd, slow, vanish, storm, hostile or beside against the server at that port
#include "herd.hpp"
#include "hostile.hpp"
#include "slow.hpp"
#include "storm.hpp"
#include "upstream.hpp"
#include "vanish.hpp"

#include <sys/resource.h>

#include <csignal>

namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 3000)
    soak::give_up("needs 3000 descriptors: ulimit -n");
}

int answer() {
  soak::event_loop loop;
  const soak::upstream upstream(loop);
  std::printf("upstream on %u\n", upstream.port());
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "upstream") return answer();
  void (*const run)(soak::bench&) = name == "herd"      ? soak::herd
                                    : name == "slow"    ? soak::slow
                                    : name == "vanish"  ? soak::vanish
                                    : name == "storm"   ? soak::storm
                                    : name == "hostile" ? soak::hostile
                                    : name == "beside"  ? soak::beside
                                                        : nullptr;
  if (run == nullptr || argc < 3) soak::give_up("usage: CASE PORT NAME=N...");
  soak::parameters given;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t sign = word.find('=');
    if (sign == std::string::npos) soak::give_up("not NAME=N: " + word);
    given[word.substr(0, sign)] = std::strtoull(word.c_str() + sign + 1, nullptr, 10);
  }
  soak::bench on(static_cast<std::uint16_t>(std::atoi(argv[2])), std::move(given));
  run(on);
  return 0;
}

// SPDX-License-Identifier: MIT
//
// The load of the benchmarks: one thread, epoll, no library, so that it costs less than the server
// that is measured. The driver (`run`) starts it and looks at the server wherever it waits.
//
//   load upstream [tls=1 cert=FILE key=FILE]
//                              prints "upstream on PORT" and answers until it is ended
//   load CASE PORT NAME=N...   a case, against the server on the port; each is said where it stands
//
//   load sockets PORT upstream=PORT
//                              what the kernel holds for the server's connections, at once
//
// All cases: token=... (Authorization: Bearer), one_by_one=1 (gives up when tokens are merged),
// tls=1 (when built with -DBENCH_TLS=1 and linked with -lssl -lcrypto). All give up, with what was
// wrong, when an answer is not the one that it has to be.
#include "load/churn.hpp"
#include "load/idle.hpp"
#include "load/queries.hpp"
#include "load/relay.hpp"
#include "load/scale.hpp"
#include "load/slow.hpp"
#include "load/sockets.hpp"
#include "load/storm.hpp"
#include "load/upstream.hpp"

#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

struct known_case {
  std::string_view name;
  void (*run)(std::uint16_t, const load::parameters&);
};
constexpr known_case cases[] = {
    {"idle", load::idle},       {"relay", load::relay}, {"paced", load::paced},
    {"queries", load::queries}, {"turns", load::turns}, {"churn", load::churn},
    {"slow", load::slow},       {"storm", load::storm}, {"sockets", load::sockets},
    {"scale", load::scale}};

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "upstream") {
    const load::parameters given(argc - 2, argv + 2);
    const bool is_tls = given.number_or("tls", 0) != 0;
#if BENCH_TLS
    if (is_tls)
      load::tls_context::of_servers().use_certificate(given.text("cert"), given.text("key"));
#endif
    load::upstream model(is_tls);
    std::printf("upstream on %u\n", model.port());
    std::fflush(stdout);
    model.run();
  }
  for (const known_case& each : cases) {
    if (each.name != name || argc < 3) continue;
    each.run(static_cast<std::uint16_t>(std::atoi(argv[2])), load::parameters(argc - 3, argv + 3));
    return 0;
  }
  soak::give_up("usage: load upstream, or load CASE PORT NAME=N...");
}

// SPDX-License-Identifier: MIT
//
// The full server: every option from the environment or a file, the chat page at /, and, as long as there is no key, a
// demo model of its own that speaks the same API as OpenRouter.
#include <agent_websocket.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

#include "demo/stand_in.hpp"
#include "tools/agent_tools.hpp"
#include "web/chat_page.hpp"
#include "web/client_module.hpp"
#include "web/text_module.hpp"

namespace {

constexpr std::string_view usage =
    "Usage: server [options]\n"
    "Serves an LLM agent over WebSocket, with a chat page at /.\n"
    "\n"
    "  --env-file FILE       read variables from FILE; the environment wins\n"
    "  --check-config        check the settings and exit\n"
    "  --export ID|all       print a session of STORE=sqlite:FILE, or all, as JSON Lines, and exit; works\n"
    "                        beside a running server\n"
    "  --demo-upstream PORT  run only the demo model (OpenRouter's API) on 127.0.0.1:PORT; 0 takes any\n"
    "  --demo-tools          give the model a clock, a calculator and questions to you\n"
    "  --workers N           N processes (1 to 64) on the one port; SIGHUP restarts them one after the other\n"
    "  --files FOLDER        let the model list and read files of FOLDER, when a person agrees\n"
    "  --help, -h            print this\n"
    "  --version             print the version\n"
    "\n"
    "Without OPENROUTER_API_KEY and OPENROUTER_BASE_URL a demo model answers.\n"
    "\n"
    "Variables (default), from the environment:\n";

struct arguments {
  std::string env_file;
  bool check_only = false;
  std::optional<std::string> exported;  // id of a session, or "all"
  std::optional<unsigned short> demo_port;
  bool demo_tools = false;
  std::optional<example_tools::folder> files;
  unsigned workers = 0;               // 0: none, this process serves
  std::vector<std::string> command;  // as this program was called
};

void print_help() {
  std::cout << usage;
  for (const auto& variable : agent_websocket::option_variables()) {
    std::cout << "  " << variable.name;
    if (!variable.default_text.empty()) std::cout << " (" << variable.default_text << ')';
    std::cout << "\n      " << variable.meaning << '\n';
  }
}

int complain(const std::string& what) {
  std::cerr << "server: " << what << "\nTry: server --help\n";
  return 2;
}

/// A file that may not grow is an error of its store, not the end of the program.
void ignore_file_size_signal() {
#if defined(SIGXFSZ)
  std::signal(SIGXFSZ, SIG_IGN);
#endif
}

/// As many sockets as the system lets this process have; the usual soft limit is a thousand.
void raise_descriptor_limit() {
#if defined(__unix__) || defined(__APPLE__)
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // where it fails the old limit stays
#endif
}

int run_demo_upstream(unsigned short port) {
  asio::io_context io(1);
  demo::upstream_options options;
  options.port = port;
  demo::upstream upstream(io, options);
  if (const auto started = upstream.start(); !started) {
    std::cerr << "server: " << started.error().message << '\n';
    return 1;
  }
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](std::error_code, int) { io.stop(); });
  std::cout << "demo upstream on " << upstream.base_url() << std::endl;
  io.run();
  return 0;
}

/// What a person needs to know, once it listens.
void print_addresses(const agent_websocket::options& options, unsigned port, bool demo) {
  const std::string host = options.host.empty() || options.host == "0.0.0.0" || options.host == "::" ? "localhost"
                           : options.host.find(':') != std::string::npos ? "[" + options.host + "]"
                                                                         : options.host;
  const std::string authority = host + ":" + std::to_string(port);
  const std::string s = options.access.has_tls() ? "s" : "";
  std::cout << "listening on http" << s << "://" << authority << "/\n"
            << "chat page:    http" << s << "://" << authority << "/\n"
            << "from a shell: npx wscat -c ws" << s << "://" << authority << options.socket_path() << '\n';
  if (demo) std::cout << "demo model, set OPENROUTER_API_KEY for a real one\n";
  std::cout << std::flush;
}

/// `text` lives as long as the program.
void serve_module(agent_websocket::server& server, const std::string& path, std::string_view text) {
  server.router().on_http("GET", path, [text](const auto&) {
    agent_websocket::http::response module;
    module.headers.add("Content-Type", "text/javascript; charset=utf-8");
    module.headers.add("X-Content-Type-Options", "nosniff");
    module.headers.add("Cache-Control", "no-cache");
    module.body = std::string(text);
    return module;
  });
}

/// Reads the file of STORE=sqlite:FILE, and changes nothing in it.
int print_sessions([[maybe_unused]] const agent_websocket::options& options,
                   [[maybe_unused]] const std::string& which) {
#if AGENT_WEBSOCKET_WITH_SQLITE
  constexpr std::string_view scheme = "sqlite:";
  if (options.store.compare(0, scheme.size(), scheme) != 0)
    return complain("--export reads a file of SQLite: set STORE=sqlite:FILE");
  const auto printed = agent_websocket::adapters::export_sessions(
      options.store.substr(scheme.size()), which == "all" ? std::string() : which, std::cout);
  std::cout << std::flush;
  if (printed) return 0;
  std::cerr << "server: " << printed.error().message << '\n';
  return printed.error().code == agent_websocket::errc::bad_configuration ? 2 : 1;
#else
  return complain("--export: this program was compiled without SQLite");
#endif
}

/// Where a worker finds the demo upstream, which all share.
constexpr const char* demo_variable = "AGENT_WEBSOCKET_DEMO_UPSTREAM";

/// Several processes: this one starts and watches them.
int supervise(const agent_websocket::options& options, bool demo, const arguments& given) {
  asio::io_context io(1);
  demo::upstream upstream(io);
  agent_websocket::supervisor_settings how;
  how.workers = given.workers;
  how.command = given.command;
  if (demo) {
    if (const auto started = upstream.start(); !started) {
      std::cerr << "server: " << started.error().message << '\n';
      return 1;
    }
    how.environment.emplace_back(demo_variable, upstream.base_url());
  }
  agent_websocket::supervisor supervisor(options, std::move(how), io);
  if (const auto started = supervisor.start(); !started) {
    std::cerr << "server: " << started.error().message << '\n';
    return started.error().code == agent_websocket::errc::bad_configuration ? 2 : 1;
  }
  return supervisor.run([&] { print_addresses(options, supervisor.port(), demo); });
}

/// `link` is there in a worker.
int serve(agent_websocket::options options, bool demo, const arguments& given,
          std::optional<agent_websocket::worker_link> link) {
  asio::io_context io(1);
  demo::upstream upstream(io);
  if (const char* const shared = link && demo ? std::getenv(demo_variable) : nullptr) {
    demo::stand_in(options, shared);
  } else if (demo) {
    if (const auto started = demo::stand_in(options, upstream); !started) {
      std::cerr << "server: " << started.error().message << '\n';
      return 1;
    }
  }

  agent_websocket::server server(std::move(options), io);
  const bool worker = link.has_value();
  if (link) server.join(std::move(*link));
  server.router().on_http("GET", "/", [](const auto&) {
    auto page = agent_websocket::http::response::html(std::string(chat_page()));
    page.headers.add("Content-Security-Policy",
                     "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
                     "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    page.headers.add("X-Content-Type-Options", "nosniff");
    page.headers.add("Cache-Control", "no-cache");
    return page;
  });
  serve_module(server, "/answer-text.js", text_module());
  serve_module(server, "/agent-websocket.js", client_module());
  server.router().on_command(
      "time", [](auto& session, const auto& command) {
        session.reply(command, agent_websocket::to_iso8601(std::chrono::system_clock::now()));
      },
      "tells the server's time (UTC)");
  if (given.demo_tools) {
    example_tools::add_clock(server);
    example_tools::add_calculator(server);
    example_tools::add_question(server);
  }
  if (given.files) example_tools::add_files(server, *given.files);

  if (const auto started = server.start(); !started) {
    std::cerr << "server: " << started.error().message << '\n';
    return started.error().code == agent_websocket::errc::bad_configuration ? 2 : 1;
  }
  return server.run([&] {
    if (!worker) print_addresses(server.settings(), server.port(), demo);
  })
             ? 0
             : 1;
}

}  // namespace

int main(int argc, char** argv) {
  arguments given;
  given.command.assign(argv, argv + argc);
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> std::optional<std::string> {
      if (i + 1 >= argc) return std::nullopt;
      return std::string(argv[++i]);
    };
    if (name == "--help" || name == "-h") {
      print_help();
      return 0;
    } else if (name == "--version") {
      std::cout << "agent_websocket " AGENT_WEBSOCKET_VERSION_STRING "\n";
      return 0;
    } else if (name == "--check-config") {
      given.check_only = true;
    } else if (name == "--env-file") {
      const auto file = value();
      if (!file) return complain("--env-file needs the name of a file");
      given.env_file = *file;
    } else if (name == "--export") {
      given.exported = value();
      if (!given.exported) return complain("--export needs the id of a session, or all");
    } else if (name == "--demo-tools") {
      given.demo_tools = true;
    } else if (name == "--files") {
      const auto path = value();
      if (!path) return complain("--files needs the name of a folder");
      const auto folder = example_tools::folder::open(*path);
      if (!folder) return complain(folder.error().message);
      given.files = *folder;
    } else if (name == "--workers") {
      const auto text = value();
      const bool digits = text && !text->empty() && text->size() < 4 &&
                          text->find_first_not_of("0123456789") == std::string::npos;
      const long number = digits ? std::strtol(text->c_str(), nullptr, 10) : 0;
      if (number < 1 || number > static_cast<long>(agent_websocket::max_workers))
        return complain("--workers needs a number from 1 to " + std::to_string(agent_websocket::max_workers) +
                        (text ? ", not " + *text : ""));
      given.workers = static_cast<unsigned>(number);
    } else if (name == "--demo-upstream") {
      const auto text = value();
      const long port = text ? std::strtol(text->c_str(), nullptr, 10) : -1;
      const bool digits = text && !text->empty() && text->find_first_not_of("0123456789") == std::string::npos;
      if (!digits || port > 65535) return complain("--demo-upstream needs a port from 0 to 65535");
      given.demo_port = static_cast<unsigned short>(port);
    } else {
      return complain("unknown argument: " + std::string(name));
    }
  }
  raise_descriptor_limit();
  ignore_file_size_signal();
  if (given.demo_port) return run_demo_upstream(*given.demo_port);

  auto options = agent_websocket::options::from_environment(given.env_file);
  if (!options) {
    std::cerr << "server: " << options.error().message << '\n';
    return 2;
  }
  if (given.exported) return print_sessions(*options, *given.exported);
  const bool demo = demo::is_needed(*options);
  auto complete = *options;
  if (demo) complete.base_url = "http://localhost/v1";  // which will need no key
  if (const auto right = complete.check(); !right) {
    std::cerr << "server: " << right.error().message << '\n';
    return 2;
  }
  if (const auto checked = agent_websocket::server::check_certificates(*options); !checked) {
    std::cerr << "server: " << checked.error().message << '\n';
    return 2;
  }
  if (const auto checked = agent_websocket::check_store(*options); !checked) {
    std::cerr << "server: " << checked.error().message << '\n';
    return 2;
  }
  if (given.workers > 0) {
    if (const auto checked = agent_websocket::check_workers(*options, given.workers); !checked) {
      std::cerr << "server: " << checked.error().message << '\n';
      return 2;
    }
  }
  if (given.check_only) {
    const auto authenticator = agent_websocket::make_authenticator(options->access, {});
    const auto checked = authenticator ? agent_websocket::check_exposure(*options, lets_everybody_in(*authenticator))
                                       : authenticator.error();
    if (!checked) {
      std::cerr << "server: " << checked.error().message << '\n';
      return 2;
    }
    std::cout << "the settings are right" << (demo ? "; the demo model will answer" : "") << '\n';
    return 0;
  }
  auto link = agent_websocket::worker_link::from_environment();
  if (given.workers > 0 && !link) return supervise(*options, demo, given);
  return serve(std::move(*options), demo, given, std::move(link));
}

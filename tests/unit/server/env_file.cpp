// SPDX-License-Identifier: MIT
#include <agent_websocket/server/env_file.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::parse_env_file;

namespace {

/// The value of A in a file; "(none)" without one, the error's words when the file is wrong.
std::string value_of_a(std::string_view text) {
  const auto parsed = parse_env_file(text);
  if (!parsed) {
    CHECK(parsed.error().code == errc::bad_configuration);
    return parsed.error().message;
  }
  const auto found = parsed->find("A");
  return found == parsed->end() ? "(none)" : found->second;
}

}  // namespace

TEST_CASE("env_file: names and values, line by line") {
  const auto parsed =
      parse_env_file("MODEL=openai/gpt-4o\nPORT = 8080 \n_x9=\nUrl=http://h:1/a=b?c\n");
  REQUIRE(parsed);
  const std::map<std::string, std::string> wanted{
      {"MODEL", "openai/gpt-4o"}, {"PORT", "8080"}, {"_x9", ""}, {"Url", "http://h:1/a=b?c"}};
  CHECK(*parsed == wanted);
}

TEST_CASE("env_file: nothing, blank lines and comments") {
  CHECK(parse_env_file("")->empty());
  CHECK(parse_env_file("\n\n  \n\t\n")->empty());
  CHECK(parse_env_file("# A=1\n  # A=2\n#")->empty());
  CHECK(value_of_a("# first\n\nA=1\n# last") == "1");
}

TEST_CASE("env_file: the last line needs no end, the last of two values counts") {
  CHECK(value_of_a("A=1") == "1");
  CHECK(value_of_a("A=1\nA=2\n") == "2");
}

TEST_CASE("env_file: export, CRLF and a byte order mark") {
  CHECK(value_of_a("export A=1\n") == "1");
  CHECK(value_of_a("  export   A=1\n") == "1");
  CHECK(value_of_a("B=0\r\nA=1\r\n") == "1");
  CHECK(value_of_a("A='1'\r\n") == "1");
  CHECK(value_of_a("\xEF\xBB\xBF"
                   "A=1\n") == "1");
  CHECK(value_of_a("\xEF\xBB\xBF"
                   "export A=1\n") == "1");
  CHECK(value_of_a("\xEF\xBB\xBF"
                   "# comment\nA=1\n") == "1");
  CHECK(value_of_a("exported=0\nA=1\n") == "1");
}

TEST_CASE("env_file: quotes") {
  CHECK(value_of_a(R"(A="two words")") == "two words");
  CHECK(value_of_a(R"(A='two words')") == "two words");
  CHECK(value_of_a(R"(A="")") == "");
  CHECK(value_of_a(R"(A='')") == "");
  CHECK(value_of_a(R"(A="  kept  ")") == "  kept  ");
  CHECK(value_of_a(R"(A="# no comment")") == "# no comment");
  CHECK(value_of_a(R"(A='a # b' # comment)") == "a # b");
  CHECK(value_of_a(R"(A="x"   )") == "x");
  CHECK(value_of_a(R"(A="it's")") == "it's");
  CHECK(value_of_a(R"(A='say "x"')") == "say \"x\"");
  CHECK(value_of_a(R"(A=it's)") == "it's");
}

TEST_CASE("env_file: escapes stand in double quotes only") {
  CHECK(value_of_a(R"(A="a\nb")") == "a\nb");
  CHECK(value_of_a(R"(A="a\"b")") == "a\"b");
  CHECK(value_of_a(R"(A="a\\b")") == "a\\b");
  CHECK(value_of_a(R"(A="a\\nb")") == "a\\nb");
  CHECK(value_of_a(R"(A='a\nb')") == "a\\nb");
  CHECK(value_of_a(R"(A=a\nb)") == "a\\nb");
  CHECK(value_of_a(R"(A='C:\dir\')") == "C:\\dir\\");
}

TEST_CASE("env_file: without quotes a blank and a # begin a comment") {
  CHECK(value_of_a("A=1 # one") == "1");
  CHECK(value_of_a("A=a#b") == "a#b");
  CHECK(value_of_a("A=#b") == "#b");
  CHECK(value_of_a("A=a b c") == "a b c");
  // As in a template that nobody has filled in yet.
  CHECK(value_of_a("A= # get one at https://openrouter.ai/keys") == "");
  CHECK(value_of_a("A=  # nothing") == "");
}

TEST_CASE("env_file: nothing is substituted or run") {
  CHECK(value_of_a("B=1\nA=$B ${B} $(id) `id`") == "$B ${B} $(id) `id`");
  CHECK(value_of_a(R"(A="$B")") == "$B");
}

TEST_CASE("env_file: what is wrong is told with its line, and without the value") {
  struct row {
    std::string text;
    std::string start;
  };
  const row rows[] = {
      {"A=1\nnonsense\n", "line 2: "},         {"\n\n\nexport\n", "line 4: "},
      {"# c\r\n\r\nA B=1\r\n", "line 3: "},    {"A-B=secret-value\n", "line 1: "},
      {"=secret-value\n", "line 1: "},         {"export =secret-value\n", "line 1: "},
      {"B=0\nA=\"secret-value\n", "line 2: "}, {"B=0\nA='secret-value", "line 2: "},
      {"A=\"secret-value\\\"", "line 1: "},    {"A=\"secret\"-value\n", "line 1: "},
      {"A='secret' 'value'\n", "line 1: "},    {"\xC3\x84=secret-value\n", "line 1: "},
  };
  for (const row& each : rows) {
    CAPTURE(each.text);
    const auto parsed = parse_env_file(each.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == errc::bad_configuration);
    CHECK(parsed.error().message.substr(0, each.start.size()) == each.start);
    CHECK(parsed.error().message.size() > each.start.size());
    CHECK(parsed.error().message.find("secret") == std::string::npos);
  }
}

TEST_CASE("env_file: whatever bytes come, the answer is variables or an error") {
  std::mt19937 random(11);
  constexpr std::string_view bytes = "A_=\"'\\# \t\r\nexport\xEF\xBB\xBF\0z";
  std::size_t good = 0, bad = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::uint32_t length = static_cast<std::uint32_t>(random()) % 24; length > 0; --length) {
      text.push_back(bytes[random() % bytes.size()]);
    }
    ++(parse_env_file(text) ? good : bad);
  }
  CHECK(good > 100u);
  CHECK(bad > 1000u);
}

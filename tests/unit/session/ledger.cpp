// SPDX-License-Identifier: MIT
#include <agent_websocket/session/ledger.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using agent_websocket::ledger;

using texts = std::vector<std::string>;

TEST_CASE("ledger: is off by default, and then nothing waits") {
  ledger book;
  CHECK_FALSE(book.is_on());
  CHECK_FALSE(book.has_fresh());
  CHECK(book.made() == 0u);
  CHECK(book.kept() == 0u);
  CHECK(book.all_kept());
  CHECK_FALSE(book.is_failing());
  book.turn_on();
  CHECK(book.is_on());
  CHECK(book.all_kept());
}

TEST_CASE("ledger: gives its records out once, in their order") {
  ledger book;
  book.turn_on();
  book.add("a");
  book.add("b");
  CHECK(book.has_fresh());
  CHECK(book.take_fresh() == texts{"a", "b"});
  CHECK_FALSE(book.has_fresh());
  CHECK(book.take_fresh().empty());
  book.add("c");
  CHECK(book.take_fresh() == texts{"c"});
  CHECK(book.made() == 3u);
}

TEST_CASE("ledger: counts what was made and what is kept, whether it was taken or not") {
  ledger book;
  book.turn_on();
  for (const char* each : {"a", "b", "c"}) book.add(each);
  CHECK(book.made() == 3u);
  CHECK(book.kept() == 0u);
  CHECK_FALSE(book.all_kept());
  book.confirm(2);
  CHECK(book.kept() == 2u);
  CHECK_FALSE(book.all_kept());
  book.confirm(1);  // an older word takes nothing back
  CHECK(book.kept() == 2u);
  book.confirm(3);
  CHECK(book.all_kept());
  CHECK(book.take_fresh().size() == 3u);
  book.add("d");
  CHECK_FALSE(book.all_kept());
}

TEST_CASE("ledger: begins where the records of another process end") {
  ledger book;
  book.turn_on();
  book.begin_at(7);
  CHECK(book.made() == 7u);
  CHECK(book.kept() == 7u);
  CHECK(book.all_kept());
  CHECK_FALSE(book.has_fresh());
  book.add("h");
  CHECK(book.made() == 8u);
  CHECK_FALSE(book.all_kept());
}

TEST_CASE("ledger: fails until something is kept again") {
  ledger book;
  book.turn_on();
  book.add("a");
  book.fail();
  CHECK(book.is_failing());
  book.fail();
  book.add("b");
  CHECK(book.is_failing());
  book.confirm(1);
  CHECK_FALSE(book.is_failing());
  CHECK_FALSE(book.all_kept());
}

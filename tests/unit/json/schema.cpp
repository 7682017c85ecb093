// SPDX-License-Identifier: MIT
#include <agent_websocket/json/schema.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::json::document;
using agent_websocket::json::schema;

namespace {

/// The sentence, "" when it fits, or why the schema was refused.
std::string judged(std::string_view schema_text, std::string_view arguments) {
  const auto compiled = schema::compile(schema_text);
  if (!compiled) return compiled.error().message;
  document parsed;
  REQUIRE(parsed.parse(arguments));
  return compiled->violation(parsed.root()).value_or("");
}

struct row {
  const char* schema;
  const char* arguments;
  const char* sentence;  // "": they fit
};

const row rows[] = {
    // the schema itself
    {"true", "1", ""},
    {"{}", "null", ""},
    {"false", "1", "the arguments must not be given"},
    {R"({"description":"x","title":"y","default":3,"examples":[1],"format":"date"})", "1", ""},
    {R"({"pattern":"^a","patternProperties":{"(":1},"if":3,"$schema":"x","$id":"u"})", "\"b\"", ""},

    // type
    {R"({"type":"object"})", "{}", ""},
    {R"({"type":"object"})", "[]", "the arguments must be an object, not an array"},
    {R"({"type":"object"})", "\"{}\"", "the arguments must be an object, not a string"},
    {R"({"type":"array"})", "[]", ""},
    {R"({"type":"array"})", "{}", "the arguments must be an array, not an object"},
    {R"({"type":"string"})", "\"\"", ""},
    {R"({"type":"string"})", "0", "the arguments must be a string, not a number"},
    {R"({"type":"boolean"})", "false", ""},
    {R"({"type":"boolean"})", "0", "the arguments must be a boolean, not a number"},
    {R"({"type":"null"})", "null", ""},
    {R"({"type":"null"})", "false", "the arguments must be null, not a boolean"},
    {R"({"type":"number"})", "1", ""},
    {R"({"type":"number"})", "-1.5e3", ""},
    {R"({"type":"number"})", "\"1\"", "the arguments must be a number, not a string"},
    {R"({"type":"integer"})", "1", ""},
    {R"({"type":"integer"})", "1.0", ""},
    {R"({"type":"integer"})", "-0.0", ""},
    {R"({"type":"integer"})", "1.5e1", ""},
    {R"({"type":"integer"})", "1e300", ""},
    {R"({"type":"integer"})", "123456789012345678901234567890", ""},
    {R"({"type":"integer"})", "1.5", "the arguments must be an integer, not 1.5"},
    {R"({"type":"integer"})", "1e-1", "the arguments must be an integer, not 1e-1"},
    {R"({"type":"integer"})", "\"1\"", "the arguments must be an integer, not a string"},
    {R"({"type":"integer"})", "null", "the arguments must be an integer, not null"},
    {R"({"type":["string","null"]})", "null", ""},
    {R"({"type":["null","string"]})", "1", "the arguments must be a string or null, not a number"},
    {R"({"type":["integer","string","null"]})", "2", ""},
    {R"({"type":["integer","string","null"]})", "true",
     "the arguments must be a string, an integer or null, not a boolean"},
    {R"({"type":["integer","number"]})", "2.5", ""},

    // places
    {R"({"properties":{"city":{"type":"string"}}})", R"({"city":3})",
     "`city` must be a string, not a number"},
    {R"({"properties":{"options":{"properties":{"size":{"type":"integer"}}}}})",
     R"({"options":{"size":"big"}})", "`options.size` must be an integer, not a string"},
    {R"({"properties":{"list":{"items":{"type":"number"}}}})", R"({"list":[1,2,"3"]})",
     "`list[2]` must be a number, not a string"},
    {R"({"items":{"items":{"properties":{"a b":{"type":"null"}}}}})", R"([[],[{},{"a b":1}]])",
     "`[1][1][\"a b\"]` must be null, not a number"},
    {R"({"properties":{"":{"type":"null"}}})", R"({"":1})", "`[\"\"]` must be null, not a number"},

    // properties, required, additionalProperties
    {R"({"properties":{"a":{"type":"string"}}})", R"({"b":1})", ""},
    {R"({"properties":{"a":{"type":"string"}}})", "[1]", ""},
    {R"({"properties":{"a":false}})", R"({"a":1})", "`a` must not be given"},
    {R"({"required":["a","b"]})", R"({"b":null,"a":1})", ""},
    {R"({"required":["a","b"]})", R"({"a":1})", "`b` is missing: it is required"},
    {R"({"required":["a"]})", "3", ""},
    {R"({"required":[]})", "{}", ""},
    {R"({"required":["a"],"required":["b"]})", R"({"b":1})", ""},
    {R"({"properties":{"a":{"type":"null"}}})", R"({"a":1,"a":null})",
     "`a` must be null, not a number"},
    {R"({"properties":{"o":{"required":["size"]}}})", R"({"o":{}})",
     "`o.size` is missing: it is required"},
    {R"({"additionalProperties":false})", "{}", ""},
    {R"({"additionalProperties":false})", R"({"a":1})", "`a` is not known"},
    {R"({"properties":{"a":{},"b":{}},"additionalProperties":false})", R"({"a":1,"c":2})",
     "`c` is not known; known are `a`, `b`"},
    {R"({"properties":{"a":{}},"additionalProperties":true})", R"({"a":1,"c":2})", ""},
    {R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})", R"({"a":1,"c":"x"})",
     ""},
    {R"({"properties":{"a":{}},"additionalProperties":{"type":"string"}})", R"({"a":1,"c":2})",
     "`c` must be a string, not a number"},
    {R"({"minProperties":1})", "{}", "the arguments must have at least 1 member, not 0"},
    {R"({"maxProperties":1})", R"({"a":1,"b":2})",
     "the arguments must have at most 1 member, not 2"},
    {R"({"minProperties":1,"maxProperties":2})", R"({"a":1,"b":2})", ""},

    // arrays
    {R"({"items":false})", "[]", ""},
    {R"({"items":false})", "[1]", "`[0]` must not be given"},
    {R"({"items":{"type":"string"}})", R"(["a",1])", "`[1]` must be a string, not a number"},
    {R"({"prefixItems":[{"type":"string"},{"type":"number"}]})", R"(["a",1,null])", ""},
    {R"({"prefixItems":[{"type":"string"},{"type":"number"}]})", R"(["a"])", ""},
    {R"({"prefixItems":[{"type":"string"},{"type":"number"}]})", R"(["a","b"])",
     "`[1]` must be a number, not a string"},
    {R"({"prefixItems":[true],"items":{"type":"null"}})", "[1,null,2]",
     "`[2]` must be null, not a number"},
    {R"({"items":[{"type":"string"}],"additionalItems":false})", R"(["a",1])",
     "`[1]` must not be given"},
    {R"({"items":{"type":"number"},"additionalItems":false})", "[1,2]", ""},
    {R"({"minItems":2})", "[1]", "the arguments must have at least 2 items, not 1"},
    {R"({"maxItems":1})", "[1,2]", "the arguments must have at most 1 item, not 2"},
    {R"({"minItems":1.0,"maxItems":2})", "[1,2]", ""},
    {R"({"uniqueItems":true})", R"([1,"1",true,null,[1],{"a":1},[[1]]])", ""},
    {R"({"uniqueItems":true})", "[3,1,2,1.0]",
     "the arguments must not have an item twice: [3] is equal to [1]"},
    {R"({"uniqueItems":true})", R"([{"a":1,"b":[2]},{"b":[2.0],"a":1}])",
     "the arguments must not have an item twice: [1] is equal to [0]"},
    {R"({"uniqueItems":false})", "[1,1]", ""},

    // strings: characters, not bytes
    {R"({"minLength":2})", "\"\xC3\xA9\"", "the arguments must have at least 2 characters, not 1"},
    {R"({"maxLength":2})", "\"\xC3\xA9\xF0\x9F\x98\x80\"", ""},
    {R"({"maxLength":1})", R"("\ud83d\ude00")", ""},
    {R"({"maxLength":1})", "\"ab\"", "the arguments must have at most 1 character, not 2"},
    {R"({"minLength":2})", "1", ""},

    // numbers, exactly
    {R"({"minimum":0})", "0", ""},
    {R"({"minimum":0})", "-1", "the arguments must be at least 0, not -1"},
    {R"({"maximum":10})", "10.0", ""},
    {R"({"maximum":10})", "10.01", "the arguments must be at most 10, not 10.01"},
    {R"({"exclusiveMinimum":0})", "0", "the arguments must be more than 0, not 0"},
    {R"({"exclusiveMinimum":0})", "1e-300", ""},
    {R"({"exclusiveMaximum":-0.5})", "-0.5", "the arguments must be less than -0.5, not -0.5"},
    {R"({"minimum":5,"exclusiveMinimum":true})", "5", "the arguments must be more than 5, not 5"},
    {R"({"minimum":5,"exclusiveMinimum":false})", "5", ""},
    {R"({"maximum":9007199254740992})", "9007199254740993",
     "the arguments must be at most 9007199254740992, not 9007199254740993"},
    {R"({"maximum":1e300})", "1e301", "the arguments must be at most 0.1e301, not 1e301"},
    {R"({"multipleOf":0.1})", "0.3", ""},
    {R"({"multipleOf":0.01})", "19.99", ""},
    {R"({"multipleOf":0.5})", "0.75", "the arguments must be a multiple of 0.5, not 0.75"},
    {R"({"multipleOf":3})", "-9e2", ""},
    {R"({"multipleOf":7})", "1e300", "the arguments must be a multiple of 7, not 1e300"},
    {R"({"multipleOf":3})", "0", ""},
    {R"({"minimum":1})", "\"0\"", ""},

    // enum, const
    {R"({"enum":["a",1,null,[1],{"a":1}]})", "1.0", ""},
    {R"({"enum":["a",1,null,[1],{"a":1,"b":2}]})", R"({"b":2.0,"a":1})", ""},
    {R"({"enum":["celsius","fahrenheit"]})", "\"kelvin\"",
     R"(the arguments must be one of "celsius", "fahrenheit", not "kelvin")"},
    {R"({"enum":["a"]})", "{}", R"(the arguments must be "a", not an object)"},
    {R"({"enum":[1]})", "true", "the arguments must be 1, not true"},
    {R"({"const":{"a":[1]}})", R"({"a":[1.0]})", ""},
    {R"({"const":null})", "0", "the arguments must be null, not 0"},

    // combinations
    {R"({"allOf":[{"type":"string"},{"minLength":2}]})", "\"ab\"", ""},
    {R"({"allOf":[{"type":"string"},{"minLength":2}]})", "\"a\"",
     "the arguments must have at least 2 characters, not 1"},
    {R"({"anyOf":[{"type":"string"},{"type":"number"}]})", "1", ""},
    {R"({"anyOf":[{"type":"string"},{"type":"number"}]})", "null",
     "the arguments must fit one of 2 alternatives; for the nearest, the arguments must be a "
     "string, "
     "not null"},
    {R"({"anyOf":[{"type":"string"},{"properties":{"a":{"type":"null"}},"required":["a"]}]})",
     R"({"a":1})",
     "the arguments must fit one of 2 alternatives; for the nearest, `a` must be null, not a "
     "number"},
    {R"({"anyOf":[{"type":"string"}]})", "1", "the arguments must be a string, not a number"},
    {R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", "1", ""},
    {R"({"oneOf":[{"type":"integer"},{"minimum":2}]})", "2.5", ""},
    {R"({"oneOf":[{"type":"string"},{"type":"integer"},{"minimum":2}]})", "3",
     "the arguments must fit exactly one alternative, not both number 2 and number 3"},
    {R"({"oneOf":[{"type":"null"},{"minimum":2}]})", "1",
     "the arguments must fit one of 2 alternatives; for the nearest, the arguments must be null, "
     "not "
     "a number"},
    {R"({"not":{"type":"string"}})", "1", ""},
    {R"({"not":{"type":"string"}})", "\"a\"", "the arguments must not be \"a\""},
    {R"({"not":{"required":["a"]}})", R"({"a":1})", "the arguments must not be such an object"},
    {R"({"not":false})", "1", ""},

    // nullable
    {R"({"type":"string","nullable":true})", "null", ""},
    {R"({"type":"string","enum":["a"],"nullable":true})", "null", ""},
    {R"({"type":"string","nullable":false})", "null", "the arguments must be a string, not null"},

    // references
    {R"({"$defs":{"n":{"type":"number"}},"$ref":"#/$defs/n"})", "1", ""},
    {R"({"definitions":{"n":{"type":"number"}},"items":{"$ref":"#/definitions/n"}})", "[\"a\"]",
     "`[0]` must be a number, not a string"},
    {R"({"$defs":{"n":{"type":"number"}},"$ref":"#/$defs/n","minimum":2})", "1",
     "the arguments must be at least 2, not 1"},
    {R"({"$defs":{"a/b~c d":{"type":"null"}},"$ref":"#/$defs/a~1b~0c%20d"})", "1",
     "the arguments must be null, not a number"},
    {R"({"properties":{"a":{"type":"null"},"b":{"$ref":"#/properties/a"}}})", R"({"b":1})",
     "`b` must be null, not a number"},
    {R"({"properties":{"child":{"$ref":"#"}},"additionalProperties":false})",
     R"({"child":{"child":{}}})", ""},
    {R"({"properties":{"child":{"$ref":"#"}},"additionalProperties":false})",
     R"({"child":{"child":{"x":1}}})", "`child.child.x` is not known; known are `child`"},
    {R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"array","items":{"$ref":"#/$defs/tree"}}}})",
     "[[],[[[1]]]]", "`[1][0][0][0]` must be an array, not a number"},
};

struct refusal {
  const char* schema;
  const char* words;
};

const refusal refusals[] = {
    {"1", "The schema must be an object, true or false, not 1"},
    {"[]", "The schema must be an object, true or false, not an array"},
    {"\"object\"", "The schema must be an object, true or false, not \"object\""},
    {R"({"type":"strin"})",
     "The schema is wrong: `/type` must be null, boolean, object, array, number, string, integer "
     "or a list of these, not \"strin\""},
    {R"({"type":3})",
     "The schema is wrong: `/type` must be null, boolean, object, array, number, string, integer "
     "or a list of these, not 3"},
    {R"({"type":[]})",
     "The schema is wrong: `/type` must be the name of a type or a list of them, not an array"},
    {R"({"type":["string",["number"]]})",
     "The schema is wrong: `/type` must be a list of names of types, not an array"},
    {R"({"properties":{"a":{"minLength":"3"}}})",
     "The schema is wrong: `/properties/a/minLength` must be an integer of at least 0, not \"3\""},
    {R"({"maxItems":-1})",
     "The schema is wrong: `/maxItems` must be an integer of at least 0, not -1"},
    {R"({"maxItems":1.5})",
     "The schema is wrong: `/maxItems` must be an integer of at least 0, not 1.5"},
    {R"({"minimum":"0"})", "The schema is wrong: `/minimum` must be a number, not \"0\""},
    {R"({"minimum":true})", "The schema is wrong: `/minimum` must be a number, not true"},
    {R"({"exclusiveMinimum":null})",
     "The schema is wrong: `/exclusiveMinimum` must be a number, not null"},
    {R"({"multipleOf":0})",
     "The schema is wrong: `/multipleOf` must be a number above 0 of at most 18 digits, not 0"},
    {R"({"multipleOf":-2})",
     "The schema is wrong: `/multipleOf` must be a number above 0 of at most 18 digits, not -2"},
    {R"({"multipleOf":1234567890123456789})",
     "The schema is wrong: `/multipleOf` must be a number above 0 of at most 18 digits, not "
     "1234567890123456789"},
    {R"({"multipleOf":"2"})", "The schema is wrong: `/multipleOf` must be a number, not \"2\""},
    {R"({"enum":[]})", "The schema is wrong: `/enum` must be a list of values, not an array"},
    {R"({"enum":"a"})", "The schema is wrong: `/enum` must be a list of values, not \"a\""},
    {R"({"required":true})", "The schema is wrong: `/required` must be a list of names, not true"},
    {R"({"required":["a",1]})", "The schema is wrong: `/required` must be a list of names, not 1"},
    {R"({"properties":[]})",
     "The schema is wrong: `/properties` must be an object of schemas, not an array"},
    {R"({"properties":{"a/b":{"properties":{"~":3}}}})",
     "The schema is wrong: `/properties/a~1b/properties/~0` must be an object, true or false, not "
     "3"},
    {R"({"additionalProperties":"no"})",
     "The schema is wrong: `/additionalProperties` must be an object, true or false, not \"no\""},
    {R"({"items":3})", "The schema is wrong: `/items` must be an object, true or false, not 3"},
    {R"({"not":[]})", "The schema is wrong: `/not` must be an object, true or false, not an array"},
    {R"({"anyOf":{}})", "The schema is wrong: `/anyOf` must be a list of schemas, not an object"},
    {R"({"oneOf":[]})", "The schema is wrong: `/oneOf` must be a list of schemas, not an array"},
    {R"({"allOf":[{},{"type":"x"}]})",
     "The schema is wrong: `/allOf/1/type` must be null, boolean, object, array, number, string, "
     "integer or a list of these, not \"x\""},
    {R"({"uniqueItems":1})", "The schema is wrong: `/uniqueItems` must be true or false, not 1"},
    {R"({"nullable":"true"})",
     "The schema is wrong: `/nullable` must be true or false, not \"true\""},
    {R"({"$defs":{"a":1}})",
     "The schema is wrong: `/$defs/a` must be an object, true or false, not 1"},
    // references
    {R"({"$ref":3})", "The schema is wrong: `/$ref` must be a string, not 3"},
    {R"({"$ref":"#/$defs/x"})", "The schema is wrong: `/$ref` leads to nothing: #/$defs/x"},
    {R"({"$ref":"#anchor"})", "The schema is wrong: `/$ref` leads to nothing: #anchor"},
    {R"({"$defs":{},"$ref":"#/$defs"})", "The schema is wrong: `/$ref` leads to nothing: #/$defs"},
    {R"({"$ref":"#/%zz"})", "The schema is wrong: `/$ref` leads to nothing: #/%zz"},
    {R"({"items":{"$ref":"https://example.org/s.json"}})",
     "The schema is wrong: `/items/$ref` leads out of the schema: only `#`, `#/$defs/...` and the "
     "like work"},
    {R"({"$ref":""})",
     "The schema is wrong: `/$ref` leads out of the schema: only `#`, `#/$defs/...` and the like "
     "work"},
    {R"({"$ref":"#"})", "The schema leads only back to itself"},
    {R"({"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})",
     "The schema is wrong: `/$defs/a` leads only back to itself"},
    {R"({"$defs":{"a":{"anyOf":[{"type":"null"},{"not":{"$ref":"#/$defs/a"}}]}}})",
     "The schema is wrong: `/$defs/a` leads only back to itself"},
};

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

/// $defs a0 to a<count>, each `form` of two references to the next one.
std::string doubling(std::string_view form, int count) {
  std::string text = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < count; ++i) {
    const std::string next = R"({"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"}";
    text += "\"a" + std::to_string(i) + "\":{\"" + std::string(form) + "\":[" + next + ',' + next +
            "]},";
  }
  return text + "\"a" + std::to_string(count) + R"(":{"type":"string"}}})";
}

}  // namespace

TEST_CASE("schema: what fits, and what is said of what does not") {
  for (const row& each : rows) {
    CAPTURE(std::string(each.schema));
    CAPTURE(std::string(each.arguments));
    CHECK(judged(each.schema, each.arguments) == each.sentence);
  }
}

TEST_CASE("schema: what is no schema is refused with its place") {
  for (const refusal& each : refusals) {
    CAPTURE(std::string(each.schema));
    const auto compiled = schema::compile(each.schema);
    REQUIRE_FALSE(compiled);
    CHECK(compiled.error().code == errc::bad_message);
    CHECK(compiled.error().message == each.words);
  }
  for (const char* const text : {"", "{", "{]", "{\"type\":string}", "nul"}) {
    const auto compiled = schema::compile(text);
    REQUIRE_FALSE(compiled);
    CHECK(compiled.error().code == errc::bad_json);
  }
}

TEST_CASE("schema: a copy goes on when the first one is gone") {
  std::optional<schema> first(*schema::compile(R"({"type":"string"})"));
  const schema second = *first;
  first.reset();
  document parsed;
  REQUIRE(parsed.parse("1"));
  CHECK(second.violation(parsed.root()) == "the arguments must be a string, not a number");
}

TEST_CASE("schema: sentences are short, whatever comes in") {
  const std::string name = repeated("n\xC3\xA9", 5000), long_text = repeated("x", 100'000);
  const std::string deep =
      repeated("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":", 60) + "1" + repeated("}", 60);
  std::string list = "\"" + long_text + "\"", properties;
  for (int i = 0; i < 3000; ++i) {
    list += ",\"value" + std::to_string(i) + "\"";
    properties += "\"property" + std::to_string(i) + "\":{},";
  }
  const std::string cases[][2] = {
      {"{\"enum\":[" + list + "]}", "\"" + long_text + "\\n\""},
      {"{\"const\":\"" + long_text + "\"}", "1"},
      {"{\"properties\":{" + properties + "\"z\":{}},\"additionalProperties\":false}",
       "{\"" + name + "\":1}"},
      {R"({"additionalProperties":{"$ref":"#"},"type":"object"})", deep},
      {"{\"required\":[\"" + name + "\"]}", "{}"},
      {"{\"minimum\":1" + repeated("0", 300) + "}", repeated("9", 290)},
  };
  for (const auto& each : cases) {
    const std::string sentence = judged(each[0], each[1]);
    CAPTURE(sentence);
    CHECK(sentence.size() > 20);
    CHECK(sentence.size() < 900);
    CHECK(agent_websocket::is_utf8(sentence));
    CHECK(sentence.find('\n') == std::string::npos);
  }
  CHECK(judged(cases[0][0], "1").find(", ..., not 1") != std::string::npos);
}

TEST_CASE("schema: the work is bounded") {
  const std::string complex = "the arguments are too complex to be checked";
  CHECK(judged(doubling("allOf", 10), "\"a\"") == "");
  CHECK(judged(doubling("oneOf", 3), "1").find("must be a string") != std::string::npos);
  // 2^15 ways at each of the elements.
  const std::string many = "[" + repeated("\"a\",", 200) + "\"a\"]";
  std::string each = doubling("allOf", 14);
  each.insert(1, R"("items":{"$ref":"#/$defs/a0"},)");
  const std::string at_once = R"("$ref":"#/$defs/a0","$defs")";
  each.replace(each.find(at_once), at_once.size(), "\"$defs\"");
  CHECK(judged(each, many) == complex);
  // a long string compared again and again
  std::string same = "{\"allOf\":[";
  for (int i = 0; i < 300; ++i) same += "{\"enum\":[\"" + repeated("x", 1000) + "\"]},";
  same += "true]}";
  CHECK(judged(same, "\"" + repeated("x", 1000) + "\"") == "");
  CHECK(judged(R"({"uniqueItems":true})",
               "[" + repeated("\"" + repeated("y", 999) + "\",", 40'000) + "1]") == complex);
}

TEST_CASE("schema: references inside each other end at a depth") {
  const auto chain = [](int length) {
    std::string text = R"({"$ref":"#/$defs/a0","$defs":{)";
    for (int i = 0; i < length; ++i) {
      text +=
          "\"a" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/a" + std::to_string(i + 1) + "\"},";
    }
    return text + "\"a" + std::to_string(length) + R"(":{"type":"string"}}})";
  };
  CHECK(judged(chain(20), "1") == "the arguments must be a string, not a number");
  CHECK(judged(chain(50), "1").find("refers too deep") != std::string::npos);
  CHECK(judged(chain(50'000), "1").find("refers too deep") != std::string::npos);
}

TEST_CASE("schema: as deep as the reader allows") {
  const std::string tree = R"({"type":"array","items":{"$ref":"#"}})";
  const std::string deep = repeated("[", 64) + repeated("]", 64);
  CHECK(judged(tree, deep) == "");
  CHECK(judged(R"({"items":{"anyOf":[{"allOf":[{"$ref":"#"}]}]}})", deep) == "");
  const std::string schema_text = repeated("{\"not\":", 31) + "{}" + repeated("}", 31);
  CHECK(judged(schema_text, "1") == "the arguments must not be 1");
  CHECK(judged(repeated("{\"items\":", 63) + "false" + repeated("}", 63), "[]") == "");
}

namespace {

/// Schemas and values at random: mostly well-formed, sometimes with the wrong kind of value.
class maker {
 public:
  explicit maker(std::uint64_t seed) : random_(seed) {}

  std::string schema_text(int depth) {
    if (depth == 0 || below(12) == 0)
      return below(3) == 0 ? (below(2) == 0 ? "true" : "false") : "{}";
    std::string text = "{";
    for (std::size_t i = below(4) + 1; i > 0; --i) text += keyword(depth) + ",";
    text += depth == top_ ? R"("$defs":{"a":)" + schema_text(2) + R"(,"b":)" + schema_text(2) + "}"
                          : R"("title":"x")";
    return text + "}";
  }
  static constexpr int top_ = 4;

  std::string value_text(int depth) {
    switch (below(depth > 0 ? 8 : 5)) {
      case 0: return "null";
      case 1: return below(2) == 0 ? "true" : "false";
      case 2: return number();
      case 3:
      case 4: return "\"" + name() + "\"";
      case 5:
      case 6: {
        std::string text = "{";
        for (std::size_t i = below(4); i > 0; --i)
          text += (text.size() > 1 ? "," : "") + ("\"" + name() + "\":") + value_text(depth - 1);
        return text + "}";
      }
      default: {
        std::string text = "[";
        for (std::size_t i = below(4); i > 0; --i)
          text += (text.size() > 1 ? "," : "") + value_text(depth - 1);
        return text + "]";
      }
    }
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  std::string name() { return std::string(1, static_cast<char>('a' + below(3))); }
  std::string number() {
    return std::string(below(3) == 0 ? "-" : "") + std::to_string(below(4)) +
           (below(3) == 0 ? ".50" : "") + (below(5) == 0 ? "e1" : "");
  }
  std::string list(int depth, bool of_schemas) {
    std::string text = "[";
    for (std::size_t i = below(3) + 1; i > 0; --i)
      text += (text.size() > 1 ? "," : "") + (of_schemas ? schema_text(depth) : value_text(1));
    return text + "]";
  }
  std::string keyword(int depth) {
    static const char* const types[] = {"null",   "boolean", "object", "array",
                                        "number", "string",  "integer"};
    static const char* const counts[] = {"minLength", "maxLength",     "minItems",
                                         "maxItems",  "minProperties", "maxProperties"};
    static const char* const numbers[] = {"minimum", "maximum", "exclusiveMinimum",
                                          "exclusiveMaximum", "multipleOf"};
    static const char* const schemas[] = {"items", "additionalProperties", "not"};
    static const char* const lists[] = {"anyOf", "oneOf", "allOf", "prefixItems"};
    static const char* const names[] = {"type", "enum", "properties", "required", "$ref", "items"};
    const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
    switch (below(10)) {
      case 0:
      case 1: return "\"type\":" + quoted(types[below(std::size(types))]);
      case 2: return quoted(counts[below(std::size(counts))]) + ":" + std::to_string(below(4));
      case 3: return quoted(numbers[below(std::size(numbers))]) + ":" + number();
      case 4: return quoted(schemas[below(std::size(schemas))]) + ":" + schema_text(depth - 1);
      case 5: return quoted(lists[below(std::size(lists))]) + ":" + list(depth - 1, true);
      case 6:
        return R"("properties":{"a":)" + schema_text(depth - 1) + R"(,"b":)" +
               schema_text(depth - 1) + "}";
      case 7: return below(2) == 0 ? R"("uniqueItems":true)" : "\"required\":[\"" + name() + "\"]";
      case 8: return R"("$ref":"#/$defs/)" + std::string(below(2) == 0 ? "a\"" : "b\"");
      default:
        if (below(20) == 0) return quoted(names[below(std::size(names))]) + ":" + value_text(1);
        return below(2) == 0 ? "\"enum\":" + list(0, false) : "\"const\":" + value_text(1);
    }
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("schema: random schemas and values give an answer, and a schema's negation the other") {
  std::size_t refused = 0, fit = 0, unfit = 0;
  document parsed;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    maker random(seed);
    const std::string text = random.schema_text(maker::top_);
    const auto compiled = schema::compile(text);
    if (!compiled) {
      CHECK(compiled.error().code == errc::bad_message);
      ++refused;
      continue;
    }
    // A schema in front of which `#/$defs` has moved away cannot be wrapped.
    const std::string negated = R"({"not":)" + text + "}";
    const bool is_closed = text.find("$ref") == std::string::npos;
    for (int i = 0; i < 5; ++i) {
      const std::string value = random.value_text(3);
      REQUIRE(parsed.parse(value));
      const auto sentence = compiled->violation(parsed.root());
      ++(sentence ? unfit : fit);
      if (!is_closed) continue;
      CAPTURE(text);
      CAPTURE(value);
      CHECK(judged(negated, value).empty() == sentence.has_value());
    }
  }
  CHECK(refused > 100);  // else the generator is too tame
  CHECK(fit > 1000);
  CHECK(unfit > 1000);
}

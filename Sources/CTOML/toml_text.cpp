#include "toml_text.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// What the parser takes for granted is for strangers to write: it must be looked at, also in a release, and must
// not end the process.
#undef NDEBUG
#define TOML_ASSERT(condition) \
  static_cast<void>((condition) || (throw std::logic_error(#condition), false))
#define TOML_EXCEPTIONS 1
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_UNRELEASED_FEATURES 0
#include <toml++/toml.h>

namespace {

buildsrs_toml found(const std::string &text, uint32_t line, uint32_t column) noexcept {
  auto *bytes = static_cast<char *>(std::malloc(text.size() + 1));
  if (bytes) std::memcpy(bytes, text.data(), text.size());
  return {bytes, bytes ? text.size() : 0, line, column};
}

// Thrown for what the parser takes for granted, instead of an end of the process.
bool breaks_the_parser(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
    return false;
  } catch (const std::logic_error &) {
    return true;
  } catch (const toml::parse_error &) {
    return false;
  }
}

// The first line with which the parser breaks, from 1: up to the one before it does not. It reads one byte
// after the other, and does not look at what follows.
uint32_t breaking_line(std::string_view text) {
  // Each step reads the text again: what is that long is not a person's.
  if (text.size() > (1u << 20)) return 1;
  std::vector<size_t> ends;
  for (size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1))
    ends.push_back(at + 1);
  const auto found = std::partition_point(ends.begin(), ends.end(), [&](size_t end) {
    return !breaks_the_parser(text.substr(0, end));
  });
  return static_cast<uint32_t>(found - ends.begin()) + 1;
}

// Where a string that begins here ends on its line: behind its last quote, or where the line ends.
size_t end_of_string(std::string_view text, size_t at) noexcept {
  const char quote = text[at++];
  while (at < text.size() && text[at] != '\n') {
    if (text[at] == quote) return at + 1;
    at += text[at] == '\\' && quote == '"' ? 2 : 1;
  }
  return std::min(at, text.size());
}

// The first line, from 1, whose keys might nest deeper than the stack is: what reads, prints and frees the
// tree calls itself for each part of a dotted key, and toml++ bounds nested values only. 0: there is none.
// Dots in strings do not count, unless there are strings of several lines, whose quotes would mislead.
uint32_t deep_line(std::string_view text) noexcept {
  constexpr size_t most = 1000;
  const bool skips_strings =
      text.find("\"\"\"") == text.npos && text.find("'''") == text.npos;
  uint32_t line = 1;
  size_t dots = 0;
  for (size_t at = 0; at < text.size();) {
    const char byte = text[at];
    if (skips_strings && (byte == '"' || byte == '\'')) {
      at = end_of_string(text, at);
      continue;
    }
    if (byte == '\n') {
      ++line;
      dots = 0;
    } else if (byte == '.' && ++dots > most) {
      return line;
    }
    ++at;
  }
  return 0;
}

}  // namespace

buildsrs_toml buildsrs_toml_read(const char *text, size_t length) {
  try {
    if (const auto line = deep_line({text, length}))
      return found("this line has more than 1000 dots, as if keys were nested so deeply", line, 1);
    const auto table = toml::parse(std::string_view{text, length});
    std::ostringstream json;
    // Without indentation, which would be many times the text where tables are nested deeply.
    json << toml::json_formatter{table, toml::json_formatter::default_flags & ~toml::format_flags::indentation};
    return found(json.str(), 0, 0);
  } catch (const toml::parse_error &error) {
    const auto place = error.source().begin;
    return found(std::string{error.description()}, place.line ? place.line : 1,
                 place.column ? place.column : 1);
  } catch (const std::logic_error &) {
    return found("this line is no TOML", breaking_line({text, length}), 1);
  } catch (const std::exception &error) {
    return found(error.what(), 1, 1);
  }
}

void buildsrs_toml_free(buildsrs_toml toml) { std::free(toml.bytes); }

#include "index_lines.h"

#include <new>
#include <simdjson.h>
#include <string_view>

namespace dom = simdjson::dom;

struct buildsrs_index_reader {
  dom::parser parser;
};

namespace {

buildsrs_field_text text_of(dom::element value) noexcept {
  std::string_view text;
  if (value.is_null()) return {buildsrs_field_null, nullptr, 0};
  if (value.get(text) != simdjson::SUCCESS) return {buildsrs_field_of_other_type, nullptr, 0};
  return {buildsrs_field_present, reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

template <typename Value>
buildsrs_field_state state_of(dom::element value, Value &found) noexcept {
  if (value.is_null()) return buildsrs_field_null;
  return value.get(found) == simdjson::SUCCESS ? buildsrs_field_present
                                               : buildsrs_field_of_other_type;
}

}  // namespace

size_t buildsrs_index_padding(void) { return simdjson::SIMDJSON_PADDING; }

buildsrs_index_reader *buildsrs_index_reader_make(void) {
  return new (std::nothrow) buildsrs_index_reader;
}

void buildsrs_index_reader_free(buildsrs_index_reader *reader) { delete reader; }

bool buildsrs_index_read(
    buildsrs_index_reader *reader, const uint8_t *line, size_t length, size_t readable,
    buildsrs_index_line *found) {
  *found = buildsrs_index_line{};
  dom::object object;
  const bool must_copy = readable - length < simdjson::SIMDJSON_PADDING;
  if (reader->parser.parse(line, length, must_copy).get(object) != simdjson::SUCCESS) return false;
  for (auto field : object) {
    const std::string_view key = field.key;
    if (key == "name") found->name = text_of(field.value);
    else if (key == "vers") found->version = text_of(field.value);
    else if (key == "cksum") found->checksum = text_of(field.value);
    else if (key == "rust_version") found->rust_version = text_of(field.value);
    else if (key == "pubtime") found->published = text_of(field.value);
    else if (key == "yanked") found->yanked_state = state_of(field.value, found->yanked);
    else if (key == "v") found->format_state = state_of(field.value, found->format);
  }
  return true;
}

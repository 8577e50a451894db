#include "nilus/lake/puffin_file.h"

#include <nlohmann/json.hpp>

namespace nilus::lake {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "PFA1";
constexpr int64_t kLargestFooterBytes = 64 << 20;
constexpr uint8_t kCompressedFooterFlag = 1;

Failure Damaged(std::string_view what) { return Fail(ErrorKind::kData, "a Puffin file is damaged: {}", what); }

json BlobJson(const PuffinBlob& blob) {
  json object = {{"type", blob.type},
                 {"fields", blob.fields},
                 {"snapshot-id", blob.snapshot_id},
                 {"sequence-number", blob.sequence_number},
                 {"offset", blob.offset},
                 {"length", blob.length}};
  if (!blob.compression.empty()) object["compression-codec"] = blob.compression;
  if (!blob.properties.empty()) object["properties"] = blob.properties;
  return object;
}

bool ReadInteger(const json& object, const char* name, int64_t* value) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_number_integer()) return false;
  *value = at->get<int64_t>();
  return true;
}

bool ReadText(const json& object, const char* name, std::string* value) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return false;
  *value = at->get<std::string>();
  return true;
}

bool ReadFields(const json& object, std::vector<int32_t>* fields) {
  auto at = object.find("fields");
  if (at == object.end() || !at->is_array()) return false;
  for (const json& field : *at) {
    if (!field.is_number_integer()) return false;
    fields->push_back(static_cast<int32_t>(field.get<int64_t>()));
  }
  return true;
}

}  // namespace

PuffinWriter::PuffinWriter() : bytes_(kMagic) {}

const PuffinBlob& PuffinWriter::Add(PuffinBlob blob, std::string_view bytes) {
  blob.offset = static_cast<int64_t>(bytes_.size());
  blob.length = static_cast<int64_t>(bytes.size());
  bytes_ += bytes;
  return blobs_.emplace_back(std::move(blob));
}

std::string PuffinWriter::Finish() {
  json blobs = json::array();
  for (const PuffinBlob& blob : blobs_) blobs.push_back(BlobJson(blob));
  const std::string payload = json{{"blobs", std::move(blobs)}, {"properties", {{"created-by", "Nilus"}}}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
  bytes_ += kMagic;
  bytes_ += payload;
  for (int shift = 0; shift < 32; shift += 8) bytes_.push_back(static_cast<char>(payload.size() >> shift & 0xFF));
  bytes_.append(4, '\0');  // flags: nothing is compressed
  bytes_ += kMagic;
  return std::move(bytes_);
}

Result<int64_t> PuffinFooterSize(std::string_view tail) {
  if (tail.size() < static_cast<size_t>(kPuffinTailBytes) || !tail.ends_with(kMagic))
    return Damaged("it does not end with the magic number");
  tail = tail.substr(tail.size() - static_cast<size_t>(kPuffinTailBytes));
  int64_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= int64_t{static_cast<uint8_t>(tail[i])} << (8 * i);
  if ((static_cast<uint8_t>(tail[4]) & kCompressedFooterFlag) != 0)
    return Fail(ErrorKind::kUnsupported, "a Puffin file has a compressed footer, which Nilus does not read");
  if (size > kLargestFooterBytes) return Damaged("its footer is too large");
  return size + kPuffinTailBytes + static_cast<int64_t>(kMagic.size());
}

Result<std::vector<PuffinBlob>> ParsePuffinFooter(std::string_view footer, int64_t file_size) {
  NILUS_ASSIGN(int64_t size, PuffinFooterSize(footer));
  if (static_cast<int64_t>(footer.size()) != size || size > file_size || !footer.starts_with(kMagic))
    return Damaged("its footer is not where it says");
  const std::string_view payload =
      footer.substr(kMagic.size(), footer.size() - kMagic.size() - static_cast<size_t>(kPuffinTailBytes));
  const json document = json::parse(payload, nullptr, /*allow_exceptions=*/false);
  auto blobs = document.is_object() ? document.find("blobs") : document.end();
  if (!document.is_object() || blobs == document.end() || !blobs->is_array())
    return Damaged("its footer is no JSON that lists blobs");
  std::vector<PuffinBlob> result;
  for (const json& object : *blobs) {
    PuffinBlob blob;
    const bool complete = object.is_object() && ReadText(object, "type", &blob.type) &&
                          ReadFields(object, &blob.fields) && ReadInteger(object, "snapshot-id", &blob.snapshot_id) &&
                          ReadInteger(object, "sequence-number", &blob.sequence_number) &&
                          ReadInteger(object, "offset", &blob.offset) && ReadInteger(object, "length", &blob.length);
    if (!complete) return Damaged("a blob in its footer lacks a required part");
    if (blob.offset < static_cast<int64_t>(kMagic.size()) || blob.length < 0 || blob.offset > file_size ||
        blob.length > file_size - blob.offset) {
      return Damaged("a blob lies outside of it");
    }
    ReadText(object, "compression-codec", &blob.compression);
    if (auto properties = object.find("properties"); properties != object.end() && properties->is_object()) {
      for (const auto& [name, value] : properties->items()) {
        if (value.is_string()) blob.properties[name] = value.get<std::string>();
      }
    }
    result.push_back(std::move(blob));
  }
  return result;
}

}  // namespace nilus::lake

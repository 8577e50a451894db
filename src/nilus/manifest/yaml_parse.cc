// Text → YamlNode through yaml-cpp's event interface. yaml-cpp's own Node graph is not used: it keeps duplicate keys
// and shares aliased nodes, and a walk over such a graph is what "billion laughs" explodes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_set>

#include "nilus/base/encoding.h"
#include "nilus/manifest/yaml_tree.h"

namespace nilus {
namespace {

// Thrown through yaml-cpp to end the parse at once; caught in ParseYaml.
struct Refused {
  Problem problem;
};

// What a subtree costs, as often as it is copied.
struct Extent {
  size_t nodes = 1;       // its root included
  size_t text_bytes = 0;  // of its keys and values
  size_t depth = 0;       // of what stands below its root
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, const YamlLimits& limits, std::vector<YamlNode>& documents, Problems& problems)
      : file_(file), limits_(limits), documents_(documents), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++document_count_ > limits_.max_documents) {
      Refuse(mark, "the file holds more than " + std::to_string(limits_.max_documents) + " documents", "split it");
    }
    anchors_.clear();
    frames_.clear();
  }
  void OnDocumentEnd() override {
    if (root_ && root_->kind != YamlKind::kNull) documents_.push_back(std::move(*root_));
    root_.reset();
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    node.place = Place(mark);
    Leaf(mark, std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      Refuse(mark, "an alias (*name) stands inside the value it names", "write the value out");
    const Extent extent = found->second.extent;
    Count(mark, extent);
    CheckDepth(mark, frames_.size() + extent.depth);
    YamlNode copy = found->second.node;
    copy.place = Place(mark);
    Finish(mark, std::move(copy), 0, extent);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = YamlNode::Scalar(value, Place(mark));
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    CheckTag(mark, tag);
    Leaf(mark, std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlKind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlKind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    YamlNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    Extent extent{.depth = 1};
    std::optional<std::string> key;  // kMap: read, its value is awaited
    SourcePlace key_place;
    bool key_is_merge = false;
    bool key_is_double = false;  // reported; its value is dropped
    std::unordered_set<std::string> keys;
    std::vector<YamlNode> merges;  // values of "<<"
  };
  struct Anchored {
    YamlNode node;
    Extent extent;
  };

  SourcePlace Place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  [[noreturn]] void Refuse(const YAML::Mark& mark, std::string message, std::string fix) {
    throw Refused{{Place(mark), {}, std::move(message), std::move(fix)}};
  }
  void Count(const YAML::Mark& mark, const Extent& added) {
    nodes_ += added.nodes;
    text_bytes_ += added.text_bytes;
    if (nodes_ > limits_.max_nodes) {
      Refuse(mark,
             "the file holds more than " + std::to_string(limits_.max_nodes) +
                 " values once anchors and merges are expanded",
             "write less, or use fewer aliases");
    }
    if (text_bytes_ > limits_.max_text_bytes) {
      Refuse(mark,
             "the file holds more than " + std::to_string(limits_.max_text_bytes / 1024) +
                 " KiB of text once anchors and merges are expanded",
             "use fewer aliases, or give long texts no anchor");
    }
  }
  void CheckDepth(const YAML::Mark& mark, size_t depth) {
    if (depth > limits_.max_depth)
      Refuse(mark, "values are nested deeper than " + std::to_string(limits_.max_depth) + " levels", {});
  }
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    if (tag.empty() || tag == "?" || tag == "!") return;
    if (tag.starts_with(kStandard)) {
      std::string_view name = std::string_view(tag).substr(kStandard.size());
      for (std::string_view known : {"str", "int", "float", "bool", "null", "map", "seq", "timestamp"}) {
        if (name == known) return;
      }
    }
    problems_.push_back({Place(mark), {}, "YAML tags such as !name have no meaning here", "remove the tag"});
  }
  void Leaf(const YAML::Mark& mark, YamlNode node, YAML::anchor_t anchor) {
    const Extent extent{.text_bytes = node.text.size()};
    Count(mark, extent);
    CheckDepth(mark, frames_.size());
    Finish(mark, std::move(node), anchor, extent);
  }
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlKind kind) {
    Count(mark, Extent());
    CheckDepth(mark, frames_.size() + 1);
    CheckTag(mark, tag);
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = Place(mark);
    frame.mark = mark;
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }
  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (YamlNode& merged : frame.merges) Merge(frame, std::move(merged));
    Finish(frame.mark, std::move(frame.node), frame.anchor, frame.extent);
  }
  // A map's own keys win over merged ones, earlier merges over later ones.
  void Merge(Frame& frame, YamlNode merged) {
    if (merged.kind == YamlKind::kSequence) {
      for (YamlNode& item : merged.items) MergeOne(frame, std::move(item));
    } else {
      MergeOne(frame, std::move(merged));
    }
  }
  void MergeOne(Frame& frame, YamlNode merged) {
    if (merged.kind != YamlKind::kMap) {
      problems_.push_back({merged.place,
                           {},
                           "'<<' merges maps, but this is " + std::string(YamlKindName(merged.kind)),
                           "write <<: *name with a name that stands for a map"});
      return;
    }
    for (size_t i = 0; i < merged.entries.size(); ++i) {
      if (!frame.keys.insert(merged.entries[i].key).second) continue;
      frame.node.entries.push_back(std::move(merged.entries[i]));
    }
  }
  // Hands a complete node to whatever holds it.
  void Finish(const YAML::Mark& mark, YamlNode node, YAML::anchor_t anchor, const Extent& extent) {
    if (anchor != 0) {
      Count(mark, extent);
      anchors_.insert_or_assign(anchor, Anchored{node, extent});
    }
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = frames_.back();
    parent.extent.nodes += extent.nodes;
    parent.extent.text_bytes += extent.text_bytes;
    parent.extent.depth = std::max(parent.extent.depth, extent.depth + 1);
    if (parent.node.kind == YamlKind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      Key(mark, parent, node);
    } else {
      Value(parent, std::move(node));
    }
  }
  void Key(const YAML::Mark& mark, Frame& map, const YamlNode& node) {
    if (node.kind != YamlKind::kScalar)
      Refuse(mark, "a key is " + std::string(YamlKindName(node.kind)), "write a name before the ':'");
    if (map.keys.size() >= limits_.max_keys)
      Refuse(mark, "a map holds more than " + std::to_string(limits_.max_keys) + " keys", {});
    map.key = node.text;
    map.key_place = node.place;
    map.key_is_merge = node.text == "<<" && !node.quoted;
    map.key_is_double = !map.keys.insert(node.text).second;
    if (map.key_is_double) {
      problems_.push_back(
          {node.place, {}, "the key '" + node.text.substr(0, 100) + "' stands twice in this map", "keep one of them"});
    }
  }
  static void Value(Frame& map, YamlNode node) {
    if (map.key_is_double) {
      map.key.reset();
    } else if (map.key_is_merge) {
      map.key.reset();
      map.merges.push_back(std::move(node));
    } else {
      map.node.entries.push_back({*std::exchange(map.key, std::nullopt), std::move(map.key_place), std::move(node)});
    }
  }

  const std::string& file_;
  const YamlLimits& limits_;
  std::vector<YamlNode>& documents_;
  Problems& problems_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::optional<YamlNode> root_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
  size_t document_count_ = 0;
};

SourcePlace PlaceOfByte(std::string_view text, size_t offset, const std::string& file) {
  size_t line_start = text.substr(0, offset).rfind('\n');
  line_start = line_start == std::string_view::npos ? 0 : line_start + 1;
  auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n') + 1;
  return {file, static_cast<int>(line), static_cast<int>(offset - line_start) + 1};
}

// The first byte behind `from` with which the text stops being UTF-8.
size_t FirstNotUtf8(std::string_view text, size_t from) {
  size_t at = from;
  while (at < text.size()) {
    auto lead = static_cast<unsigned char>(text[at]);
    size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (!IsValidUtf8(text.substr(at, length))) return at;
    at += length;
  }
  return from;
}

// What makes a text no manifest at all. False when it was refused.
bool CheckBytes(std::string_view text, const std::string& file, const YamlLimits& limits, Problems& problems) {
  if (text.size() > limits.max_bytes) {
    problems.push_back(
        {{file}, {}, "the file is larger than " + std::to_string(limits.max_bytes / 1024) + " KiB", "split it"});
    return false;
  }
  auto control = std::find_if(text.begin(), text.end(), [](unsigned char c) {
    return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
  });
  if (control != text.end()) {
    auto offset = static_cast<size_t>(control - text.begin());
    problems.push_back({PlaceOfByte(text, offset, file),
                        {},
                        "the file holds binary bytes, so it is no YAML text",
                        "write it as UTF-8 text"});
    return false;
  }
  if (!IsValidUtf8(text)) {
    size_t line_start = 0;  // the first line that is not UTF-8
    while (line_start < text.size()) {
      size_t end = std::min(text.find('\n', line_start), text.size());
      if (!IsValidUtf8(text.substr(line_start, end - line_start))) break;
      line_start = end + 1;
    }
    problems.push_back({PlaceOfByte(text, FirstNotUtf8(text, line_start), file),
                        {},
                        "here stands a byte that is not UTF-8",
                        "save the file as UTF-8"});
    return false;
  }
  return true;
}

// The first line that is indented with a tab, outside of nothing but comments and blank lines. 0: none.
int LineIndentedWithTab(std::string_view text, int up_to_line) {
  int line = 0;
  while (!text.empty() && line < up_to_line) {
    ++line;
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view current = text.substr(0, end);
    size_t first = std::min(current.find_first_not_of(" \t\r"), current.size());
    if (current.substr(0, first).find('\t') != std::string_view::npos && first < current.size() &&
        current[first] != '#')
      return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}

// yaml-cpp's words, in ours where they are unclear.
Problem SyntaxProblem(std::string_view text, const std::string& file, const YAML::Exception& error) {
  SourcePlace place{file, error.mark.is_null() ? 0 : error.mark.line + 1,
                    error.mark.is_null() ? 0 : error.mark.column + 1};
  if (int line = LineIndentedWithTab(text, place.line > 0 ? place.line + 1 : 0); line > 0) {
    return {{file, line, 1}, {}, "a tab is used to indent", "indent with spaces"};
  }
  if (error.msg == YAML::ErrorMsg::DOC_IN_SCALAR || error.msg == YAML::ErrorMsg::EOF_IN_SCALAR) {
    return {place, {}, "the YAML is not well-formed: a quote is still open where the document ends", "close the quote"};
  }
  std::string fix = "check the indentation and quotes here and in the line above";
  if (error.msg.find("map value") != std::string::npos || error.msg.find("end of map") != std::string::npos) {
    fix = "check the indentation here and in the line above; quote a value that holds ': '";
  }
  return {place, {}, "the YAML is not well-formed: " + error.msg, fix};
}

// yaml-cpp takes an unclosed quote as closed when nothing but line ends follow. The marker of a document's end, which
// no quoted text may hold, makes it say so, and leaves a block scalar before it the line ends that are its own.
std::string WithDocumentEnd(std::string_view text) {
  const size_t blank = text.find_last_not_of(" \t\r\n") + 1;  // 0 where there is nothing else
  const size_t line_end = text.rfind('\n');
  if (line_end == std::string_view::npos || line_end < blank) return std::string(text.substr(0, blank));
  return std::string(text.substr(0, line_end + 1)) + "...\n";
}

}  // namespace

std::vector<YamlNode> ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits,
                                Problems& problems) {
  std::vector<YamlNode> documents;
  if (!CheckBytes(text, file, limits, problems)) return documents;
  try {
    std::istringstream stream{WithDocumentEnd(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(file, limits, documents, problems);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (Refused& refused) {
    problems.push_back(std::move(refused.problem));
  } catch (const YAML::Exception& error) {
    problems.push_back(SyntaxProblem(text, file, error));
  } catch (const std::exception& error) {
    problems.push_back({{file}, {}, std::string("the YAML cannot be read: ") + error.what(), {}});
  }
  return documents;
}

std::vector<YamlNode> ReadYamlFile(const std::string& file, const YamlLimits& limits, Problems& problems) {
  auto fail = [&](std::string message, std::string fix = {}) {
    problems.push_back({{file}, {}, std::move(message), std::move(fix)});
    return std::vector<YamlNode>();
  };
  int descriptor =
      open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: a pipe without a writer does not hang
  if (descriptor < 0) {
    int error = errno;
    return fail(std::string("the file cannot be read: ") + std::strerror(error),
                error == ENOENT ? "check the path" : "");
  }
  struct stat status {};
  std::string text;
  std::optional<std::string> problem;
  if (fstat(descriptor, &status) != 0 || S_ISDIR(status.st_mode)) {
    problem = "this is a folder, not a file";
  } else if (S_ISREG(status.st_mode) && static_cast<size_t>(status.st_size) > limits.max_bytes) {
    problem = "the file is larger than " + std::to_string(limits.max_bytes / 1024) + " KiB";
  } else {
    fcntl(descriptor, F_SETFL, 0);  // a pipe (`nilus run <(…)`) is read to its end
    char buffer[65536];
    while (text.size() <= limits.max_bytes) {
      ssize_t count = read(descriptor, buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) problem = std::string("the file cannot be read: ") + std::strerror(errno);
      if (count <= 0) break;
      text.append(buffer, static_cast<size_t>(count));
    }
  }
  close(descriptor);
  if (problem) return fail(*problem);
  return ParseYaml(text, file, limits, problems);
}

}  // namespace nilus

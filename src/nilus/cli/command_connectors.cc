#include <algorithm>

#include "nilus/base/nearest.h"
#include "nilus/cli/command.h"
#include "nilus/cli/connector_reference.h"

namespace nilus::cli {
namespace {

class Connectors final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("NAME", &name_, false, "one connector, by its name or a scheme; all without it");
    arguments.Choice("--format", "text|json|markdown", &format_, "how it is written; markdown is what docs/ holds");
  }

  int Run(Context& context) override {
    if (name_.empty()) {
      context.out.Write(format_ == "json"       ? RenderListJson(context.registry)
                        : format_ == "markdown" ? RenderListMarkdown(context.registry)
                                                : RenderConnectorList(context.registry));
      return kDone;
    }
    std::vector<std::string_view> known;
    for (const Connector* connector : context.registry.all()) {
      bool is_it = connector->name == name_ ||
                   std::find(connector->schemes.begin(), connector->schemes.end(), name_) != connector->schemes.end();
      if (is_it) {
        context.out.Write(format_ == "json"       ? RenderConnectorJson(*connector)
                          : format_ == "markdown" ? RenderConnectorMarkdown(*connector)
                                                  : RenderConnectorText(*connector));
        return kDone;
      }
      known.push_back(connector->name);
      known.insert(known.end(), connector->schemes.begin(), connector->schemes.end());
    }
    std::string nearest = Nearest(name_, known);
    return ReportError(context, Error{ErrorKind::kInvalidInput, "there is no connector `" + name_ + "`",
                                      nearest.empty() ? "see `nilus connectors`" : "did you mean `" + nearest + "`?"});
  }

 private:
  std::string name_;
  std::string format_ = "text";
};

constexpr std::string_view kExamples[] = {"nilus connectors postgresql", "nilus connectors --format markdown"};

}  // namespace

constinit const CommandEntry kConnectorsCommand{"connectors",
                                                "lists the connectors, or one's address, options and defaults", "",
                                                kExamples, [] { return std::unique_ptr<Command>(new Connectors); }};

}  // namespace nilus::cli

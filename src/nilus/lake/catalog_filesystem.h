// A catalog that is only a folder: <warehouse>/<schema>/<table>/metadata/v<N>.metadata.json, as Hadoop tables of other
// engines have it. Version N+1 is committed by putting its file where none is; version-hint.text beside it says where
// to begin looking for the highest version, and may lag. docs/formats.md, "Filesystem catalog".
//
// The file of version N+1 is v<N+1>.gz.metadata.json when version N has the property write.metadata.compression-codec =
// gzip: two writers of one base always race for one name.
#pragma once

#include <string>
#include <string_view>

#include "nilus/lake/catalog.h"

namespace nilus::lake {

// The warehouse is the store's root. Works on stores whose conditional put is atomic.
CatalogPtr OpenFilesystemCatalog(StorePtr store);

// A schema's or table's name as the name of a folder, and back: '/', '\\', '%', control characters, and names of dots
// are written as %XX; everything else stays as it is.
std::string FolderName(std::string_view name);
std::string NameOfFolder(std::string_view folder);

}  // namespace nilus::lake

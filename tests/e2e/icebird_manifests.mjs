// node icebird_manifests.mjs WAREHOUSE TABLE: what icebird reads of a table's metadata and manifests, as JSON.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../../.deps/node_modules', import.meta.url))
const { icebergMetadata } = await import(`${modules}/icebird/src/metadata.js`)
const { icebergManifests } = await import(`${modules}/icebird/src/manifest.js`)

// It speaks HTTP; the files are local.
globalThis.fetch = async url => {
  try {
    return new Response(await readFile(fileURLToPath(url)))
  } catch (problem) {
    return new Response(String(problem), { status: 404, statusText: 'Not Found' })
  }
}

const [warehouse, table] = process.argv.slice(2)
const metadata = await icebergMetadata({ tableUrl: `file://${warehouse}/${table}` })
const entries = []
for (const { entries: some } of await icebergManifests(metadata)) {
  for (const entry of some) entries.push([entry.data_file.file_path, Number(entry.data_file.record_count), entry.status])
}
console.log(JSON.stringify({ uuid: metadata['table-uuid'], entries }))

// node icebird_rows.mjs: reads Iceberg tables on the local disk with icebird and hyparquet, none of which is ours. Each line of the input is
// a JSON array [table folder, metadata file or null, [URL prefix, folder] or null: where files of a bucket lie]; each line of the output the rows as arrays of texts, with the columns' names first, or
// {"error": …}. Deletion vectors, which icebird 0.3 does not know, are decoded by the few lines below.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../../.deps/node_modules', import.meta.url))
const { icebergMetadata } = await import(`${modules}/icebird/src/metadata.js`)
const { icebergManifests, splitManifestEntries } = await import(`${modules}/icebird/src/manifest.js`)
const { icebergRead } = await import(`${modules}/icebird/src/read.js`)

// They speak HTTP; the files are local. A range is answered by the whole file, which is in order. Names are not percent-encoded.
let moved = null
function read(url) {
  let path = String(url).replace(/^https:\/\/([^./]+)\.s3\.amazonaws\.com\//, 's3://$1/')  // where icebird believes that buckets are
  if (moved && path.startsWith(moved[0])) path = moved[1] + path.slice(moved[0].length)
  return readFileSync(path.replace(/^file:\/\//, ''))
}
globalThis.fetch = async url => {
  try {
    return new Response(read(url))
  } catch (problem) {
    return new Response(String(problem), { status: 404, statusText: 'Not Found' })
  }
}

function deletedRows(blob) {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  if (view.getUint32(0) !== blob.byteLength - 8 || view.getUint32(4, true) !== 0x6439d3d1) throw new Error('no deletion vector')
  const rows = new Set()
  let at = 16
  for (let bitmaps = view.getUint32(8, true); bitmaps > 0; bitmaps--) {
    const high = BigInt(view.getUint32(at, true)) << 32n
    if (view.getUint32(at + 4, true) !== 12346) throw new Error('run containers')
    const count = view.getUint32(at + 8, true)
    const heads = at + 12
    at = heads + 8 * count
    for (let i = 0; i < count; i++) {
      const base = high + (BigInt(view.getUint16(heads + 4 * i, true)) << 16n)
      const cardinality = view.getUint16(heads + 4 * i + 2, true) + 1
      if (cardinality <= 4096) {
        for (let j = 0; j < cardinality; j++, at += 2) rows.add(base + BigInt(view.getUint16(at, true)))
      } else {
        for (let j = 0; j < 65536; j++) if (view.getUint8(at + (j >> 3)) >> (j & 7) & 1) rows.add(base + BigInt(j))
        at += 8192
      }
    }
  }
  return rows
}

function text(value) {
  if (value === undefined || value === null) return null
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

// icebird reads a table whose metadata says so: one data file at a time, with its vector applied to rows in file order.
async function readWithVectors(tableUrl, metadata, entries) {
  const { dataEntries, deleteEntries } = splitManifestEntries(entries)
  const { parquetReadObjects, asyncBufferFromUrl } = await import(`${modules}/hyparquet/src/index.js`)
  const { compressors } = await import(`${modules}/hyparquet-compressors/src/index.js`)
  const vectors = new Map()
  for (const { data_file: file } of deleteEntries) {
    if (file.file_format.toLowerCase() !== 'puffin') throw new Error(`a ${file.file_format} delete file in a v3 table`)
    const bytes = read(file.file_path)
    const offset = Number(file.content_offset)
    const rows = deletedRows(bytes.subarray(offset, offset + Number(file.content_size_in_bytes)))
    if (rows.size !== Number(file.record_count)) throw new Error('another cardinality')
    vectors.set(file.referenced_data_file, rows)
  }
  const schema = metadata.schemas.find(one => one['schema-id'] === metadata['current-schema-id'])
  const result = []
  for (const { data_file: file } of dataEntries) {
    const buffer = await asyncBufferFromUrl({ url: file.file_path, byteLength: Number(file.file_size_in_bytes) })
    const gone = vectors.get(file.file_path)
    const rows = await parquetReadObjects({ file: buffer, compressors })
    rows.forEach((row, at) => {
      if (!gone?.has(BigInt(at))) result.push(Object.fromEntries(schema.fields.map(field => [field.name, row[field.name]])))
    })
  }
  return result
}

async function rows([folder, metadataFileName, elsewhere]) {
  moved = elsewhere
  const tableUrl = `file://${folder}`
  const metadata = await icebergMetadata({ tableUrl, metadataFileName: metadataFileName ?? undefined })
  const schema = metadata.schemas.find(one => one['schema-id'] === metadata['current-schema-id'])
  const names = schema.fields.map(field => field.name)
  if (!metadata['current-snapshot-id'] || metadata['current-snapshot-id'] < 0) return [names]
  const manifests = await icebergManifests(metadata)
  if (splitManifestEntries(manifests).dataEntries.length === 0) return [names]
  const objects = metadata['format-version'] >= 3 ? await readWithVectors(tableUrl, metadata, manifests)
    : await icebergRead({ tableUrl, metadata })
  return [names, ...objects.map(row => names.map(name => text(row[name])))]
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    answer = await rows(JSON.parse(line))
  } catch (problem) {
    answer = { error: String(problem.stack ?? problem) }
  }
  console.log(JSON.stringify(answer))
}

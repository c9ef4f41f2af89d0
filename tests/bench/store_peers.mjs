// The same documents as bench_store, through PouchDB over LevelDB. Prints one JSON object of
// figures a second. PouchDB does not sync what it writes; that stays so, in its favour.
//   node store_peers.mjs FOLDER DOCUMENTS
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const require = createRequire(join(process.env.ATELIER_PEERS ?? '.', 'node_modules', 'any.js'))
const PouchDB = require('pouchdb')
const [folder, documents] = [process.argv[2], Number(process.argv[3])]
const kBatch = 1000
const kPuts = 500
const kGets = 5000
const kNames = ['Ada', 'Grace', 'Barbara', 'Edsger', 'Niklaus']

const median = values => values.sort((a, b) => a - b)[values.length >> 1]

function idOf(number) {
  return 'message:' + (1764316800000000 + number * 1000).toString(36).padStart(11, '0') + 'benchrun000'
}

function sample(number) {
  const doc = { _id: idOf(number), author: kNames[number % 5], channel: 'general',
    text: `message ${number} `, time: 1764316800000 + number }
  const { _id, ...body } = doc
  const missing = 250 - JSON.stringify(body).length
  for (let i = 0; i < missing; ++i) doc.text += String.fromCharCode(97 + (number + i) % 26)
  return doc
}

async function msOf(work) {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

const db = new PouchDB(join(folder, 'pouch'), { auto_compaction: false })
const figures = {}

const batches = []
for (let at = 0; at < documents; at += kBatch) {
  const docs = Array.from({ length: kBatch }, (_, i) => sample(at + i))
  batches.push(await msOf(() => db.bulkDocs(docs)))
}
figures.batches = kBatch * 1000 / median(batches)

const puts = []
for (let i = 0; i < kPuts; ++i) {
  const doc = sample(documents + i)
  puts.push(await msOf(() => db.put(doc)))
}
figures.puts = 1000 / median(puts)

let seed = 1
const random = () => (seed = (seed * 48271) % 2147483647) % documents
figures.gets = kGets * 1000 / await msOf(async () => {
  for (let i = 0; i < kGets; ++i) {
    const number = random()
    const doc = await db.get(idOf(number))
    if (doc.time !== 1764316800000 + number) throw new Error('another document')
  }
})

const total = documents + kPuts
figures.scan = total * 1000 / await msOf(async () => {
  const { rows } = await db.allDocs({ include_docs: true })
  if (rows.length !== total) throw new Error(`${rows.length} documents`)
})
figures.changes = total * 1000 / await msOf(async () => {
  const { results } = await db.changes({ since: 0 })
  if (results.length !== total) throw new Error(`${results.length} changes`)
})
await db.close()
console.log(JSON.stringify(figures))

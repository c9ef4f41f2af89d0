// The same edits and batches as bench_text, through Yjs and Loro (and Automerge with --automerge, which
// takes minutes). Prints one JSON object: work → [{peer, value}], in ms or kB.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { gunzipSync } from 'node:zlib'

const require = createRequire(join(process.env.ATELIER_PEERS ?? '.', 'node_modules', 'any.js'))
const kEditsPerBatch = 50
const kLocal = 'apply 260k local edits'
const kLoad = 'load the full history'
const kOneByOne = '5,196 remote batches, one by one'
const kTogether = '5,196 remote batches, together'
const kSize = 'encoded history with the text'

const trace = JSON.parse(gunzipSync(readFileSync(join(process.env.ATELIER_TRACES, 'automerge-paper.json.gz'))))
const patches = trace.txns.flatMap(txn => txn.patches)
const results = {}

function record(work, peer, value) {
  (results[work] ??= []).push({ peer, value })
}

function time(work, peer, make, run, rounds = 3) {
  const times = []
  for (let round = 0; round < rounds; ++round) {
    const made = make()
    const begin = performance.now()
    run(made)
    times.push(performance.now() - begin)
  }
  times.sort((a, b) => a - b)
  record(work, peer, times[times.length >> 1])
}

function check(peer, text) {
  if (text !== trace.endContent) throw new Error(`${peer} ends in another text`)
}

function batchesOf(count) {
  const batches = []
  for (let i = 0; i < patches.length; i += count) batches.push(patches.slice(i, i + count))
  return batches
}

function yjs() {
  const Y = require('yjs')
  const edit = (text, [position, erased, inserted]) => {
    if (erased > 0) text.delete(position, erased)
    if (inserted) text.insert(position, inserted)
  }
  const typed = new Y.Doc()
  time(kLocal, 'Yjs', () => typed.getText(), text => patches.forEach(patch => edit(text, patch)), 1)
  const whole = new Y.Doc()
  const batches = []
  whole.on('update', update => batches.push(update))
  for (const batch of batchesOf(kEditsPerBatch)) {
    whole.transact(() => batch.forEach(patch => edit(whole.getText(), patch)))
  }
  check('Yjs', whole.getText().toString())
  const encoded = Y.encodeStateAsUpdate(typed) // smaller than that of the batches
  record(kSize, 'Yjs', encoded.length / 1000)
  time(kLoad, 'Yjs', () => new Y.Doc(), doc => { Y.applyUpdate(doc, encoded); doc.getText().toString() })
  time(kOneByOne, 'Yjs', () => new Y.Doc(), doc => batches.forEach(batch => Y.applyUpdate(doc, batch)))
  time(kTogether, 'Yjs', () => new Y.Doc(), doc => Y.transact(doc, () => batches.forEach(b => Y.applyUpdate(doc, b))))
}

function loro() {
  const { LoroDoc } = require('loro-crdt')
  const edit = (text, [position, erased, inserted]) => {
    if (erased > 0) text.delete(position, erased)
    if (inserted) text.insert(position, inserted)
  }
  time(kLocal, 'Loro', () => new LoroDoc(), doc => {
    const text = doc.getText('text')
    patches.forEach(patch => edit(text, patch))
    doc.commit()
  }, 1)
  const whole = new LoroDoc()
  const batches = []
  for (const batch of batchesOf(kEditsPerBatch)) {
    const version = whole.version()
    batch.forEach(patch => edit(whole.getText('text'), patch))
    whole.commit()
    batches.push(whole.export({ mode: 'update', from: version }))
  }
  check('Loro', whole.getText('text').toString())
  const encoded = whole.export({ mode: 'snapshot' })
  record(kSize, 'Loro', encoded.length / 1000)
  time(kLoad, 'Loro', () => new LoroDoc(), doc => { doc.import(encoded); doc.getText('text').toString() })
  time(kOneByOne, 'Loro', () => new LoroDoc(), doc => batches.forEach(batch => doc.import(batch)))
  time(kTogether, 'Loro', () => new LoroDoc(), doc => doc.importBatch(batches))
}

function automerge() {
  const A = require('@automerge/automerge')
  const make = () => A.from({ text: '' })
  const apply = (doc, batch) => A.change(doc, d => {
    for (const [position, erased, inserted] of batch) A.splice(d, ['text'], position, erased, inserted)
  })
  let whole = null
  time(kLocal, 'Automerge', make, doc => { whole = apply(doc, patches) }, 1)
  check('Automerge', whole.text)
  const encoded = A.save(whole)
  record(kSize, 'Automerge', encoded.length / 1000)
  time(kLoad, 'Automerge', () => null, () => A.load(encoded))
  let writer = make()
  const start = A.clone(writer)
  const batches = []
  for (const batch of batchesOf(kEditsPerBatch)) {
    writer = apply(writer, batch)
    batches.push(A.getLastLocalChange(writer))
  }
  time(kTogether, 'Automerge', () => A.clone(start), doc => A.applyChanges(doc, batches), 1)
}

for (const [name, run] of [['yjs', yjs], ['loro', loro], ['automerge', automerge]]) {
  if (name === 'automerge' && !process.argv.includes('--automerge')) continue
  try {
    run()
  } catch (error) {
    process.stderr.write(`text_peers: ${name}: ${error.message}\n`)
  }
}
process.stdout.write(JSON.stringify(results))

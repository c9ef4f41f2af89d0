// PouchDB's part of bench_replication, in a process of its own:
//   pull URL N   replicates a database into a new one on leveldb
//   push URL N   the other way round, N documents of the same size
//   serve        an express-pouchdb server in memory; ends with its standard input
// Prints {"seconds", "cpu_ms"} of the replication alone, or the server's address.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const require = createRequire(join(process.env.ATELIER_PEERS ?? '.', 'package.json'))
const PouchDB = require('pouchdb')
const kBatch = { batch_size: 1000, batches_limit: 10 } // faster than its defaults of 100
const [, , work, url, count] = process.argv
const folder = mkdtempSync(join(tmpdir(), 'atelier-bench-pouch-'))

async function fill(db, documents) {
  const words = 'what was said in this line is as long as people say things when they chat with others, neither very ' +
    'short nor a whole letter, so that a document with all of its members has the size that was measured'
  for (let from = 0; from < documents; from += 1000) {
    const docs = []
    for (let i = from; i < Math.min(documents, from + 1000); ++i) {
      docs.push({ _id: `message:${String(i).padStart(12, '0')}`, sender: 'ada', sent: 1700000000000 + i,
        text: `${i} ${words}`.slice(0, 180) })
    }
    await db.bulkDocs(docs)
  }
}

if (work === 'serve') {
  const app = require('express')()
  const memory = PouchDB.plugin(require('pouchdb-adapter-memory')).defaults({ adapter: 'memory' })
  app.use('/', require('express-pouchdb')(memory, { inMemoryConfig: true, logPath: join(folder, 'log.txt') }))
  const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
  process.stdin.on('end', () => {
    rmSync(folder, { recursive: true, force: true })
    process.exit(0)
  }).resume()
} else {
  const local = new PouchDB(join(folder, 'room'))
  const remote = new PouchDB(url)
  if (work === 'push') await fill(local, Number(count))
  else await local.info()
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const result = work === 'push' ? await PouchDB.replicate(local, remote, kBatch)
    : await PouchDB.replicate(remote, local, kBatch)
  const seconds = (performance.now() - begin) / 1000
  const used = process.cpuUsage(cpu)
  if (result.docs_written !== Number(count)) throw new Error(`${result.docs_written} documents instead of ${count}`)
  console.log(JSON.stringify({ seconds, cpu_ms: (used.user + used.system) / 1000 }))
  await local.close()
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}

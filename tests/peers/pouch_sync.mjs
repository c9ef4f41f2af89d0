// PouchDB with a database on disk that replicates both ways once and ends: pouch_sync.mjs FOLDER URL [DOCUMENT].
// A process of its own, because what breaks under it ends in rejections that nobody can catch.
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(path.join(process.env.ATELIER_PEERS, 'package.json'));
const PouchDB = require('pouchdb');
const [folder, url, document] = process.argv.slice(2);
const local = new PouchDB(folder, { adapter: 'leveldb' });
if (document) await local.put(JSON.parse(document));
await local.sync(new PouchDB(url, { adapter: 'http', skip_setup: true }));
const rows = (await local.allDocs()).rows.map((row) => [row.id, row.value.rev]);
await local.close();
console.log(JSON.stringify(Object.fromEntries(rows)));

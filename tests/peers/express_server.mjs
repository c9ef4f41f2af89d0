// An express-pouchdb server in memory on a free port; prints its URL. A process of its own, because
// express-pouchdb never lets its process end by itself.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { pouch, require } from './harness.mjs';

const folder = process.argv[2] ?? mkdtempSync(path.join(tmpdir(), 'atelier-express-'));
const app = require('express')();
app.use('/', require('express-pouchdb')(pouch(), { inMemoryConfig: true, logPath: path.join(folder, 'log.txt') }));
const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));

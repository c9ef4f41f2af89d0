// nano, CouchDB's official client, creates, reads, updates, deletes, lists and follows changes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { makeWorld, require, serve, until } from './harness.mjs';

const nano = require('nano');
let world, server, couch;
before(async () => {
  world = await makeWorld();
  server = await serve(world);
  couch = nano(server.admin);
});
after(() => world.end());

test('creates, lists and destroys databases', async () => {
  await couch.db.create('alpha');
  await assert.rejects(couch.db.create('alpha'), { statusCode: 412, error: 'file_exists' });
  await assert.rejects(couch.db.create('Alpha'), { statusCode: 400, error: 'illegal_database_name' });
  assert.ok((await couch.db.list()).includes('alpha'));
  assert.equal((await couch.db.get('alpha')).doc_count, 0);
  await couch.db.destroy('alpha');
  await assert.rejects(couch.db.get('alpha'), { statusCode: 404 });
});

test('creates, reads, updates, deletes and lists documents', async () => {
  await couch.db.create('docs');
  const db = couch.use('docs');
  const first = await db.insert({ sender: 'ann', n: 1.5 }, 'message:1');
  assert.match(first.rev, /^1-[0-9a-f]{32}$/);
  await assert.rejects(db.insert({ sender: 'bob' }, 'message:1'), { statusCode: 409, error: 'conflict' });
  const second = await db.insert({ _rev: first.rev, sender: 'ann', n: 2 }, 'message:1');
  assert.match(second.rev, /^2-/);
  assert.deepEqual(await db.get('message:1'), { _id: 'message:1', _rev: second.rev, sender: 'ann', n: 2 });
  assert.equal((await db.get('message:1', { rev: first.rev })).n, 1.5);
  assert.ok((await db.insert({ made: 'up' })).id.length >= 16);
  const rows = await db.bulk({ docs: [{ _id: 'message:2' }, { _id: 'message:1', _rev: first.rev }] });
  assert.deepEqual(rows.map((row) => row.error), [undefined, 'conflict']);
  const list = await db.list({ startkey: 'message:', endkey: 'message:\ufff0', include_docs: true });
  assert.deepEqual(list.rows.map((row) => row.id), ['message:1', 'message:2']);
  assert.equal(list.rows[0].doc.n, 2);
  const keys = await db.fetch({ keys: ['message:2', 'nope'] });
  assert.equal(keys.rows[1].error, 'not_found');
  await db.destroy('message:1', second.rev);
  await assert.rejects(db.get('message:1'), { statusCode: 404, message: 'deleted' });
  await assert.rejects(db.insert({}, '_bad'), { statusCode: 400 });
});

test('attaches and reads back', async () => {
  await couch.db.create('files');
  const db = couch.use('files');
  const data = Buffer.from('<script>alert(1)</script>');
  await db.attachment.insert('message:f', 'page.html', data, 'text/html');
  assert.ok(data.equals(await db.attachment.get('message:f', 'page.html')));
  const reply = await fetch(`${server.url}/files/message:f/page.html`);
  assert.match(reply.headers.get('content-security-policy') ?? '', /sandbox/);
  assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
});

test('replicates once, some documents, and continuously until it is cancelled by its id', async () => {
  await couch.db.create('from');
  await couch.db.create('to');
  await couch.use('from').insert({ n: 1 }, 'a');
  await couch.use('from').insert({ n: 2 }, 'b');
  const ask = (body) => couch.request({ method: 'POST', path: '_replicate', body });
  const some = await ask({ source: 'from', target: 'to', doc_ids: ['a', 'none'] });
  assert.equal(some.docs_written, 1); // beside the history, as CouchDB has it for doc_ids
  assert.equal(some.history[0].docs_written, 1);
  const all = await ask({ source: 'from', target: 'to' });
  assert.equal(all.docs_written, undefined);
  assert.equal((await couch.db.get('to')).doc_count, 2);
  assert.equal((await ask({ source: 'from', target: 'to' })).no_changes, true);

  const live = { source: 'from', target: 'to', continuous: true };
  const { _local_id: id } = await ask(live);
  assert.equal((await ask(live))._local_id, id);
  const jobs = await couch.request({ path: '_scheduler/jobs' });
  assert.deepEqual(jobs.jobs.map((job) => job.id), [id]); // asked for twice, it runs once
  assert.equal((await ask({ replication_id: id, cancel: true }))._local_id, id);
  await assert.rejects(ask({ replication_id: id, cancel: true }), { statusCode: 404 });
  assert.equal((await ask(live))._local_id, id); // begins anew
  assert.equal((await ask({ ...live, cancel: true }))._local_id, id);
});

test('attachments of text are packed as CouchDB packs them', async () => {
  await couch.db.create('texts');
  const db = couch.use('texts');
  await db.attachment.insert('t', 't.txt', 'hello world', 'text/plain');
  const doc = await db.get('t', { att_encoding_info: true });
  assert.deepEqual(doc._attachments['t.txt'], { content_type: 'text/plain', revpos: 1, length: 11, stub: true,
    digest: 'md5-7mkg+nM0HN26sZkLN8KVSA==', encoding: 'gzip', encoded_length: 31 });
  assert.equal(String(await db.attachment.get('t', 't.txt')), 'hello world');
});

test('follows changes', async () => {
  await couch.db.create('feed');
  const db = couch.use('feed');
  const seen = [];
  const reader = db.changesReader.start({ since: '0', wait: false });
  reader.on('change', (change) => seen.push(change.id));
  reader.on('error', (error) => seen.push(String(error)));
  for (let n = 0; n < 5; ++n) await db.insert({ n }, `message:${n}`);
  await until(() => seen.length >= 5, 'five changes');
  db.changesReader.stop();
  assert.deepEqual(seen, [0, 1, 2, 3, 4].map((n) => `message:${n}`));
  await db.insert({}, 'message:last'); // lets the pending request end
});

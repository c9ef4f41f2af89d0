// PouchDB 9 in Node replicates both ways with `atelier serve`: one-shot and live, deletes, conflicts,
// and an attachment that is carried through untouched.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';

import { freshPouch, leavesOf, makeWorld, pouch, serve, until } from './harness.mjs';

const PouchDB = pouch();
let world, server;
before(async () => {
  world = await makeWorld();
  server = await serve(world);
});
after(() => world.end());

let rooms = 0;
async function freshRoom() {
  const name = `room${++rooms}`;
  const remote = new PouchDB(`${server.admin}/${name}`, { adapter: 'http' });
  await remote.info(); // creates it, as the administrator
  return { name, remote: new PouchDB(`${server.url}/${name}`, { adapter: 'http', skip_setup: true }) };
}

const chat = (n) => ({ _id: `message:${String(n).padStart(6, '0')}`, timestamp: n, sender: 'ann', text: `hello ${n} ✨` });

test('pushes and pulls a thousand messages once', async () => {
  const { remote } = await freshRoom();
  const a = freshPouch(PouchDB), b = freshPouch(PouchDB);
  await a.bulkDocs(Array.from({ length: 1000 }, (_, n) => chat(n)));
  const pushed = await a.replicate.to(remote);
  assert.equal(pushed.docs_written, 1000);
  assert.deepEqual(pushed.errors, []);
  const pulled = await b.replicate.from(remote);
  assert.equal(pulled.docs_written, 1000);
  assert.deepEqual(await leavesOf(b), await leavesOf(a));
  const again = await b.replicate.from(remote);
  assert.equal(again.docs_read, 0, 'the checkpoint is found again');
});

test('carries updates, deletes, re-creation and conflicts with every leaf', async () => {
  const { remote } = await freshRoom();
  const a = freshPouch(PouchDB), b = freshPouch(PouchDB);
  await a.bulkDocs([chat(1), chat(2), chat(3), chat(4)]);
  await a.sync(remote);
  await b.sync(remote);
  await a.put({ ...(await a.get(chat(1)._id)), text: 'from a' });
  await b.put({ ...(await b.get(chat(1)._id)), text: 'from b' }); // a conflict
  await a.remove(await a.get(chat(2)._id));
  await b.put({ _id: chat(3)._id, _rev: (await b.get(chat(3)._id))._rev, _deleted: true, last: 'words' }); // a tombstone with a body
  await a.remove(await a.get(chat(4)._id));
  await a.put({ ...chat(4), text: 'again' });
  for (const db of [a, b, a]) await db.sync(remote);
  const expected = await leavesOf(a);
  assert.deepEqual(await leavesOf(b), expected);
  assert.deepEqual(await leavesOf(remote), expected);
  assert.equal(expected[chat(1)._id].length, 2);
  assert.equal((await remote.get(chat(1)._id))._rev, (await a.get(chat(1)._id))._rev, 'the same winner');
  // Resolving the conflict replicates as well.
  const loser = (await a.get(chat(1)._id, { conflicts: true }))._conflicts[0];
  await a.remove(chat(1)._id, loser);
  for (const db of [a, b]) await db.sync(remote);
  assert.equal((await b.get(chat(1)._id, { conflicts: true }))._conflicts, undefined);
});

test('carries an attachment through untouched', async () => {
  const { remote } = await freshRoom();
  const a = freshPouch(PouchDB), b = freshPouch(PouchDB);
  const bytes = randomBytes(300_000);
  await a.put({ _id: 'message:with-image', timestamp: 1, sender: 'ann', text: 'look',
    _attachments: { 'bild ü.bin': { content_type: 'application/octet-stream', data: bytes },
      'note.txt': { content_type: 'text/plain', data: Buffer.from('a note') } } });
  await a.replicate.to(remote);
  const stub = (await remote.get('message:with-image'))._attachments['bild ü.bin'];
  assert.equal(stub.length, bytes.length);
  await b.replicate.from(remote);
  assert.ok(bytes.equals(await b.getAttachment('message:with-image', 'bild ü.bin')));
  // An update that keeps the attachment as a stub keeps its bytes.
  await b.put({ ...(await b.get('message:with-image')), text: 'look again' });
  await b.replicate.to(remote);
  await a.replicate.from(remote);
  assert.equal((await a.get('message:with-image')).text, 'look again');
  assert.ok(bytes.equals(await a.getAttachment('message:with-image', 'bild ü.bin')));
  assert.deepEqual(await leavesOf(b), await leavesOf(a));
});

test('stays live in both directions', async () => {
  const { remote } = await freshRoom();
  const a = freshPouch(PouchDB), b = freshPouch(PouchDB);
  const lives = [a.sync(remote, { live: true, retry: true }), b.sync(remote, { live: true, retry: true })];
  const failures = [];
  for (const live of lives) live.on('error', (error) => failures.push(error)).on('denied', (error) => failures.push(error));
  try {
    for (let n = 0; n < 20; ++n) await (n % 2 ? a : b).put(chat(n));
    for (const db of [a, b]) await until(async () => (await db.info()).doc_count === 20, 'all messages on both sides');
    await a.remove(await a.get(chat(0)._id));
    await until(async () => (await b.info()).doc_count === 19, 'the deletion on the other side');
    assert.deepEqual(await leavesOf(a), await leavesOf(b));
    assert.deepEqual(failures, []);
  } finally {
    for (const live of lives) live.cancel();
    await Promise.allSettled(lives);
  }
});

test('is refused what needs an administrator, without credentials', async () => {
  const { name, remote } = await freshRoom();
  await assert.rejects(remote.put({ _id: '_design/x', views: {} }), { status: 401 });
  await assert.rejects(remote.destroy(), { status: 401 });
  const missing = new PouchDB(`${server.url}/nowhere`, { adapter: 'http' });
  await assert.rejects(missing.put(chat(1)));
  const still = await (await fetch(`${server.url}/${name}`)).json();
  assert.equal(still.db_name, name);
});

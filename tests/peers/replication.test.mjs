// What replication with PouchDB's own programs must do beyond moving documents: filters, newest first,
// attachments both ways, edits that both sides made.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { expressPouch, freshPouch, leavesOf, makeWorld, pouch, run, serve, stop } from './harness.mjs';

let world, express;
before(async () => {
  world = await makeWorld();
  express = await expressPouch(world);
});
after(() => world.end());

const ids = async (room) => (await run(world, ['changes', room])).out.split('\n').filter(Boolean).map((line) => JSON.parse(line).id).sort();

test('a prefix filter pulls its collection alone, from PouchDB\'s server and from ours', async () => {
  const docs = ['message:1', 'message:2', 'messages:1', 'board:1'].map((_id) => ({ _id }));
  await express.db('filtered').bulkDocs(docs);
  const synced = await run(world, ['sync', 'filtered', `${express.url}/filtered`, '--prefix', 'message']);
  assert.equal(synced.code, 0, synced.err);
  assert.deepEqual(await ids('filtered'), ['message:1', 'message:2']);

  const server = await serve(world, { profile: 'filtering', args: ['--room', 'source'] });
  await new (pouch())(`${server.admin}/source`, { adapter: 'http', skip_setup: true }).bulkDocs(docs);
  const ours = await run(world, ['sync', 'ours', `${server.url}/source`, '--prefix', 'message', '--prefix', 'board']);
  assert.equal(ours.code, 0, ours.err);
  assert.deepEqual(await ids('ours'), ['board:1', 'message:1', 'message:2']);
  await stop(server.child);
});

test('attachments large and small cross both ways, byte for byte', async () => {
  const large = Buffer.alloc(3 << 20, 'large and dull ');
  const binary = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) & 255));
  const theirs = express.db('attached');
  await theirs.put({ _id: 'message:theirs', _attachments: { 'large.bin': { content_type: 'application/octet-stream', data: large },
    'small.txt': { content_type: 'text/plain', data: Buffer.from('small') } } });
  const server = await serve(world, { profile: 'attaching', args: ['--room', 'attached'] });
  const ours = new (pouch())(`${server.admin}/attached`, { adapter: 'http', skip_setup: true });
  await ours.put({ _id: 'message:ours', _attachments: { 'b.bin': { content_type: 'application/x-b', data: binary } } });
  await stop(server.child);

  const synced = await run(world, ['sync', 'attached', `${express.url}/attached`, '--profile', 'attaching', '--json']);
  assert.equal(synced.code, 0, synced.err);
  assert.deepEqual(JSON.parse(synced.out), { pulled: 1, pushed: 1, refused: 0 });
  assert.ok(binary.equals(Buffer.from(await theirs.getAttachment('message:ours', 'b.bin'))));

  const again = await serve(world, { profile: 'attaching' });
  const reopened = new (pouch())(`${again.admin}/attached`, { adapter: 'http', skip_setup: true });
  assert.ok(large.equals(Buffer.from(await reopened.getAttachment('message:theirs', 'large.bin'))));
  assert.deepEqual(await leavesOf(reopened), await leavesOf(theirs));
  await stop(again.child);
});

test('the same edit made here and in PouchDB is one edit, and nobody answers the merge', async () => {
  const server = await serve(world, { profile: 'twins', args: ['--room', 'twins'] });
  const remote = new (pouch())(`${server.admin}/twins`, { adapter: 'http', skip_setup: true });
  const local = freshPouch(pouch());
  const body = { _id: 'message:twin', text: 'said twice', n: 1000 };
  await remote.put({ ...body });
  await local.put({ ...body });
  assert.notEqual((await remote.get(body._id))._rev, (await local.get(body._id))._rev);
  for (let round = 0; round < 3; ++round) await local.sync(remote);
  for (const db of [local, remote]) {
    assert.equal((await db.get(body._id, { conflicts: true }))._conflicts, undefined);
  }
  assert.deepEqual(await leavesOf(local), await leavesOf(remote));
  const { last_seq: before } = await remote.changes({ since: 0 });
  await local.sync(remote);
  assert.equal((await remote.changes({ since: before })).results.length, 0);
  await stop(server.child);
});

test('a document that differs stays a conflict on both sides', async () => {
  const server = await serve(world, { profile: 'differing', args: ['--room', 'differing'] });
  const remote = new (pouch())(`${server.admin}/differing`, { adapter: 'http', skip_setup: true });
  const local = freshPouch(pouch());
  await remote.put({ _id: 'message:one', text: 'here' });
  await local.put({ _id: 'message:one', text: 'there' });
  await local.sync(remote);
  for (const db of [local, remote]) {
    assert.equal((await db.get('message:one', { conflicts: true }))._conflicts.length, 1);
  }
  await stop(server.child);
});

test('an edge that left a large attachment behind gives PouchDB no document without its bytes', async () => {
  const large = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7919) & 255));
  const upstream = await serve(world, { profile: 'upstream', args: ['--room', 'photos'] });
  const source = new (pouch())(`${upstream.admin}/photos`, { adapter: 'http', skip_setup: true });
  await source.put({ _id: 'message:photo', text: 'sea', _attachments: {
    'large.bin': { content_type: 'application/octet-stream', data: large }, 'small.txt': { content_type: 'text/plain', data: Buffer.from('small') } } });
  const from = `${upstream.url}/photos`;
  const synced = await run(world, ['sync', 'photos', from, '--profile', 'edge', '--leave-blobs-above', '10kB']);
  assert.equal(synced.code, 0, synced.err);

  const edge = await serve(world, { profile: 'edge' });
  const served = `${edge.admin}/photos`;
  const asked = await fetch(`${edge.url}/photos/message:photo/large.bin`, { headers: { Authorization: `Basic ${Buffer.from(`admin:${edge.token}`).toString('base64')}` } });
  assert.equal(asked.status, 503);
  assert.ok(asked.headers.get('retry-after'));
  const local = freshPouch(pouch());
  await assert.rejects(local.replicate.from(new (pouch())(served, { adapter: 'http', skip_setup: true })));
  await assert.rejects(local.get('message:photo'), { status: 404 });
  await stop(edge.child);

  const file = `${world.folder}/large.bin`;
  const read = await run(world, ['attachment', 'photos', 'message:photo', 'large.bin', '--profile', 'edge', '--from', from, '--output', file]);
  assert.equal(read.code, 0, read.err);
  assert.ok(large.equals(readFileSync(file)));
  const again = await serve(world, { profile: 'edge' });
  await local.replicate.from(new (pouch())(`${again.admin}/photos`, { adapter: 'http', skip_setup: true }));
  assert.ok(large.equals(Buffer.from(await local.getAttachment('message:photo', 'large.bin'))));
  assert.equal((await local.get('message:photo')).text, 'sea');
  await stop(again.child);
  await stop(upstream.child);
});

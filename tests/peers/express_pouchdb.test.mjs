// `atelier sync` and `atelier put/get/changes` replicate both ways with express-pouchdb.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { expressPouch, leavesOf, makeWorld, pouch, run, serve, start, stop, until } from './harness.mjs';

let world, express;
before(async () => {
  world = await makeWorld();
  express = await expressPouch(world);
});
after(() => world.end());

const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

test('both sides have everything after one sync', async () => {
  const theirs = express.db('exchange');
  const image = Buffer.from([0, 1, 2, 255, 254]);
  await theirs.bulkDocs([{ _id: 'message:theirs', text: 'hello from there', big: 12345678901 },
    { _id: 'message:gone', text: 'x' }]);
  await theirs.remove(await theirs.get('message:gone'));
  await theirs.put({ _id: 'message:image', _attachments: { 'i.png': { content_type: 'image/png', data: image } } });
  await theirs.bulkDocs([{ _id: 'message:split', _rev: '2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', text: 'b',
    _revisions: { start: 2, ids: ['bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'] } },
  { _id: 'message:split', _rev: '2-cccccccccccccccccccccccccccccccc', text: 'c',
    _revisions: { start: 2, ids: ['cccccccccccccccccccccccccccccccc', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'] } }],
  { new_edits: false });

  const put = await run(world, ['put', 'exchange'], '{"_id":"message:ours","text":"hello from here","n":1.50}\n{"_id":"message:two"}\n');
  assert.equal(put.code, 0, put.err);
  assert.deepEqual(lines(put.out).map((row) => row.ok), [true, true]);

  const synced = await run(world, ['sync', 'exchange', `${express.url}/exchange`, '--json']);
  assert.equal(synced.code, 0, synced.err);
  assert.deepEqual(lines(synced.out).at(-1), { pulled: 5, pushed: 2, refused: 0 });

  assert.equal((await theirs.get('message:ours')).text, 'hello from here');
  const got = await run(world, ['get', 'exchange', 'message:theirs']);
  assert.equal(JSON.parse(got.out).big, 12345678901);
  assert.equal((await run(world, ['get', 'exchange', 'message:gone'])).code, 1);

  const server = await serve(world, { profile: 'default' });
  const ours = new (pouch())(`${server.admin}/exchange`, { adapter: 'http', skip_setup: true });
  assert.deepEqual(await leavesOf(ours), await leavesOf(theirs));
  assert.ok(image.equals(Buffer.from(await ours.getAttachment('message:image', 'i.png'))));
  await stop(server.child);

  const again = await run(world, ['sync', 'exchange', `${express.url}/exchange`, '--json']);
  assert.deepEqual(lines(again.out).at(-1), { pulled: 0, pushed: 0, refused: 0 });
});

test('live sync carries changes both ways until it is stopped', async () => {
  await run(world, ['put', 'live'], '{"_id":"message:first"}\n');
  const sync = start(world, ['sync', 'live', `${express.url}/live`, '--live', '--json']);
  await until(() => sync.lines.length > 0, 'the first exchange');
  const theirs = express.db('live');
  assert.ok(await theirs.get('message:first'));
  await theirs.put({ _id: 'message:from-them', text: 'live' });
  // The profile is held by the running command: the others go through its control socket.
  await until(async () => (await run(world, ['get', 'live', 'message:from-them'])).code === 0, 'their message here');
  assert.equal((await run(world, ['put', 'live'], '{"_id":"message:from-us"}\n')).code, 0);
  await until(async () => (await theirs.allDocs()).rows.some((row) => row.id === 'message:from-us'), 'our message there');
  assert.equal((await stop(sync)).code, 0);
});

test('says what is wrong with a server that is not there, and loses nothing', async () => {
  await run(world, ['put', 'alone'], '{"_id":"message:kept"}\n');
  const refused = await run(world, ['sync', 'alone', 'http://ann:s3cr3t@127.0.0.1:9/alone']);
  assert.equal(refused.code, 1);
  assert.doesNotMatch(refused.err + refused.out, /s3cr3t/);
  assert.match(refused.err, /127\.0\.0\.1:9/);
  const changes = await run(world, ['changes', 'alone']);
  assert.deepEqual(lines(changes.out).map((row) => row.id), ['message:kept']);
});
